"""HAProxy itself: check a new file, put it in place, reload, and roll back if that fails."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.haproxy.config_text import HEAD, outside
from checker.linux.sockets import read_listeners
from checker.model import IPV4_LOOPBACK, IPV6_LOOPBACK, CheckerError, Port

PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
SYSTEM_RELOAD = "systemctl reload haproxy"
CHECK_WITHIN_S = 30.0
RELOAD_WITHIN_S = 60.0
LISTENS_WITHIN_S = 5.0
POLL_S = 0.05


class HaproxyMissing(CheckerError):
    """HAProxy is not installed."""

    def __init__(self) -> None:
        super().__init__("haproxy is not installed; as root, run: apt-get install haproxy")


class FileRefused(CheckerError):
    """HAProxy rejects the configuration that we made."""

    def __init__(self, why: str) -> None:
        super().__init__(f"haproxy refuses the new configuration, so the old one stays: {why}")


class ReloadFailed(CheckerError):
    """HAProxy did not take up the new file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; the old configuration is back; see docs/publishing.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """How this gateway uses HAProxy."""

    path: Path
    """Our file; the admin may have another beside it."""
    addresses: tuple[str, ...]
    """Addresses on which it binds each published port."""
    beside: tuple[str, ...] = ()
    """Addresses on which it binds a port that the tunnel has on the loopback."""
    reload: str
    """Command that makes it read the file again; empty: the admin reloads it."""
    loopback: str = IPV4_LOOPBACK
    """Address on which sshd listens for the tunnels."""


def proxy_file(layout: Layout) -> Path:
    """Return the path of our file."""
    return layout.config.with_name("haproxy.cfg")


def proxy_of(layout: Layout, config: Config) -> Proxy:
    """Return our file and the settings of reversi.toml, with defaults for what they leave out."""
    default = SYSTEM_RELOAD if layout.home is None else ""
    addresses = config.publish_on or every_address()
    return Proxy(
        path=proxy_file(layout),
        addresses=addresses,
        beside=outside(addresses, own_addresses()),
        reload=default if config.haproxy_reload is None else config.haproxy_reload,
        loopback=tunnel_loopback() if layout.home is None else IPV4_LOOPBACK,
    )


def tunnel_loopback() -> str:
    """Return where the machine's sshd listens for `-R localhost`: 127.0.0.1, or ::1 with
    `AddressFamily inet6`; 127.0.0.1 too if sshd cannot be asked.
    """
    from checker.sshd.lockdown import settings  # slow to load
    from checker.sshd.program import ask_sshd

    try:
        said = settings(ask_sshd("-T").stdout)
    except CheckerError:
        return IPV4_LOOPBACK
    family = {key.lower(): value for key, value in said.items()}.get("addressfamily")
    return IPV6_LOOPBACK if family == "inet6" else IPV4_LOOPBACK


def every_address() -> tuple[str, ...]:
    """Return the wildcard addresses of the address families that this machine has."""
    import psutil  # slow to load

    addresses = [one for link in psutil.net_if_addrs().values() for one in link]
    has_ipv6 = any(one.family is socket.AF_INET6 for one in addresses)
    return ("0.0.0.0", "::") if has_ipv6 else ("0.0.0.0",)  # noqa: S104 - to publish is to bind them all


def own_addresses() -> tuple[str, ...]:
    """Return the IP addresses that this machine has now, without their zones."""
    import psutil  # slow to load

    return tuple(
        one.address.partition("%")[0]
        for link in psutil.net_if_addrs().values()
        for one in link
        if one.family in (socket.AF_INET, socket.AF_INET6)
    )


def find_haproxy() -> str:
    """Return its path. Raises HaproxyMissing."""
    found = shutil.which("haproxy", path=f"{PLACES}:{os.environ.get('PATH', '')}")
    if found is None:
        raise HaproxyMissing
    return found


def is_installed() -> bool:
    try:
        find_haproxy()
    except HaproxyMissing:
        return False
    return True


def check(candidate: Path) -> None:
    """Have HAProxy check a file. Raises HaproxyMissing, and FileRefused with HAProxy's message."""
    try:
        done = subprocess.run(
            [find_haproxy(), "-c", "-f", str(candidate)],
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_WITHIN_S,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FileRefused(str(error)) from error
    if done.returncode:
        alerts = [
            line.partition(" : ")[2]
            for line in done.stderr.splitlines()
            if line.startswith("[ALERT]")
        ]
        raise FileRefused(alerts[0] if alerts else f"exit status {done.returncode}")


def reload(command: str) -> None:
    """Run the command that makes HAProxy read its files again. Raises ReloadFailed."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            check=False,
            timeout=RELOAD_WITHIN_S,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ReloadFailed(f"haproxy cannot be reloaded with {command!r}: {error}") from error
    if done.returncode:
        said = (
            done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        ).splitlines()[0]
        raise ReloadFailed(f"haproxy cannot be reloaded with {command!r}: {said}")


def without_listener(binds: Mapping[Port, Collection[str]]) -> list[Port]:
    """Return the ports without a listener at one of these addresses; none named: at any."""
    there = read_listeners()
    return [
        port
        for port, addresses in binds.items()
        if not any(
            not addresses or listener.address in addresses for listener in there.get(port, ())
        )
    ]


def await_listening(binds: Mapping[Port, Collection[str]], path: Path) -> None:
    """Wait until each port has a listener, as a reload does not report whether HAProxy could bind.

    Raises ReloadFailed.
    """
    end = time.monotonic() + LISTENS_WITHIN_S
    while silent := without_listener(binds):
        if time.monotonic() > end:
            raise ReloadFailed(
                f"haproxy was reloaded, but does not listen on port {min(silent)}; check that it"
                f" reads {path}"
            )
        time.sleep(POLL_S)


def put_live(
    proxy: Proxy, wanted: bytes, present: bytes | None, binds: Mapping[Port, Collection[str]]
) -> None:
    """Put the wanted file in place of the present one and reload HAProxy; undo all if one fails.

    `binds`: the published ports, and the addresses that tell HAProxy's listener from a tunnel's;
    none: any listener is HAProxy's. Raises HaproxyMissing, FileRefused, ReloadFailed, ConfigError.
    """
    candidate = proxy.path.with_name(f"{proxy.path.name}.new")
    try:
        write_atomically(candidate, wanted, mode=0o644)
        if binds:
            check(candidate)
        write_atomically(proxy.path, wanted, mode=0o644)
    finally:
        candidate.unlink(missing_ok=True)
    if not proxy.reload:
        return
    try:
        reload(proxy.reload)
        await_listening(binds, proxy.path)
    except ReloadFailed:
        write_atomically(proxy.path, HEAD.encode() if present is None else present, mode=0o644)
        with contextlib.suppress(ReloadFailed):
            reload(proxy.reload)
        raise
