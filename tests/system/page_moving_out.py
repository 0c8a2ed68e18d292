"""docs/operating.md: move to a machine that has another address and host keys of its own."""

from __future__ import annotations

from dataclasses import dataclass

from tests.system.page_readers import Readers
from tests.system.page_server import NAME, PageServer
from tests.system.page_steps import Step
from tests.system.waiting import until

ADDRESS = "192.0.2.7"
PINS = "/root/new-machine.pub"
GATEWAYS = f"--gateway gw1={NAME} --gateway gw2={ADDRESS} --host-key gw2=new-machine.pub"


@dataclass(slots=True)
class Movers(Readers):
    """The device `office`, which goes from one machine to the other."""

    def give_it_an_address(self) -> None:
        """Let the new machine have the address that the bundles name."""
        self.new.must("ip", "address", "add", f"{ADDRESS}/32", "dev", "to-old")
        self.old.must("ip", "route", "add", f"{ADDRESS}/32", "dev", "to-new")

    def offers_its_own_keys(self) -> None:
        key = self.new.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
        assert key not in self.old.read("/etc/ssh/ssh_host_ed25519_key.pub")
        until(lambda: key in self.scanned(), "sshd offers its own keys")

    def scanned(self) -> str:
        return self.old.run("ssh-keyscan", "-t", "ed25519", ADDRESS).stdout

    def bring_its_keys(self) -> None:
        self.old.write(PINS, self.new.read(PINS))

    def pins_each_machine_apart(self) -> None:
        """Both bundles, the one that was built too, pin the new keys for gw2 only."""
        self.old.await_up("office")
        for file in ("/etc/reversi/office.keys", "/root/office-upgrade.sh"):
            self.pins_apart(self.old.read(file))

    def pins_apart(self, bundle: str) -> None:
        assert f"GATEWAYS='gw1={NAME}:22 gw2={ADDRESS}:22'\n" in bundle
        for machine, name in ((self.old, "gw1"), (self.new, "gw2")):
            key = machine.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
            lines = [line for line in bundle.splitlines() if key in line]
            assert len(lines) == 1
            assert f"{name} ssh-ed25519 {key}" in lines[0]

    def came_over(self) -> None:
        self.new.await_up("office")

    def goes_back(self) -> None:
        """Take the new machine away, for the rest of the page."""
        self.old.type("reversi-checker undrain")
        self.new.must("systemctl", "stop", "ssh.service")
        self.new.type("reversi-checker kill office --yes")
        self.old.await_up("office")


def at_new(movers: Movers) -> PageServer:
    return movers.new


MOVE: tuple[Step[Movers], ...] = (
    Step("sudo sh -c 'rm /etc/ssh/ssh_host_*'", before=Movers.give_it_an_address, at=at_new),
    Step("sudo ssh-keygen -A", says="ED25519", at=at_new),
    Step("sudo systemctl reload ssh", at=at_new, after=Movers.offers_its_own_keys),
    Step(
        "sudo sh -c 'cat /etc/ssh/ssh_host_*_key.pub' > new-machine.pub",
        at=at_new,
        after=Movers.bring_its_keys,
    ),
    Step(f"sudo reversi-client rollout office {GATEWAYS}", says="upgraded"),
    Step(
        f"sudo reversi-client build office --key keep {GATEWAYS} --output office-upgrade.sh",
        after=Movers.pins_each_machine_apart,
    ),
    Step("sudo reversi-checker drain --yes", says=", 0 left", after=Movers.came_over),
    Step("reversi-checker status office", says="up", at=at_new, after=Movers.goes_back),
)
