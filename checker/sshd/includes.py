"""Find an `Include` of sshd_config that stands inside a `Match` block. Pure."""

from __future__ import annotations

import fnmatch
import shlex
from dataclasses import dataclass
from pathlib import Path

from checker.sshd.match_lines import MatchLine, criteria, directive

FOLDER = Path("/etc/ssh")
"""Where sshd looks for a file without a directory. Source: sshd_config(5), Include."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """An `Include` that sshd follows only for some connections, if it starts at all."""

    main: Path
    number: int
    """The line of the Include."""
    text: str
    block: MatchLine

    @property
    def sentence(self) -> str:
        return (
            f"{self.main} line {self.number} ({self.text}) is inside the block of line"
            f" {self.block.number} ({self.block.text}), so sshd does not read our settings for"
            " every connection, and may not start; move the line to the top of the file"
        )

    @property
    def mend(self) -> str:
        """The command that moves the line to the top of the file."""
        program = f"{self.number}d;1i {self.text}"
        edit = f"sudo sed -i {shlex.quote(program)} {shlex.quote(str(self.main))}"
        return f"{edit} && sudo sshd -t && sudo systemctl reload ssh"


def misplaced_include(text: str, main: Path, place: Path) -> Misplaced | None:
    """Return the Include that reads `place`, if each one that does stands inside a `Match` block
    that does not hold for all connections.
    """
    block: MatchLine | None = None
    found: Misplaced | None = None
    for number, line in enumerate(text.split("\n"), 1):
        keyword, words = directive(line) or ("", [])
        if keyword == "match":
            block = MatchLine(file=main, number=number, criteria=criteria(words))
        elif keyword == "include" and any(reads(pattern, place) for pattern in words):
            if block is None or block.criteria == (("all", ""),):
                return None
            found = found or Misplaced(main=main, number=number, text=line.strip(), block=block)
    return found


def reads(pattern: str, place: Path) -> bool:
    """Return whether an Include of this pattern reads the file."""
    return fnmatch.fnmatchcase(str(place), str(FOLDER / pattern))
