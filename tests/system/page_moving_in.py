"""docs/moving.md: a server with autossh, dropbear and scripts, and what each step interrupts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from checker.tunnels.kill_reasons import LOGIN_TAKES_S
from tests.system.harness import FAST
from tests.system.old_server import OldServer
from tests.system.page_server import HOME, NAME
from tests.system.page_steps import Step
from tests.system.waiting import until

PORTS = {"office": 20101, "lobby": 20102, "roof": 20103, "barn": 20104}
MAST = 20105
DEVICES = f"{HOME}/devices"
SSH = f"ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -i {HOME}/.ssh/"
SERVER = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs /home
useradd -m -s /bin/sh tunnel
mkdir -p {DEVICES}/roof/etc/config {DEVICES}/mast
ssh-keygen -q -t ed25519 -N '' -C root@office -f {HOME}/.ssh/office
ssh-keygen -q -t ed25519 -N '' -C root@lobby -f {HOME}/.ssh/lobby
ssh-keygen -q -t rsa -b 2048 -N '' -C fleet -f {HOME}/.ssh/fleet
dropbearconvert openssh dropbear {HOME}/.ssh/fleet {HOME}/.ssh/fleet.dropbear
cp {HOME}/.ssh/*.pub {DEVICES}
install -d -o tunnel -g tunnel -m 700 /home/tunnel/.ssh
{{
    printf 'restrict,port-forwarding,permitlisten="localhost:{PORTS["office"]}" '
    cat {HOME}/.ssh/office.pub {HOME}/.ssh/lobby.pub {HOME}/.ssh/fleet.pub
}} >/home/tunnel/.ssh/authorized_keys
"""
UNIT = """[Service]
Environment=AUTOSSH_GATETIME=0
ExecStart={command}
Restart=always
RestartSec=1
"""
AUTOSSH = (
    f"/usr/bin/autossh -M 0 -N -o ExitOnForwardFailure=yes -i {HOME}/.ssh/{{name}}"
    f" -R {{port}}:localhost:22 tunnel@{NAME}"
)
UCI = f"""config autossh
\toption ssh '-i /etc/dropbear/id_rsa -N -T -R {PORTS["roof"]}:localhost:22 tunnel@{NAME}'
\toption monitorport '0'
"""
SCRIPT = f"""#!/bin/sh
PORT={PORTS["barn"]}
while true; do
    {SSH}fleet -R $PORT:localhost:22 tunnel@{NAME}
    sleep 1
done
"""
FRPC = f"""serverAddr = "{NAME}"
serverPort = 7000
[[proxies]]
name = "ssh"
type = "tcp"
localIP = "127.0.0.1"
localPort = 22
remotePort = {MAST}
"""
COMMANDS = {
    "tunnel": AUTOSSH.format(name="office", port=PORTS["office"]),
    "lobby": AUTOSSH.format(name="lobby", port=PORTS["lobby"]),
    "roof": f"/usr/bin/dbclient -y -i {HOME}/.ssh/fleet.dropbear -N -T"
    f" -R {PORTS['roof']}:localhost:22 tunnel@{NAME}",
    "barn": f"{DEVICES}/barn.sh",
    "frpc": f"/usr/bin/ssh -N -L {MAST}:127.0.0.1:22 root@127.0.0.1",
}
"""What each device runs. A stand-in for frp: it holds the port, and leads to the same target."""


@dataclass(slots=True)
class Takeover:
    """The server, and the tunnels that must not end."""

    server: OldServer
    sessions: dict[str, str] = field(default_factory=dict)
    before: str = ""
    """The session that the next command ends."""

    def prepare(self) -> None:
        server = self.server
        server.must("sh", "-c", SERVER)
        server.write(f"{DEVICES}/barn.sh", SCRIPT)
        server.write(f"{DEVICES}/roof/etc/config/autossh", UCI)
        server.write(f"{DEVICES}/mast/frpc.toml", FRPC)
        server.must("chmod", "755", f"{DEVICES}/barn.sh")
        for name, command in COMMANDS.items():
            server.write(f"/etc/systemd/system/{name}.service", UNIT.format(command=command))
        server.must("cp", "/etc/systemd/system/lobby.service", DEVICES)
        server.must("systemctl", "daemon-reload")
        server.must("systemctl", "start", *(f"{name}.service" for name in COMMANDS))
        for name in PORTS:
            self.await_session(name)
        self.note(*PORTS)
        until(self.are_older_than_the_nodes, "the tunnels are older than what is registered next")

    def are_older_than_the_nodes(self) -> bool:
        """Beyond what the gateway allows a login to take."""
        pids = ",".join(self.sessions.values())
        ages = self.server.must("ps", "-o", "etimes=", "-p", pids).split()
        return min(map(int, ages)) > LOGIN_TAKES_S + 1

    def await_session(self, name: str) -> None:
        until(lambda: self.server.session(PORTS[name]), f"{name} has its port")

    def note(self, *names: str) -> None:
        """From here on, these tunnels must not end."""
        self.sessions |= {name: self.server.session(PORTS[name]) for name in names}

    def interrupts_nothing(self) -> None:
        for name, session in self.sessions.items():
            assert self.server.session(PORTS[name]) == session, f"the tunnel of {name} ended"

    def rows(self) -> dict[str, str]:
        said = json.loads(self.server.typed("reversi-checker status --json").stdout)
        return {one["node"]: one["status"] for one in said["tunnels"]}

    def refuses_without_the_shared_key(self) -> None:
        """Without the key, `init` names the devices that would not come back."""
        refused = self.server.typed("reversi-checker init")
        assert refused.returncode == 2, refused.stdout
        for name in ("roof", "barn"):
            assert f"on port {PORTS[name]}" in refused.stderr
        for name in ("office", "lobby"):
            assert f"on port {PORTS[name]}" not in refused.stderr
        self.interrupts_nothing()

    def serves_all(self) -> None:
        """No tunnel ended, all are watched, and two come back after their links broke."""
        config = "/etc/reversi/reversi.toml"
        self.server.write(config, FAST + self.server.read(config))
        self.server.must("systemctl", "restart", "reversi-checker.service")
        until(lambda: self.rows() == dict.fromkeys(PORTS, "up"), "all are up")
        self.interrupts_nothing()
        for name in ("office", "roof"):
            self.sessions[name] = self.server.end_tunnel(PORTS[name])
        until(lambda: self.rows() == dict.fromkeys(PORTS, "up"), "all are up again")
        self.interrupts_nothing()

    def ends_soon(self) -> None:
        """The next command ends this tunnel."""
        self.interrupts_nothing()
        self.before = self.sessions.pop("office")

    def has_its_port(self) -> None:
        """Whichever command holds it now: the next one goes through the tunnel."""
        until(lambda: self.server.listens(PORTS["office"]), "office has its port")

    def has_moved(self) -> None:
        """If autossh was quicker than the bundle, spare the test the minutes that it must wait."""
        self.server.must("systemctl", "stop", "tunnel.service")
        self.server.must("systemctl", "restart", "reversi-office.service")
        until(
            lambda: "state     valid\n" in self.server.type("reversi-checker node show office"),
            "its new key is the only one",
        )
        self.note("office")
        self.interrupts_nothing()

    def is_not_yet_over(self) -> None:
        """The devices of the shared key are named; then they end, too."""
        refused = self.server.typed("reversi-checker init")
        assert refused.returncode == 2, refused.stdout
        assert f"on port {PORTS['roof']}" in refused.stderr
        for name in ("roof", "barn"):
            self.server.must("systemctl", "stop", f"{name}.service")
            del self.sessions[name]
            until(lambda port=PORTS[name]: not self.server.session(port), "its tunnel ends")  # type: ignore[misc]

    def waits_for_frp(self) -> None:
        """The bundle is there, and frp still holds the port."""
        assert not self.server.session(MAST)
        assert self.server.listens(MAST)
        until(lambda: self.rows()["mast"] == "foreign", "another program is seen on its port")

    def has_the_port_of_frp(self) -> None:
        """Spare the test the minute that the bundle was told to wait."""
        self.server.must("systemctl", "restart", "reversi-mast.service")
        until(lambda: self.server.session(MAST), "the bundle has the port")
        assert self.server.addresses(MAST) & {"0.0.0.0", "*"}
        self.interrupts_nothing()

    def is_as_before(self) -> None:
        """autossh holds the port again."""
        office = PORTS["office"]
        until(lambda: self.server.session(office) not in ("", self.before), "autossh has the port")
        until(lambda: self.rows()["office"] == "up", "office is up")
        assert self.server.run("systemctl", "is-active", "reversi-office.service").returncode

    def is_the_old_server(self) -> None:
        """A device with its old command logs in as before reversi came."""
        self.server.end_tunnel(PORTS["lobby"])
        assert not self.server.has("/etc/ssh/sshd_config.d/00-reversi.conf")


THROUGH = f"ssh -p {PORTS['office']} root@127.0.0.1"
TO_MAST = f"ssh -p {MAST} root@127.0.0.1"
SSHD = "--target 127.0.0.1:22,banner:SSH-"
IMPORT = "sudo reversi-checker node import"
KEYS = f"{IMPORT} /home/tunnel/.ssh/authorized_keys {SSHD}"
INIT = "sudo reversi-checker init --shared-key ~/devices/fleet.pub"
MOVING_IN: tuple[Step[Takeover], ...] = (
    Step("sudo mkdir /etc/reversi"),
    Step("echo 'tunnel_user = \"tunnel\"' | sudo tee /etc/reversi/reversi.toml"),
    Step("echo 'gateway = \"gateway.example.org:22\"' | sudo tee -a /etc/reversi/reversi.toml"),
    Step(f"{KEYS} --dry-run", says=":2: no permitlisten", ends=(1,)),
    Step(KEYS, says="registered office: port 20101", ends=(1,)),
    Step(
        f"{IMPORT} ~/devices/lobby.service --public-key ~/devices/lobby.pub {SSHD}",
        says="registered lobby: port 20102",
    ),
    Step(
        f'for unit in ~/devices/*.service; do {IMPORT} "$unit" --public-key'
        f' "${{unit%.service}}.pub" {SSHD}; done',
        says="lobby is registered already",
    ),
    Step(
        f"{IMPORT} --name lobby --public-key ~/devices/lobby.pub --command 'autossh -M 0 -N"
        " -R 20102:localhost:22 tunnel@gateway.example.org'",
        says="lobby is registered already",
    ),
    Step(f"{IMPORT} ~/devices/roof/etc/config/autossh {SSHD}", says="registered roof"),
    Step(f"{IMPORT} ~/devices/barn.sh {SSHD}", says="registered barn: port 20104"),
    Step("sudo reversi-checker node list", says="office", after=Takeover.interrupts_nothing),
    Step(
        f"{INIT} --dry-run",
        before=Takeover.refuses_without_the_shared_key,
        after=Takeover.interrupts_nothing,
    ),
    Step(INIT, says="done; see: reversi-checker doctor", after=Takeover.serves_all),
    Step("sudo reversi-checker doctor", says="tunnel can run a forced command", ends=(0, 1)),
    Step("reversi-checker status", says="office"),
    Step("sudo reversi-checker node rekey office", says="wrote office.key"),
    Step("sudo reversi-checker node adopt roof", says="wrote roof.key"),
    Step("sudo reversi-client build office", says="wrote office.sh"),
    Step("sudo scp -O -P 20101 office.sh root@127.0.0.1:/tmp/", after=Takeover.ends_soon),
    Step(f"{THROUGH} sh /tmp/office.sh install", ends=(0, 255)),
    Step(
        f"{THROUGH} systemctl stop tunnel.service",
        ends=(0, 255),
        before=Takeover.has_its_port,
        after=Takeover.has_moved,
    ),
    Step("reversi-checker node show office", says="valid"),
    Step(f"{THROUGH} systemctl disable tunnel.service", after=Takeover.interrupts_nothing),
    Step("reversi-checker node list", says="barn"),
    Step("sudo sed -i 's/^enabled = true/enabled = false/' /etc/reversi/reversi.toml"),
    Step(
        "sudo reversi-checker init",
        before=Takeover.is_not_yet_over,
        after=Takeover.interrupts_nothing,
    ),
    Step(f"{IMPORT} ~/devices/mast/frpc.toml {SSHD}", says="registered mast: port 20105"),
    Step("sudo reversi-checker node adopt mast", says="wrote mast.key"),
    Step("sudo reversi-client build mast", says="wrote mast.sh"),
    Step("sudo scp -O -P 20105 mast.sh root@127.0.0.1:/tmp/"),
    Step(f"{TO_MAST} sh /tmp/mast.sh install", after=Takeover.waits_for_frp),
    Step(
        f"{TO_MAST} systemctl stop frpc.service",
        ends=(0, 255),
        after=Takeover.has_the_port_of_frp,
    ),
    Step(f"{TO_MAST} systemctl disable frpc.service"),
    Step("sudo reversi-checker node rekey office --public-key ~/devices/office.pub"),
    Step("sudo scp -O -P 20101 office.sh root@127.0.0.1:/tmp/", after=Takeover.ends_soon),
    Step(f"{THROUGH} systemctl enable --now tunnel.service"),
    Step(f"{THROUGH} sh /tmp/office.sh uninstall", ends=(0, 255), after=Takeover.is_as_before),
    Step("sudo reversi-checker uninstall --yes", after=Takeover.is_the_old_server),
)
