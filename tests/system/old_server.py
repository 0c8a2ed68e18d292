"""A server of the original, and devices that run its two scripts: all with one key.

The scripts are our own. They do what the original's do, in the same screens: one holds the tunnel
and reconnects, the other asks the server, and restarts the first one if the answer is not 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.system.page_server import HOME, NAME, PageServer
from tests.system.waiting import until

FOLDER = "reversiclient-7"
BUILDER = f"{HOME}/client-builder"
KEY = "reversibash.key"
USER = "reversi"
SERVER = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs /home
useradd -m {USER}
install -d -o {USER} -g {USER} -m 700 /home/{USER}/.ssh /home/{USER}/reversi
printf '#!/bin/sh\\necho 0\\n' >/home/{USER}/reversi/server_port_mon.sh
chmod 755 /home/{USER}/reversi/server_port_mon.sh
install -d {BUILDER}/keys {BUILDER}/sourcestore /etc/crontabs
ssh-keygen -q -t rsa -b 2048 -N '' -f {BUILDER}/keys/{KEY}
{{
    printf 'command="/home/{USER}/reversi/server_port_mon.sh $SSH_ORIGINAL_COMMAND" '
    cat {BUILDER}/keys/{KEY}.pub
}} >/home/{USER}/.ssh/authorized_keys2
rm {BUILDER}/keys/{KEY}.pub
chown {USER}: /home/{USER}/.ssh/authorized_keys2
echo 'GatewayPorts yes' >>/etc/ssh/sshd_config
dropbearconvert openssh dropbear {BUILDER}/keys/{KEY} {BUILDER}/keys/dropbear.key
printf '%s\\n' '#!/bin/sh' {HOME}/{FOLDER}/reversi.sh 'exit 0' >/etc/rc.local
printf '*/15 * * * * pingtest.sh 8.8.8.8\\n0 4 * * * logrotate\\n' >/etc/crontabs/root
"""
"""The original's instructions, as root follows them; `useradd` leaves the password locked."""
SESSION = re.compile(r'\("sshd(?:-session)?",pid=(\d+)')
CLIENTS = {
    "openssh": f"ssh -y -i {{folder}}/{KEY} -o ConnectTimeout=5 -o StrictHostKeyChecking=no"
    " -o ServerAliveInterval=10 -o ServerAliveCountMax=2 -p 22",
    "dropbear": "dbclient -y -y -i {folder}/dropbear.key -K 10 -p 22",
}
HOLDS = """#!/bin/sh
export HOME=/root
while :; do
    {client} {everywhere} -N -R {port}:localhost:22 {user}@{server}
    sleep {retry_s}
done
"""
WATCHES = """#!/bin/sh
sleep 1
while :; do
    code=$({client} {user}@{server} {name} {port} '{banner}')
    printf '%s' "$code" >{folder}/answer
    if [ "$code" -ne 0 ]; then
        sleep "$code"
        screen -S kar{port} -p 0 -X stuff "$(printf '\\003')"
        sleep 1
        screen -S kar{port} -p 0 -X stuff "{folder}/kar{port}REV.sh$(printf '\\r')"
    fi
    sleep 4
done
"""
"""The original asks every 30 seconds, and does not keep the answer."""
STARTS = """
while screen -ls | grep -q "[.]{screen}{port}"; do sleep 0.1; done
screen -dmS {screen}{port} sh
until screen -S {screen}{port} -p 0 -X stuff "{folder}/{screen}{port}REV.sh$(printf '\\r')"; do
    sleep 0.1
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldDevice:
    """A device of the original; it is the server itself."""

    name: str
    port: int
    client: str = "openssh"
    is_open: bool = False
    """`allowinternet:1`, which makes `-g` of it."""
    is_first: bool = False
    retry_s: int = 1
    """`cretrysecs`, which is 15 in the original's example."""
    banner: str = "SSH-2.0-OpenSSH"

    @property
    def folder(self) -> str:
        """Each device has its own; the first one's is named as on a real device."""
        return f"{HOME}/{FOLDER}{'' if self.is_first else f'-{self.port}'}"

    @property
    def rev(self) -> str:
        values = {
            "nodename": self.name,
            "cscreenname": "kar",
            "mscreenname": "kam",
            "reversiuser": USER,
            "reversihost": NAME,
            "reversisshport": 22,
            "allowinternet": int(self.is_open),
            "reversiport": self.port,
            "fwdhost": "localhost",
            "fwdport": 22,
            "fwdportstr": self.banner,
            "reversisshkey": KEY,
        }
        return "".join(f"{key}:{value}\n" for key, value in values.items())

    def script(self, text: str, screen: str = "") -> str:
        return text.format(
            screen=screen,
            client=CLIENTS[self.client].format(folder=self.folder),
            everywhere="-g" if self.is_open else "",
            port=self.port,
            name=self.name,
            banner=self.banner,
            user=USER,
            server=NAME,
            folder=self.folder,
            retry_s=self.retry_s,
        )


class OldServer(PageServer):
    """The server on which the page begins: reversi is installed as a package, `init` did not
    run.
    """

    def make_old(self) -> None:
        self.must("sh", "-c", SERVER)
        self.must("systemctl", "restart", "ssh.service")
        until(lambda: self.listens(22), "sshd listens")

    def start_device(self, device: OldDevice) -> None:
        """Start both scripts of a device."""
        self.must("mkdir", device.folder)
        self.must("sh", "-c", f"cp {BUILDER}/keys/* {device.folder}")
        for name, text in (("kar", HOLDS), ("kam", WATCHES)):
            script = f"{device.folder}/{name}{device.port}REV.sh"
            self.write(script, device.script(text))
            self.must("chmod", "755", script)
        for name in ("kar", "kam"):
            self.type(device.script(STARTS, name))

    def write_rev(self, device: OldDevice) -> None:
        self.write(f"{BUILDER}/sourcestore/{device.name}/ssh.rev", device.rev)

    def addresses(self, port: int) -> set[str]:
        """Where somebody listens on the port."""
        lines = self.must("ss", "-Hltn", f"sport = :{port}").splitlines()
        return {line.split()[3].rpartition(":")[0].strip("[]") for line in lines}

    def session(self, port: int) -> str:
        """The PID of the sshd session that listens on the port; "" if none does."""
        found = SESSION.search(self.must("ss", "-Hltnp", f"sport = :{port}"))
        return found[1] if found else ""

    def hears_that_all_is_well(self, device: OldDevice) -> None:
        """Wait until the gateway has answered 0 to a question that is not yet answered now: until
        then the device may be about to start its tunnel again.
        """
        self.must("rm", "-f", f"{device.folder}/answer")
        until(lambda: self.typed(f"cat {device.folder}/answer").stdout == "0", "all is well")

    def end_tunnel(self, port: int) -> str:
        """Break a device's connection, as a link does; return the session of its next one."""
        before = self.session(port)
        self.must("kill", before)
        until(lambda: self.session(port) not in ("", before), f"port {port} is open again")
        return self.session(port)

    def end_old_tunnel(self, device: OldDevice) -> str:
        """Do so between two questions of the device, which would restart its script otherwise."""
        self.type(f"screen -S kam{device.port} -X quit")
        session = self.end_tunnel(device.port)
        self.type(device.script(STARTS, "kam"))
        return session
