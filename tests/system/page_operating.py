"""docs/operating.md: upgrade, rollback, backup, move, address, host keys, a second admin."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.system.machine import KEY_FILE, KEYS
from tests.system.page_moving_out import MOVE, Movers
from tests.system.page_server import NAME
from tests.system.page_steps import Step

NEW_ADDRESS = "10.214.0.2"
NEWER = """
import sqlite3
with sqlite3.connect("/var/lib/reversi/state.db") as db:
    db.execute("PRAGMA user_version = 99")
db.close()
"""


@dataclass(slots=True)
class Fleet(Movers):
    """The gateway, which is also the device `office`, and the machine that replaces it."""

    key: str = ""
    """The node's file before a rollout."""
    expected: str = ""
    """The line of the node's file that says the expected response."""

    def prepare(self) -> None:
        """Start the device, and connect the two machines by a cable."""
        if "office" not in self.old.type("reversi-checker node list"):
            self.old.add_device("office", "20000=127.0.0.1:22,banner:SSH-2.0")
        self.forget_the_others()
        self.old.await_up("office")
        # ssh learns new host keys only of a machine that it knows by one name
        self.old.type("rm -f ~/.ssh/known_hosts")
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

    def has_one_key_file(self) -> None:
        assert " reversi:office\n" in self.old.read(KEY_FILE)
        assert not self.old.has(KEYS)

    def has_a_file_for_each_key(self) -> None:
        assert " reversi:" not in self.old.read(KEY_FILE)
        assert " reversi:office\n" in self.old.key_text()

    def is_of_the_new_release(self) -> None:
        assert self.old.type("git -C ~/reversi describe --tags") == "v0.1.0\n"
        self.old.await_up("office")

    def write_a_newer_state(self) -> None:
        """Leave the state file that a later release would leave."""
        self.old.must("systemctl", "stop", "reversi-checker.service")
        self.old.must("python3", "-c", NEWER)

    def add_later_keys(self) -> None:
        """Give the node all that 0.1.0 does not know in its file."""
        lines = 'x-site = "north"\\ntags = ["north"]\\nnote = "attic"'
        lines += "\\nprobe_beating_every_s = 60"
        file = "/etc/reversi/nodes/office.toml"
        lasting = self.old.read(file).splitlines()
        self.expected = next(line for line in lasting if line.startswith("expect = "))
        edit = f's/^expect = .*/expect = "hostkey"/; /^probe_beating_every_s/d; 1i {lines}'
        self.old.must("sed", "-i", edit, file)

    def has_only_comments(self) -> None:
        """The node has no key that 0.1.0 does not know."""
        text = self.old.read("/etc/reversi/nodes/office.toml")
        assert text.startswith('# x-site = "north"\n# tags = ["north"]\n# note = "attic"\n')
        assert "\n# probe_beating_every_s = 60\n" in text
        assert '\n# expect = "hostkey"\n' in text
        self.old.await_up("office")

    def has_the_old_name(self) -> None:
        """To pip, the distribution is `reversi`, with the same files."""
        shown = self.old.type("/opt/reversi/bin/pip show --files reversi")
        assert "checker/gate.py" in shown
        assert "reversi-0.2.dist-info/METADATA" in shown

    def has_its_tags_again(self) -> None:
        text = self.old.read("/etc/reversi/nodes/office.toml")
        assert text.startswith('x-site = "north"\ntags = ["north"]\nnote = "attic"\n')
        assert '\nexpect = "hostkey"\n' in text
        back = f"s/^expect = .*/{self.expected}/"
        self.old.must("sed", "-i", back, "/etc/reversi/nodes/office.toml")
        self.old.await_up("office")

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

    def came_back(self) -> None:
        """Its device has no other gateway, and stays."""
        self.old.await_up("office")

    def drains(self) -> None:
        assert '"by": "root"' in self.old.read("/var/lib/reversi/drain.json")

    def knows_both_addresses(self) -> None:
        keys = self.old.read("/etc/reversi/office.keys")
        assert f"GATEWAYS='{NAME}:22 192.0.2.7:22'\n" in keys
        self.old.await_up("office")

    def forget_the_others(self) -> None:
        """Remove the nodes of other pages: their devices are down, and keep the old host keys."""
        files = self.old.must("ls", "/etc/reversi/nodes").split()
        for file in files:
            name, dot, _ = file.partition(".toml")
            if dot and name != "office":
                self.old.type(f"reversi-checker node remove {name} --yes")

    def comes_back_to_the_new_keys(self) -> None:
        self.old.type("reversi-checker kill office --yes")
        self.old.await_up("office")
        # the device is the gateway itself, so its own host key has changed, too
        self.old.type("ssh-keygen -R office")

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
        assert self.old.must(*anna, "ssh-config", "--names") == "office\n"
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
    Step("sudo reversi-checker init --keys file", after=Fleet.has_one_key_file),
    Step("git -C ~/reversi checkout --quiet OLD"),
    Step("sudo rm -rf ~/reversi/build"),
    Step("sudo /opt/reversi/bin/pip install --quiet ~/reversi"),
    Step("sudo reversi-checker init", after=Fleet.write_a_newer_state),
    Step("sudo systemctl restart reversi-checker", ends=(1,)),
    Step("sudo reversi-checker doctor", says="was written by a newer reversi", ends=(1,)),
    Step("sudo install -d -m 0700 /var/backups/reversi/newer"),
    Step("sudo mv /var/lib/reversi/state.db* /var/backups/reversi/newer/", after=Fleet.is_served),
    Step("sudo reversi-checker init --keys fingerprint", after=Fleet.has_a_file_for_each_key),
    Step(
        "grep -nE '^(x-|tags|note|probe_beating|host_key|expect.*hostkey)'"
        " /etc/reversi/nodes/*.toml",
        says='tags = ["north"]',
        before=Fleet.add_later_keys,
    ),
    Step(
        "sudo sed -i -E 's/^(x-|tags|note|probe_beating|host_key|expect.*hostkey)/# &/'"
        " /etc/reversi/nodes/*.toml",
        after=Fleet.has_only_comments,
    ),
    Step(
        "for notes in /opt/reversi/lib/python3*/site-packages/reversi_ssh-*.dist-info; do"
        ' sudo mv "$notes" "${notes%/*}/reversi-0.2.dist-info"; done'
    ),
    Step(
        "sudo sed -i 's/^reversi_ssh-[^/]*/reversi-0.2.dist-info/'"
        " /opt/reversi/lib/python3*/site-packages/reversi-0.2.dist-info/RECORD",
        after=Fleet.has_the_old_name,
    ),
    Step("sudo rm /etc/ssh/sshd_config.d/00-reversi.conf"),
    Step(
        "sudo reversi-checker init",
        says="wrote /etc/ssh/sshd_config.d/00-reversi.conf",
        after=Fleet.is_served,
    ),
    Step(
        r"sudo sed -i -E 's/^# (x-|tags|note|probe_beating|host_key|expect.*hostkey)/\1/'"
        " /etc/reversi/nodes/*.toml",
        after=Fleet.has_its_tags_again,
    ),
    Step("sudo install -d -m 0700 /var/backups/reversi"),
    Step(
        "sudo reversi-checker backup /var/backups/reversi/gateway.tar.gz",
        says="1 nodes, 3 host keys, the history",
        after=Fleet.has_a_secret_backup,
    ),
    Step(
        "sudo reversi-checker restore /var/backups/reversi/gateway.tar.gz --dry-run",
        says="would remove /etc/reversi/nodes/barn.toml",
        before=Fleet.make_mistakes,
        after=Fleet.still_has_mistakes,
    ),
    Step(
        "sudo reversi-checker restore /var/backups/reversi/gateway.tar.gz",
        says="before-restore-",
        ends=(0, 1),
        after=Fleet.is_as_before,
    ),
    Step(
        "sudo tar -C / -xzf /var/backups/reversi/gateway.tar.gz etc/reversi/nodes/office.toml",
        before=Fleet.lose_the_node,
        after=Fleet.has_its_node,
    ),
    Step("sudo reversi-client rollout --all --dry-run", says="would upgrade"),
    Step(
        "sudo reversi-client rollout office",
        says="upgraded",
        before=Fleet.note_its_key,
        after=Fleet.has_a_new_bundle,
    ),
    Step("sudo reversi-checker drain --dry-run", says="would tell office to"),
    Step("sudo reversi-checker drain", says=", 0 left", after=Fleet.came_back),
    Step("reversi-checker status", after=Fleet.drains),
    Step("sudo reversi-checker undrain", says="takes nodes again"),
    Step(
        "reversi-checker log --kind gateway --limit 5",
        says="this gateway no longer drains",
        after=Fleet.is_served,
    ),
    Step("sudo reversi-checker backup /var/backups/reversi/move.tar.gz", says="1 nodes"),
    Step(
        "sudo reversi-checker restore /var/backups/reversi/move.tar.gz",
        says="are valid",
        ends=(0, 1),
        before=Fleet.bring_the_backup,
        at=lambda fleet: fleet.new,
        after=Fleet.has_all,
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
    *MOVE,
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
    Step(
        'sudo reversi-checker node set office --tag site-a --note "attic, key at the bakery"',
        says="office: tag site-a added",
    ),
    Step("reversi-checker node list --filter tag:site-a", says="site-a"),
    Step(
        "reversi-checker status --filter 'tag:site-a !status:up'",
        says="nothing matches the filter",
        before=Fleet.is_served,
    ),
    Step("sudo reversi-checker probe --filter tag:site-a", says="1 of 1 up"),
    Step("sudo reversi-checker kill --filter tag:site-a --dry-run", says="would kill"),
    Step(
        "sudo reversi-checker node expire --filter tag:site-a 2031-12-31",
        says="office: its key expires on 2031-12-31",
    ),
    Step("sudo usermod -aG reversi-operators anna", before=Fleet.hire_anna, after=Fleet.obeys_anna),
    Step("reversi-checker log --limit 20", says="rollout: copy a bundle, and upgrade"),
    Step("sudo git -C /etc/reversi init --quiet"),
    Step(
        "printf '%s\\n' '*.key' .installed.json nodes/.lock nodes/.index keys keys.list"
        " | sudo tee /etc/reversi/.gitignore"
    ),
    Step("sudo git -C /etc/reversi add ."),
    Step("sudo git -C /etc/reversi commit --quiet --message 'The registry'"),
    Step("sudo reversi-checker node set office --deadline 8", says="deadline"),
    Step("sudo git -C /etc/reversi diff", says="+++ b/nodes/office.toml"),
    Step(
        """sudo sed -i '1i readers_group = "reversi-readers"' /etc/reversi/reversi.toml""",
        before=Fleet.hire_otto,
    ),
    Step(
        "sudo reversi-checker init",
        says="groupadd --system reversi-readers",
        after=Fleet.shows_otto_nothing,
    ),
    Step("sudo usermod -aG reversi-readers otto", after=Fleet.shows_otto_all),
    Step(
        "sudo useradd --create-home --shell /bin/sh --password '*' helpdesk",
        before=Fleet.write_for_the_helpdesk,
    ),
    Step("sudo usermod -aG reversi-readers helpdesk"),
    Step("sudo install -m 0644 helpdesk.pub /etc/ssh/helpdesk.keys"),
    Step(
        "sudo tee /etc/ssh/sshd_config.d/20-helpdesk.conf < helpdesk.conf",
        says="ForceCommand /opt/reversi/bin/reversi-tui --read-only",
    ),
    Step("sudo sshd -t"),
    Step("sudo systemctl reload ssh", after=Fleet.shows_the_helpdesk_only_the_console),
)
