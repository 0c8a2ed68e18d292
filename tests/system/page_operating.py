"""docs/operating.md: upgrade, rollback, backup, move, address, host keys, a second admin."""

from __future__ import annotations

import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.reversi_tui.console.pty_console import on_terminal
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
    keys: str = ""
    """A host key, and the settings, as they were backed up."""
    settings: str = ""

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

    def has_a_secret_backup(self) -> None:
        """The archive is root's, and a second run does not replace it without being told."""
        path = "/var/backups/reversi/gateway.tar.gz"
        assert self.old.must("stat", "-c", "%a %U", path) == "600 root\n"
        again = self.old.typed(f"reversi-checker backup {path}")
        assert again.returncode == 2
        assert "--force" in again.stderr

    def make_mistakes(self) -> None:
        """Add a node, and lose the host keys, a comment and the settings."""
        self.keys = self.old.read("/etc/ssh/ssh_host_ed25519_key")
        self.settings = self.old.read("/etc/reversi/reversi.toml")
        self.old.type("reversi-checker node add barn --forward 20009=127.0.0.1:9,open")
        self.old.type("rm /etc/ssh/ssh_host_* && ssh-keygen -A")
        self.old.write("/etc/reversi/reversi.toml", f"{self.settings}deadline_s = 9\n")

    def still_has_mistakes(self) -> None:
        assert self.old.has("/etc/reversi/nodes/barn.toml")
        assert self.old.read("/etc/ssh/ssh_host_ed25519_key") != self.keys

    def is_as_before(self) -> None:
        """All is back, the tunnel too, and what was there in between is not lost."""
        assert self.old.read("/etc/ssh/ssh_host_ed25519_key") == self.keys
        assert self.old.read("/etc/reversi/reversi.toml") == self.settings
        assert not self.old.has("/etc/reversi/nodes/barn.toml")
        assert "restored gateway.tar.gz" in self.old.type("reversi-checker log --limit 1000")
        kept = self.old.type("ls /var/backups/reversi/before-restore-*").strip()
        assert "barn.toml" in self.old.type(f"tar -tzf {kept}")
        self.is_served()

    def lose_the_node(self) -> None:
        self.old.type("reversi-checker node remove office --yes")

    def has_its_node(self) -> None:
        self.old.must("systemctl", "restart", "reversi-office.service")
        self.old.await_up("office")

    def bring_the_backup(self) -> None:
        """Bring the archive to the new machine, which has no account of reversi yet."""
        assert self.new.run("id", "reversi").returncode != 0
        assert not self.new.has("/etc/reversi")
        self.old.must("cp", "/var/backups/reversi/move.tar.gz", "/run/taken")
        content = subprocess.run(
            [*self.old.inside, "cat", "/run/taken"], check=True, capture_output=True
        ).stdout
        self.new.must("mkdir", "-p", "/var/backups/reversi")
        subprocess.run(
            [*self.new.inside, "sh", "-c", "cat >/var/backups/reversi/move.tar.gz"],
            check=True,
            input=content,
        )

    def has_all(self) -> None:
        """The new machine has the old gateway's nodes, host keys and history, and serves."""
        for path in ("/etc/reversi/nodes/office.toml", "/etc/ssh/ssh_host_ed25519_key.pub"):
            assert self.new.read(path) == self.old.read(path)
        scanned = self.new.must("ssh-keyscan", "-t", "ed25519", "127.0.0.1")
        assert self.old.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[1] in scanned
        assert "-> up" in self.new.type("reversi-checker log --node office --limit 1000")
        owner = self.new.must("stat", "-c", "%U", "/var/lib/reversi/state.db")
        assert owner == "reversi-checker\n"

    def change_the_name(self) -> None:
        self.old.write("/etc/hosts", f"127.0.0.1 localhost\n{NEW_ADDRESS} {NAME}\n")

    def came_over_and_goes_back(self) -> None:
        self.new.await_up("office")
        self.old.write("/etc/hosts", f"127.0.0.1 localhost {NAME}\n")
        self.new.type("reversi-checker kill office --yes")
        self.old.await_up("office")

    def lives_on_its_new_key(self) -> None:
        """The upgrade is confirmed, and the previous key opens nothing."""
        file = "/etc/reversi/nodes/office.toml"
        until(lambda: "next_key" not in self.old.read(file), "the new key is the only one")
        assert "state     valid\n" in self.old.type("reversi-checker node show office")
        self.old.await_up("office")

    def comes_by_the_new_port(self) -> None:
        self.lives_on_its_new_key()
        assert self.old.type("ss -Htn state established 'sport = :2222'")

    def comes_by_the_old_port(self) -> None:
        until(lambda: not self.old.listens(2222), "the second sshd is gone")
        until(
            lambda: (
                f"gateway: {NAME}:22\n" in self.old.typed("sh /etc/reversi/office.sh status").stdout
            ),
            "sshd is back at port 22",
        )
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

    def hire_otto(self) -> None:
        self.old.must("useradd", "--no-create-home", "--user-group", "otto")
        assert "office" in self.as_otto("reversi-checker", "status").stdout

    def as_otto(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.old.run(
            *("setpriv", "--reuid=otto", "--regid=otto", "--init-groups"),
            f"/opt/reversi/bin/{words[0]}",
            *words[1:],
        )

    def shows_otto_nothing(self) -> None:
        for words in (("reversi-checker", "status"), ("reversi-tui", "--once")):
            told = self.as_otto(*words)
            assert told.returncode == 2, told
            assert "members of reversi-readers may look" in told.stderr

    def shows_otto_all(self) -> None:
        for words in (("reversi-checker", "status"), ("reversi-tui", "--once")):
            assert "office" in self.as_otto(*words).stdout
        assert "may not probe" in self.as_otto("reversi-checker", "probe", "office").stderr

    def write_for_the_helpdesk(self) -> None:
        """Write the files that the page tells the reader to write."""
        self.old.type("ssh-keygen -q -t ed25519 -N '' -f helpdesk")
        (block,) = re.findall(r"(?m)^    Match User helpdesk\n(?:    .*\n)+", PAGE.read_text())
        text = textwrap.dedent(block).replace("/usr/local/bin", "/opt/reversi/bin")
        self.old.write("/root/helpdesk.conf", text)

    def shows_the_helpdesk_only_the_console(self) -> None:
        """The account gets the console in a terminal, and nothing else."""
        until(lambda: self.old.listens(22), "sshd listens")
        ssh = "ssh -i helpdesk -o IdentitiesOnly=yes"
        other = self.old.typed(f"{ssh} helpdesk@127.0.0.1 cat /etc/passwd")
        assert (other.returncode, other.stdout) == (2, "")
        assert "the console needs a terminal" in other.stderr
        forward = self.old.typed(f"{ssh} -W 127.0.0.1:20000 helpdesk@127.0.0.1")
        assert forward.returncode != 0
        assert "SSH-2.0" not in forward.stdout
        with on_terminal(
            [
                *self.old.inside,
                "sh",
                "-c",
                f"cd /root && HOME=/root {ssh} -tt helpdesk@127.0.0.1 sh",
            ],
            size=(110, 30),
        ) as console:
            console.until(b"office")
            console.until(b"READ-ONLY")
            console.until(b"filter")  # in the last line, which would offer "kill" before it
            assert b"kill" not in console.written
            console.press(b"s")
            console.settle()
            console.press(b"q")
            assert console.ended() == 0


PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
UPGRADED = "sh /tmp/office.sh upgrade"
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
    ),
    Step("sudo reversi-checker init", says="from the registry", after=Fleet.has_its_node),
    Step("sudo reversi-checker backup /var/backups/reversi/move.tar.gz", says="1 nodes"),
    Step(
        "sudo reversi-checker restore /var/backups/reversi/move.tar.gz",
        says="nodes are valid",
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
    Step("sudo reversi-checker node rekey office", says="wrote office-2.key"),
    Step("sudo reversi-client build office"),
    Step("sudo scp -O -P 20000 office.sh root@127.0.0.1:/tmp/"),
    Step(
        f"ssh -p 20000 root@127.0.0.1 {UPGRADED}",
        says="replacing the tunnel",
        after=Fleet.lives_on_its_new_key,
    ),
    Step("sudo install -d -m 0700 /etc/ssh/old"),
    Step("sudo cp -p /etc/ssh/ssh_host_* /etc/ssh/old/"),
    Step(
        r"printf 'HostKey /etc/ssh/old/ssh_host_%s_key\n' ed25519 ecdsa rsa"
        " | sudo tee /etc/ssh/sshd_config.d/00-old-host-keys.conf",
        says="ssh_host_rsa_key",
    ),
    Step("sudo systemctl reload ssh"),
    Step("sudo sh -c 'rm /etc/ssh/ssh_host_*'"),
    Step("sudo ssh-keygen -A", says="ED25519"),
    Step(
        "sudo systemd-run --quiet --unit=sshd-new /usr/sbin/sshd -D -o PidFile=none -p 2222"
        " -h /etc/ssh/ssh_host_ed25519_key -h /etc/ssh/ssh_host_ecdsa_key"
        " -h /etc/ssh/ssh_host_rsa_key",
        after=lambda fleet: until(lambda: fleet.old.listens(2222), "the second sshd listens"),
    ),
    Step("sudo reversi-checker node rekey office"),
    Step(
        "sudo reversi-client build office --gateway gateway.example.org:2222"
        " --gateway gateway.example.org:22"
    ),
    Step("sudo scp -O -P 20000 office.sh root@127.0.0.1:/tmp/"),
    Step(
        f"ssh -p 20000 root@127.0.0.1 {UPGRADED}",
        says="replacing the tunnel",
        after=Fleet.comes_by_the_new_port,
    ),
    Step("sudo ss -tn state established sport = :2222", says=":2222"),
    Step("sudo rm /etc/ssh/sshd_config.d/00-old-host-keys.conf"),
    Step("sudo systemctl reload ssh"),
    Step("sudo systemctl stop sshd-new"),
    Step("sudo rm -r /etc/ssh/old", after=Fleet.comes_by_the_old_port),
    Step("sudo usermod -aG reversi-operators anna", before=Fleet.hire_anna),
    Step("sudo systemctl restart reversi-checker", after=Fleet.obeys_anna),
    Step("reversi-checker log --limit 20", says="the new key was used"),
    Step("sudo git -C /etc/reversi init --quiet"),
    Step("printf '%s\\n' '*.key' .installed.json nodes/.lock | sudo tee /etc/reversi/.gitignore"),
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
