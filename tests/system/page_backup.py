"""docs/operating.md: what a backup has, and what a restored gateway is like."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.system.page_server import PageServer
from tests.system.waiting import until


@dataclass(slots=True)
class Backups:
    """The gateway, which is also the device `office`, and the machine that replaces it."""

    old: PageServer
    new: PageServer
    host_key: str = ""
    """A host key, and the settings, as they were backed up."""
    settings: str = ""

    def is_served(self) -> None:
        until(
            lambda: (
                self.old.run("systemctl", "is-active", "reversi-checker.service").returncode == 0
            ),
            "the daemon serves again",
        )
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
        self.host_key = self.old.read("/etc/ssh/ssh_host_ed25519_key")
        self.settings = self.old.read("/etc/reversi/reversi.toml")
        self.old.type("reversi-checker node add barn --forward 20009=127.0.0.1:9,open")
        self.old.type("rm /etc/ssh/ssh_host_* && ssh-keygen -A")
        self.old.write("/etc/reversi/reversi.toml", f"{self.settings}deadline_s = 9\n")

    def still_has_mistakes(self) -> None:
        assert self.old.has("/etc/reversi/nodes/barn.toml")
        assert self.old.read("/etc/ssh/ssh_host_ed25519_key") != self.host_key

    def is_as_before(self) -> None:
        """All is back, the tunnel too, and what was there in between is not lost."""
        assert self.old.read("/etc/ssh/ssh_host_ed25519_key") == self.host_key
        assert self.old.read("/etc/reversi/reversi.toml") == self.settings
        assert not self.old.has("/etc/reversi/nodes/barn.toml")
        assert "restored gateway.tar.gz" in self.old.type("reversi-checker log --limit 1000")
        kept = self.old.type("ls /var/backups/reversi/before-restore-*").strip()
        assert "barn.toml" in self.old.type(f"tar -tzf {kept}")
        self.is_served()

    def lose_the_node(self) -> None:
        self.old.type("reversi-checker node remove office --yes")

    def has_its_node(self) -> None:
        """The key file follows, and the device, which was refused, need not wait."""
        until(lambda: "reversi:office" in self.old.key_text(), "sshd's keys follow")
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
