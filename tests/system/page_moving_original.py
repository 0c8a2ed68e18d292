"""docs/moving-original.md: an old server, three devices, and what ends their tunnels."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.system.old_server import OldDevice, OldServer
from tests.system.page_steps import Step
from tests.system.waiting import until

OFFICE = OldDevice(name="office", port=50123, is_first=True, retry_s=4)
MAST = OldDevice(name="mast", port=50124, client="dropbear", is_open=True)
ATTIC = OldDevice(name="attic", port=50125)
"""The builder's directory has no file of this one."""
OUTSIDE = "192.168.1.1"
"""An address of the server other than the loopback."""
LOOPBACK = {"127.0.0.1", "::1"}
BANNER = f"exec 3<>/dev/tcp/{OUTSIDE}/{OFFICE.port}; head -c 7 <&3"
HAPROXY = """
set -e
mkdir -p /run/haproxy /var/lib/haproxy /etc/systemd/system/haproxy.service.d
printf '[Service]\\nBindReadOnlyPaths=\\n' >/etc/systemd/system/haproxy.service.d/here.conf
reversi-checker publish
echo 'EXTRAOPTS="-S /run/haproxy-master.sock -f /etc/reversi/haproxy.cfg"' >>/etc/default/haproxy
systemctl daemon-reload
systemctl restart haproxy
"""
WITHOUT_ADDRESS = f"""
set -e
ip address del {OUTSIDE}/32 dev lo
systemctl restart haproxy
ip address add {OUTSIDE}/32 dev lo
"""
"""HAProxy starts although the address is gone, as after a boot without its network."""


@dataclass(slots=True)
class Move:
    """The server while its fleet moves, and the tunnels that must not end."""

    server: OldServer
    sessions: dict[int, str] = field(default_factory=dict)
    """The sshd session that holds each device's port."""

    def prepare(self) -> None:
        self.server.make_old()
        for device in (OFFICE, MAST, ATTIC):
            self.server.start_device(device)
        for device in (OFFICE, MAST):
            self.server.write_rev(device)
        for device in (OFFICE, MAST, ATTIC):
            until(lambda port=device.port: self.server.session(port), "the device has its port")  # type: ignore[misc]
            assert self.server.addresses(device.port) & {"0.0.0.0", "*"}
        self.note()

    def note(self) -> None:
        """From here on, these tunnels must not end."""
        self.sessions = {one.port: self.server.session(one.port) for one in (OFFICE, MAST, ATTIC)}
        assert all(self.sessions.values())

    def interrupts_nothing(self) -> None:
        for port, session in self.sessions.items():
            assert self.server.session(port) == session, f"the tunnel of port {port} ended"

    def rows(self) -> dict[str, str]:
        """The status of each device; its name ends with `*` if it is not registered."""
        said = json.loads(self.server.typed("reversi-checker status --json").stdout)
        found = {one["node"]: one["status"] for one in said["tunnels"]}
        return found | {f"{one['node']}*": one["status"] for one in said["unregistered"]}

    def refuses_to_leave_them_behind(self) -> None:
        """Without the key, `init` names the devices and changes nothing."""
        refused = self.server.typed("reversi-checker init --gateway gateway.example.org:22")
        assert refused.returncode == 2, refused.stdout
        for port in self.sessions:
            assert f"127.0.0.1 on port {port}" in refused.stderr
        assert "--shared-key /home/reversi/.ssh/authorized_keys2" in refused.stderr
        assert "--leave-behind" in refused.stderr
        narrow = self.server.typed(
            "reversi-checker init --shared-key ~/fleet.pub --shared-ports 50000-50124 --dry-run"
        )
        assert narrow.returncode == 2
        assert f"will not get this port again: {ATTIC.port}" in narrow.stderr
        self.changed_nothing()

    def changed_nothing(self) -> None:
        assert not self.server.has("/etc/reversi")
        self.interrupts_nothing()

    def serves_all(self) -> None:
        """The tunnels live on; the devices are listed, and one comes back after its link broke."""
        self.interrupts_nothing()
        names = {f"{one.name}*" for one in (OFFICE, MAST, ATTIC)}
        until(lambda: self.rows() == dict.fromkeys(names, "up"), "all are unregistered, and up")
        assert "!" in self.server.must("sh", "-c", "grep ^reversi: /etc/shadow | cut -d: -f2")
        self.sessions[ATTIC.port] = self.server.end_old_tunnel(ATTIC)
        assert self.server.addresses(ATTIC.port) <= LOOPBACK
        until(lambda: self.rows() == dict.fromkeys(names, "up"), "all are up again")

    def lose_the_mast(self) -> None:
        """The link of the device with `-g` breaks before it is imported."""
        self.server.must("kill", self.sessions.pop(MAST.port))
        refused = f"sshd refused listening on all addresses port {MAST.port}"
        until(lambda: refused in self.server.type("reversi-checker log"), "sshd refuses its port")
        assert not self.server.session(MAST.port)

    def knows_two(self) -> None:
        """The device that sshd refused comes back by itself, on all addresses."""
        until(self.is_mast_back, "the imported device is back")
        self.server.hears_that_all_is_well(MAST)
        assert self.server.addresses(MAST.port) & {"0.0.0.0", "*"}
        self.sessions[MAST.port] = self.server.session(MAST.port)
        assert self.rows() == {"office": "up", "mast": "up", "attic*": "up"}
        self.interrupts_nothing()

    def is_mast_back(self) -> bool:
        said = json.loads(self.server.typed("reversi-checker status mast --json").stdout)
        (mast,) = said["tunnels"]
        return bool(mast["status"] == "up")

    def set_up_haproxy(self) -> None:
        """As docs/publishing.md says; the old tunnel still listens on all addresses."""
        self.server.type(HAPROXY)
        refused = self.server.typed("reversi-checker publish office --port 50123")
        assert "the tunnel of node office listens on all addresses of port 50123" in refused.stderr
        self.interrupts_nothing()
        del self.sessions[OFFICE.port]

    def is_published(self) -> None:
        """HAProxy has the outer address, and the device the loopback when it is back."""
        until(lambda: self.server.session(OFFICE.port), "the device is back")
        self.server.hears_that_all_is_well(OFFICE)
        assert self.server.addresses(OFFICE.port) - LOOPBACK >= {OUTSIDE}
        until(lambda: self.server.typed(BANNER).stdout == "SSH-2.0", "visitors reach it")
        assert "holds port" not in self.server.typed("reversi-checker doctor").stdout
        self.server.type(WITHOUT_ADDRESS)
        until(lambda: self.server.typed(BANNER).stdout == "SSH-2.0", "visitors reach it again")
        self.interrupts_nothing()
        self.note()

    def ends_soon(self) -> None:
        """The next command ends this tunnel."""
        self.interrupts_nothing()
        del self.sessions[OFFICE.port]

    def has_moved(self) -> None:
        """Its own key is the only one, and the old script cannot take the port back."""
        until(
            lambda: "state     valid\n" in self.server.type("reversi-checker node show office"),
            "its own key is the only one",
        )
        assert 'public_key = "shared"' not in self.server.read("/etc/reversi/nodes/office.toml")
        assert self.server.typed(BANNER).stdout == "SSH-2.0"
        self.interrupts_nothing()
        self.note()

    def is_clean(self) -> None:
        """Nothing of the original is left on the device."""
        self.interrupts_nothing()
        assert self.server.read("/etc/rc.local") == "#!/bin/sh\nexit 0\n"
        assert self.server.read("/etc/crontabs/root") == "0 4 * * * logrotate\n"
        assert str(OFFICE.port) not in self.server.typed("screen -ls").stdout

    def is_not_yet_over(self) -> None:
        """Two devices still use the shared key. As they move too, their old scripts end."""
        refused = self.server.typed("reversi-checker init")
        assert refused.returncode == 2, refused.stdout
        for device in (MAST, ATTIC):
            assert f"127.0.0.1 on port {device.port}" in refused.stderr
        assert f"port {OFFICE.port}" not in refused.stderr
        self.interrupts_nothing()
        for device in (MAST, ATTIC):
            for name in ("kam", "kar"):
                self.server.type(f"screen -S {name}{device.port} -X quit")
            del self.sessions[device.port]
            until(lambda port=device.port: not self.server.session(port), "its tunnel ends")  # type: ignore[misc]

    def is_closed(self) -> None:
        assert "reversi:*" not in self.server.key_text()
        self.interrupts_nothing()

    def stays(self) -> None:
        """The device that moved comes back by itself, without anything of the original."""
        self.interrupts_nothing()
        self.server.end_tunnel(OFFICE.port)
        until(lambda: self.rows()["office"] == "up", "it is up")


THROUGH = "ssh -p 50123 root@127.0.0.1"
INIT = "sudo reversi-checker init --gateway gateway.example.org:22 --shared-key ~/fleet.pub"
MOVING: tuple[Step[Move], ...] = (
    Step(
        "sudo sh -c 'umask 077; ssh-keygen -y -f ~/client-builder/keys/reversibash.key"
        " >~/fleet.pub'",
        after=Move.refuses_to_leave_them_behind,
    ),
    Step(f"{INIT} --dry-run", says="would update /etc/reversi", after=Move.changed_nothing),
    Step(INIT, says="done; see: reversi-checker doctor", after=Move.serves_all),
    Step("sudo reversi-checker doctor", says="reversi can run a forced command", ends=(0, 1)),
    Step("reversi-checker status", says="attic"),
    Step(
        "sudo reversi-checker node import ~/client-builder/sourcestore/*/ --dry-run",
        says="office",
        before=Move.lose_the_mast,
    ),
    Step(
        "sudo reversi-checker node import ~/client-builder/sourcestore/*/",
        says="mast",
        after=Move.knows_two,
    ),
    Step("sudo reversi-checker kill office --yes", says="is free", before=Move.set_up_haproxy),
    Step(
        "sudo reversi-checker publish office --port 50123",
        says="office:50123 is published on port 50123",
        after=Move.is_published,
    ),
    Step(
        "sudo reversi-checker node adopt office --target 127.0.0.1:22",
        says="wrote office.key",
        after=Move.interrupts_nothing,
    ),
    Step("sudo reversi-client build office", says="wrote office.sh"),
    Step("sudo scp -O -P 50123 office.sh root@127.0.0.1:/tmp/", after=Move.ends_soon),
    Step(f"{THROUGH} sh /tmp/office.sh install", ends=(0, 255), after=Move.has_moved),
    Step("reversi-checker node show office", says="valid"),
    Step(f"{THROUGH} screen -S kam50123 -X quit"),
    Step(f"{THROUGH} screen -S kar50123 -X quit"),
    Step(f"{THROUGH} \"sed -i '/reversiclient/d' /etc/rc.local\""),
    Step(f"{THROUGH} \"sed -i '/pingtest/d' /etc/crontabs/root\"", after=Move.is_clean),
    Step(f"{THROUGH} rm -r /root/reversiclient-7"),
    Step("reversi-checker node list", says="attic"),
    Step("sudo sed -i 's/^enabled = true/enabled = false/' /etc/reversi/reversi.toml"),
    Step("sudo reversi-checker init", before=Move.is_not_yet_over, after=Move.is_closed),
    Step("sudo rm -r /home/reversi/.ssh /home/reversi/reversi"),
    Step("sudo sed -i '/^GatewayPorts yes/d' /etc/ssh/sshd_config"),
    Step("sudo systemctl reload ssh", after=Move.stays),
)
