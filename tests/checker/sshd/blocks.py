"""`Match` lines, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

from checker.sshd.connections import connections
from checker.sshd.match_lines import (
    Connection,
    MatchLine,
    criteria,
    directive,
    holds,
)

MAIN = Path("/etc/ssh/sshd_config")


def line(text: str, inside: MatchLine | None = None) -> MatchLine:
    found = directive(text)
    assert found is not None
    return MatchLine(file=MAIN, number=1, criteria=criteria(found[1]), inside=inside)


def asked(*lines: MatchLine, use_dns: bool = False) -> tuple[Connection, ...]:
    found, is_all = connections(lines, "reversi", {"reversi"}, use_dns=use_dns)
    assert is_all
    return found


def outcomes(*lines: MatchLine, use_dns: bool = False) -> set[tuple[bool, ...]]:
    """Which of the lines hold, for each connection that sshd is asked about."""
    return {
        tuple(holds(one, each, "reversi", {"reversi"}) for one in lines)
        for each in asked(*lines, use_dns=use_dns)
    }
