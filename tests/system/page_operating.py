"""docs/operating.md: upgrade, rollback, backup, move, address, host keys, a second admin."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.system.page_server import NAME, PageServer
from tests.system.page_steps import Step
from tests.system.waiting import until

NEW_ADDRESS = "10.214.0.2"
NEWER = """
import sqlite3
with sqlite3.connect("/var/lib/reversi/state.db") as db:
    db.execute("PRAGMA user_version = 99")
db.close()
"""


@dataclass(slots=True)
class Fleet:
    """The gateway, which is also the device `office`, and the machine that replaces it."""

    old: PageServer
    new: PageServer
    key: str = ""
    """The node's file before a rollout."""

    def prepare(self) -> None:
        """Start the device, and connect the two machines by a cable."""
        if "office" not in self.old.type("reversi-checker node list"):
            self.old.add_device("office", "20000=127.0.0.1:22,banner:SSH-2.0")
        self.old.await_up("office")
        self.join()

    def join(self) -> None:
        ends = [
            "netns",
            str(self.old.boot_pid),
            "type",
            "veth",
            "peer",
            "name",
            "to-old",
            "netns",
            str(self.new.boot_pid),
        ]
        subprocess.run(["ip", "link", "add", "name", "to-new", *ends], check=True)
        for server, name, address in (
            (self.old, "to-new", "10.214.0.1/24"),
            (self.new, "to-old", f"{NEW_ADDRESS}/24"),
        ):
            server.must("ip", "address", "add", address, "dev", name)
            server.must("ip", "link", "set", name, "up")

    def is_of_the_new_release(self) -> None:
        assert self.old.type("git -C ~/reversi describe --tags") == "v0.1.0\n"
        self.old.await_up("office")

    def write_a_newer_state(self) -> None:
        """Leave the state file that a later release would leave."""
        self.old.must("systemctl", "stop", "reversi-checker.service")
        self.old.must("python3", "-c", NEWER)

    def is_served(self) -> None:
        until(
            lambda: (
                self.old.run("systemctl", "is-active", "reversi-checker.service").returncode == 0
            ),
            "the daemon serves again",
        )
        self.old.await_up("office")

    def add_an_own_key(self) -> None:
        self.old.must("sed", "-i", '1i x-site = "north"', "/etc/reversi/nodes/office.toml")

    def has_no_own_key(self) -> None:
        assert "x-site" not in self.old.read("/etc/reversi/nodes/office.toml")
        self.old.await_up("office")

    def bring_the_backup(self) -> None:
        """Bring reversi and the archive to the new machine."""
        for name in ("gateway.tar.gz", "state.db"):
            self.old.must("cp", f"/var/backups/reversi/{name}", "/run/taken")
            content = subprocess.run(
                [*self.old.inside, "cat", "/run/taken"], check=True, capture_output=True
            ).stdout
            self.new.must("mkdir", "-p", "/var/backups/reversi")
            subprocess.run(
                [*self.new.inside, "sh", "-c", f"cat >/var/backups/reversi/{name}"],
                check=True,
                input=content,
            )

    def has_all(self) -> None:
        """The new machine has the old gateway's nodes and history."""
        for path in ("/etc/reversi/nodes/office.toml", "/etc/ssh/ssh_host_ed25519_key.pub"):
            assert self.new.read(path) == self.old.read(path)
        assert "-> up" in self.new.type("reversi-checker log --node office --limit 1000")

    def lose_the_node(self) -> None:
        self.new.type("reversi-checker node remove office --yes")

    def knows_the_node(self) -> None:
        keys = "/etc/reversi/authorized_keys"
        until(lambda: "reversi:office" in self.new.read(keys), "the key file follows")

    def change_the_name(self) -> None:
        self.old.write("/etc/hosts", f"127.0.0.1 localhost\n{NEW_ADDRESS} {NAME}\n")

    def came_over_and_goes_back(self) -> None:
        self.new.await_up("office")
        self.old.write("/etc/hosts", f"127.0.0.1 localhost {NAME}\n")
        self.new.type("reversi-checker kill office --yes")
        self.old.await_up("office")

    def note_its_key(self) -> None:
        self.key = self.old.read("/etc/reversi/nodes/office.toml")

    def has_a_new_bundle(self) -> None:
        """The device was upgraded, and its key is the same."""
        assert self.old.read("/etc/reversi/nodes/office.toml") == self.key
        self.old.await_up("office")

    def knows_both_addresses(self) -> None:
        keys = self.old.read("/etc/reversi/office.keys")
        assert f"GATEWAYS='{NAME}:22 192.0.2.7:22'\n" in keys
        self.old.await_up("office")

    def comes_back_to_the_new_keys(self) -> None:
        self.old.type("reversi-checker kill office --yes")
        self.old.await_up("office")

    def hire_anna(self) -> None:
        self.old.must("useradd", "--no-create-home", "anna")

    def obeys_anna(self) -> None:
        self.is_served()
        anna = (
            "setpriv",
            "--reuid=anna",
            "--regid=anna",
            "--init-groups",
            "/opt/reversi/bin/reversi-checker",
        )
        assert self.old.must(*anna, "probe", "office") == "office:20000: up\n"
        refused = self.old.run(*anna, "node", "disable", "office")
        assert refused.returncode == 2
        assert "run it with sudo" in refused.stderr


OPERATING: tuple[Step[Fleet], ...] = (
    Step("git -C ~/reversi describe --always --tags", says="v0.0.9"),
    Step("git -C ~/reversi pull --quiet"),
    Step("sudo /opt/reversi/bin/pip install --quiet ~/reversi"),
    Step("sudo reversi-checker init"),
    Step("sudo systemctl restart reversi-checker"),
    Step(
        "sudo reversi-checker doctor",
        says="process",
        ends=(0, 1),
        after=Fleet.is_of_the_new_release,
    ),
    Step("git -C ~/reversi checkout --quiet OLD"),
    Step("sudo rm -rf ~/reversi/build"),
    Step("sudo /opt/reversi/bin/pip install --quiet ~/reversi"),
    Step("sudo reversi-checker init", after=Fleet.write_a_newer_state),
    Step("sudo systemctl restart reversi-checker", ends=(1,)),
    Step("sudo reversi-checker doctor", says="was written by a newer reversi", ends=(1,)),
    Step("sudo install -d -m 0700 /var/backups/reversi/newer"),
    Step("sudo mv /var/lib/reversi/state.db* /var/backups/reversi/newer/", after=Fleet.is_served),
    Step(
        "grep -n '^x-' /etc/reversi/nodes/*.toml",
        says='x-site = "north"',
        before=Fleet.add_an_own_key,
    ),
    Step("sudo sed -i '/^x-/d' /etc/reversi/nodes/*.toml", after=Fleet.has_no_own_key),
    Step("sudo rm /etc/ssh/sshd_config.d/00-reversi.conf"),
    Step(
        "sudo reversi-checker init",
        says="wrote /etc/ssh/sshd_config.d/00-reversi.conf",
        after=Fleet.is_served,
    ),
    Step("sudo install -d -m 0700 /var/backups/reversi"),
    Step("sudo tar -C / -czf /var/backups/reversi/gateway.tar.gz etc/reversi etc/ssh"),
    Step("sudo systemctl stop reversi-checker"),
    Step("sudo cp -p /var/lib/reversi/state.db* /var/backups/reversi/"),
    Step("sudo systemctl start reversi-checker", after=Fleet.is_served),
    Step(
        "sudo tar -C / -xzf /var/backups/reversi/gateway.tar.gz"
        " --exclude=.installed.json --wildcards etc/reversi 'etc/ssh/ssh_host_*'",
        before=Fleet.bring_the_backup,
        at=lambda fleet: fleet.new,
    ),
    Step("sudo systemctl restart ssh", at=lambda fleet: fleet.new),
    Step("sudo reversi-checker init", at=lambda fleet: fleet.new),
    Step(
        "sudo reversi-checker doctor",
        says="nodes are valid",
        ends=(0, 1),
        at=lambda fleet: fleet.new,
    ),
    Step("sudo systemctl stop reversi-checker", at=lambda fleet: fleet.new),
    Step("sudo cp -p /var/backups/reversi/state.db* /var/lib/reversi/", at=lambda fleet: fleet.new),
    Step("sudo reversi-checker init", at=lambda fleet: fleet.new),
    Step("sudo systemctl restart reversi-checker", at=lambda fleet: fleet.new, after=Fleet.has_all),
    Step(
        "sudo tar -C / -xzf /var/backups/reversi/gateway.tar.gz etc/reversi/nodes/office.toml",
        before=Fleet.lose_the_node,
        at=lambda fleet: fleet.new,
        after=Fleet.knows_the_node,
    ),
    Step("sudo reversi-client rollout --all --dry-run", says="would upgrade"),
    Step(
        "sudo reversi-client rollout office",
        says="upgraded",
        before=Fleet.note_its_key,
        after=Fleet.has_a_new_bundle,
    ),
    Step(
        "sudo reversi-checker kill office",
        says="is free",
        before=Fleet.change_the_name,
        after=Fleet.came_over_and_goes_back,
    ),
    Step(
        """sudo sed -i 's/^gateway = .*/gateway = ["gateway.example.org:22", "192.0.2.7:22"]/'"""
        " /etc/reversi/reversi.toml"
    ),
    Step("sudo reversi-client rollout office", says="upgraded", after=Fleet.knows_both_addresses),
    Step("sudo mkdir -p /etc/ssh/new/etc/ssh"),
    Step("sudo ssh-keygen -A -f /etc/ssh/new", says="ED25519"),
    Step(
        r"printf 'HostKey %s\n' /etc/ssh/ssh_host_*_key /etc/ssh/new/etc/ssh/ssh_host_*_key"
        " | sudo tee /etc/ssh/sshd_config.d/10-host-keys.conf",
        says="HostKey /etc/ssh/new/etc/ssh/ssh_host_ed25519_key",
    ),
    Step("sudo systemctl reload ssh"),
    Step("sudo reversi-client rollout --all --yes", says="1 upgraded", after=Fleet.is_served),
    Step("sudo reversi-checker doctor", says="each pins those that sshd will offer", ends=(0, 1)),
    Step("reversi-checker node show office", says="pins      ssh-ed25519 SHA256:"),
    Step("sudo mkdir -m 0700 /etc/ssh/old"),
    Step(
        "sudo sh -c 'mv /etc/ssh/ssh_host_* /etc/ssh/old/"
        " && mv /etc/ssh/new/etc/ssh/ssh_host_* /etc/ssh/'"
    ),
    Step("sudo rm -r /etc/ssh/new /etc/ssh/sshd_config.d/10-host-keys.conf"),
    Step("sudo systemctl reload ssh"),
    Step(
        "sudo reversi-checker doctor",
        says="1 node pins a key that sshd does not offer: office",
        ends=(1,),
        after=Fleet.comes_back_to_the_new_keys,
    ),
    Step("sudo reversi-client rollout --all --yes", says="1 upgraded", after=Fleet.is_served),
    Step(
        "sudo reversi-checker doctor",
        says="no node pins a host key that sshd does not have",
        ends=(0, 1),
    ),
    Step("sudo rm -r /etc/ssh/old"),
    Step("sudo usermod -aG reversi-operators anna", before=Fleet.hire_anna, after=Fleet.obeys_anna),
    Step("reversi-checker log --limit 20", says="rollout: copy a bundle, and upgrade"),
    Step("sudo git -C /etc/reversi init --quiet"),
    Step("printf '%s\\n' '*.key' .installed.json nodes/.lock | sudo tee /etc/reversi/.gitignore"),
    Step("sudo git -C /etc/reversi add ."),
    Step("sudo git -C /etc/reversi commit --quiet --message 'The registry'"),
    Step("sudo reversi-checker node set office --deadline 8", says="deadline"),
    Step("sudo git -C /etc/reversi diff", says="+++ b/nodes/office.toml"),
)
