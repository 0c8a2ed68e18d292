"""docs/operating.md: a gateway that only readers may look at, and an account for the helpdesk."""

from __future__ import annotations

import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.reversi_tui.console.pty_console import on_terminal
from tests.system.page_backup import Backups
from tests.system.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


@dataclass(slots=True)
class Readers(Backups):
    """Accounts that may look, and one that may not."""

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
        assert (
            "members of the group reversi-operators"
            in self.as_otto("reversi-checker", "probe", "office").stderr
        )

    def write_for_the_helpdesk(self) -> None:
        """Write the files that the page tells the reader to write."""
        self.old.type("ssh-keygen -q -t ed25519 -N '' -f helpdesk")
        (block,) = re.findall(r"(?m)^    Match User helpdesk\n(?:    .*\n)+", PAGE.read_text())
        text = textwrap.dedent(block).replace("/usr/local/bin", "/opt/reversi/bin")
        self.old.write("/root/helpdesk.conf", text)

    def shows_the_helpdesk_only_the_console(self) -> None:
        """The account gets the console in a terminal, and nothing else."""
        ssh = "ssh -i helpdesk -o IdentitiesOnly=yes"
        typed = f"{ssh} helpdesk@127.0.0.1 cat /etc/passwd"
        # sshd reads its files again some time after systemctl has ended
        until(lambda: self.old.typed(typed).returncode == 2, "sshd has its new settings")
        other = self.old.typed(typed)
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
