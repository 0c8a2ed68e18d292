"""The contents of the files that `init` writes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

DAEMON_USER = "reversi-checker"
KEYS_USER = "reversi-keys"
"""Reads the keys by fingerprint for sshd, and does nothing else: whoever can write into the memory
of its processes could invent keys, and that is every process of the same account.
"""
HEAD = "# written by: reversi-checker init\n"
CAPABILITIES = "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_KILL"
"""The first two show which sshd process owns a socket (capabilities(7)); the third lets the daemon
kill a process of another user.
"""
WATCHDOG_S = 120
ONLY_ON_A_GATEWAY = "ConditionPathExists=/etc/reversi/reversi.toml\n"
"""A package ships its units before `init` has made the gateway. Source: systemd.unit(5)."""


def options_of(service: str) -> str:
    """Return the lines that let the admin add options in /etc/default, as Debian's services do."""
    return f"Environment=ARGS=\nEnvironmentFile=-/etc/default/{service}\n"


UNIT = f"""{HEAD}[Unit]
Description=reversi: tests reverse SSH tunnels, and frees the ports of those that hang
After=network.target
{ONLY_ON_A_GATEWAY}StartLimitIntervalSec=0

[Service]
Type=notify
{options_of("reversi-checker")}ExecStart=@PYTHON@ -I -m checker serve $ARGS
Restart=always
RestartSec=2
WatchdogSec={WATCHDOG_S}
User={DAEMON_USER}
Group={DAEMON_USER}
UMask=0022
RuntimeDirectory=reversi
RuntimeDirectoryPreserve=yes
StateDirectory=reversi
AmbientCapabilities={CAPABILITIES}
CapabilityBoundingSet={CAPABILITIES}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service pidfd_open pidfd_send_signal
SystemCallFilter=~@privileged ptrace process_vm_readv process_vm_writev pidfd_getfd
SystemCallErrorNumber=EPERM
IPAddressDeny=any
IPAddressAllow=localhost

[Install]
WantedBy=multi-user.target
"""


def unit(python: str, readers: str = "") -> bytes:
    """Return the daemon's systemd unit. Sources: systemd.exec(5), systemd.service(5).

    If only `readers` may look, what the daemon writes must be theirs; the spool stays its own.
    systemd sets owner and mode of the directory at each start.
    """
    text = UNIT
    if readers:
        group, state = f"Group={DAEMON_USER}\n", "StateDirectory=reversi\n"
        text = text.replace(
            group, f"Group={readers}\nSupplementary{group.replace('Group', 'Groups')}"
        )
        text = text.replace(state, f"{state}StateDirectoryMode=0750\n")
    return with_python(text, python)


def readers_part(readers: str) -> bytes:
    """Return the drop-in that adds to the plain unit what `unit` writes for these readers."""
    groups = f"Group={readers}\nSupplementaryGroups={DAEMON_USER}\n"
    return f"{HEAD}[Service]\n{groups}StateDirectoryMode=0750\n".encode()


def keys_unit(python: str) -> bytes:
    """Return the unit that removes replaced keys and ports when the daemon leaves a note."""
    return with_python(KEYS_UNIT, python)


def with_python(text: str, python: str) -> bytes:
    return text.replace("@PYTHON@", python.replace("%", "%%")).encode()


KEYS_UNIT = f"""{HEAD}[Unit]
Description=reversi: removes keys and ports that were replaced, and follows files edited by hand
{ONLY_ON_A_GATEWAY}StartLimitIntervalSec=0

[Service]
Type=simple
Restart=on-failure
RestartSec=10
ExecStart=@PYTHON@ -I -m checker.tunnels.key_rotation
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/etc/reversi /var/lib/reversi
ProtectHome=yes
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6
SystemCallFilter=@system-service
"""
"""Runs as root, because only root writes the registry: a daemon that could write it could give any
key any port. Without this unit the key that `node rekey` replaced, which may be stolen, would stay
valid until the admin removes it. If it fails, systemd waits before it starts it again. The path
unit would start it at once, and without end; but it watches only while the service is inactive. The
service sees the machine's network, because HAProxy must follow a port that was moved.
"""
KEYS_PATH = f"""{HEAD}[Unit]
Description=reversi: waits until a node uses its new key or port, or a file was edited by hand
{ONLY_ON_A_GATEWAY}
[Path]
DirectoryNotEmpty=/var/lib/reversi/new-keys

[Install]
WantedBy=multi-user.target
"""


def tmpfiles(tunnel_user: str, readers: str = "") -> bytes:
    """Return the file that makes the directories under /run at boot, even if the daemon never
    starts. Source: tmpfiles.d(5).
    """
    group, mode = readers or DAEMON_USER, "0751" if readers else "0755"
    return (
        f"{HEAD}d /run/reversi 0755 {DAEMON_USER} {group}\n"
        f"d /run/reversi/verdicts {mode} {DAEMON_USER} {group}\n"
        f"d /run/reversi/spool 0770 {tunnel_user} {DAEMON_USER}\n"
    ).encode()


def reversi_toml(tunnel_user: str, operators: str, gateways: Sequence[str]) -> bytes:
    """Return the admin's settings file as it is first written."""
    gateway = (
        gateway_line(gateways)
        if gateways
        else '# gateway = ["gateway.example.org:22"]    # how nodes reach this machine'
    )
    return f'tunnel_user = "{tunnel_user}"\noperators_group = "{operators}"\n{gateway}\n'.encode()


def gateway_line(gateways: Sequence[str]) -> str:
    known = ", ".join(f'"{address}"' for address in gateways)
    return f"gateway = [{known}]"


def with_gateways(text: str, gateways: Sequence[str]) -> str:
    """Return settings that name no gateway, with these; the rest of the text stays."""
    line = gateway_line(gateways)
    text, count = re.subn(r"(?m)^#\s*gateway\s*=.*$", lambda _: line, text, count=1)
    return text if count else f"{line}\n{text}"


def ranges_out(ports: Iterable[int]) -> str:
    """Write ports as a list such as `8080,20000-29999`, in its shortest form. Source:
    ip-sysctl.rst, ip_local_reserved_ports.
    """
    runs: list[list[int]] = []
    for port in sorted(ports):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def sysctl(reserved: Iterable[int]) -> bytes:
    """Return the file that keeps outgoing connections off these ports."""
    return f"{HEAD}net.ipv4.ip_local_reserved_ports = {ranges_out(reserved)}\n".encode()
