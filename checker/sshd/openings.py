"""Ask sshd what a `Match` block that holds only for some connections would allow a node."""

from __future__ import annotations

import glob
import grp
import itertools
import os
import pwd
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from checker.sshd.connections import connections
from checker.sshd.lockdown import (
    KEYS_COMMAND,
    KEYS_COMMAND_USER,
    differences,
    reads_our_keys,
    unknown_to,
)
from checker.sshd.match_lines import Connection, MatchLine, criteria, directive, keywords, where
from checker.sshd.obstacles import limits, refusals
from checker.sshd.program import MAIN, ask_sshd, effective, version

DEEPEST = 16
"""How many nested Includes sshd follows. Source: servconf.c, SERVCONF_MAX_DEPTH."""
REPROCESSED = "reprocess config"
"""How sshd calls its main file while it decides `Match` lines."""
SETTING = re.compile(r"^debug3: (.*):(\d+) setting (\S+) ", re.MULTILINE)
ALLOWS: Mapping[str, str] = {
    "AllowTcpForwarding": "open -L",
    "PermitOpen": "open -L",
    "AllowStreamLocalForwarding": "forward Unix sockets",
    "AllowAgentForwarding": "forward an agent",
    "X11Forwarding": "forward X11",
    "PermitTunnel": "open a tunnel device",
    "PermitTTY": "get a terminal",
    "PermitUserRC": "run ~/.ssh/rc",
    "AcceptEnv": "set variables",
    "GatewayPorts": "listen on other addresses",
}
"""What a node's key may do if a setting is not ours."""


def match_lines(config: Path) -> Iterator[MatchLine]:
    """Yield every `Match` line that sshd reads, also those of included files."""
    yield from lines_below(config, None, 0)


def lines_below(file: Path, inside: MatchLine | None, depth: int) -> Iterator[MatchLine]:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        # sshd ignores an included file that is missing, and reports one that it cannot read
        return
    block = inside
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        match directive(line):
            case ("match", words):
                said = keywords(itertools.islice(lines, number, None))
                block = MatchLine(
                    file=file, number=number, criteria=criteria(words), inside=inside, keywords=said
                )
                yield block
            case ("include", patterns) if depth < DEEPEST:
                for pattern in patterns:
                    for found in sorted(glob.glob(str(MAIN.parent / pattern))):  # noqa: PTH207 - a pattern of an absolute path
                        yield from lines_below(Path(found), block, depth + 1)


def groups_of(user: str) -> frozenset[str]:
    """Return the user's groups; for a user who does not exist yet, the group that will be made, and
    those that name the user already.
    """
    try:
        numbers = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except KeyError:
        return frozenset({user, *(one.gr_name for one in grp.getgrall() if user in one.gr_mem)})
    return frozenset(group.gr_name for group in grp.getgrall() if group.gr_gid in numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What sshd says about the tunnel user."""

    effective: Mapping[str, str]
    """The settings for a plain connection."""
    openings: tuple[str, ...]
    """A clause for each setting that does not hold for another connection, and for what could not
    be checked.
    """
    refusals: tuple[str, ...] = ()
    """A clause for each setting by which sshd rejects every key of the user."""
    limits: tuple[str, ...] = ()
    """A clause for each setting by which it rejects them on some connections."""


def judged(config: Path, user: str) -> Judged:
    """Ask sshd about each kind of connection that its configuration distinguishes. Raises
    CheckerError.
    """
    lines = tuple(match_lines(config))
    groups = groups_of(user)
    asked, is_all = connections(lines, user, groups, use_dns=False)
    usual = effective(config, user, asked[0])
    if usual.get("usedns", "").lower() == "yes":
        asked, is_all = connections(lines, user, groups, use_dns=True)
    unknown = unknown_to(version())
    known = differences(usual, unknown=unknown)
    found: dict[str, None] = {}
    shut = refusals(usual, user, groups)
    limited = dict.fromkeys(limits(usual, user))
    for connection in asked[1:]:
        settings = effective(config, user, connection)
        limited |= dict.fromkeys(
            f"{origin_of(connection)}: {one}"
            for one in refusals(settings, user, groups)
            if one not in shut
        )
        here = differences(settings, unknown=unknown)
        wrong = [one for one in here if one not in known]
        if wrong:
            places = places_of(config, user, connection)
            found |= dict.fromkeys(clause(one, places, lines, config, connection) for one in wrong)
    found |= dict.fromkeys(not_checked(lines, is_all=is_all))
    return Judged(effective=usual, openings=tuple(found), refusals=shut, limits=tuple(limited))


def other_commands(config: Path, user: str, keys_user: str) -> tuple[str, ...]:
    """Return a clause for each kind of connection on which sshd does not read the user's keys by
    fingerprint, as this account. Raises CheckerError.
    """
    asked, is_all = connections(tuple(match_lines(config)), user, groups_of(user), use_dns=False)
    found = [
        f"{origin_of(connection)}: {KEYS_COMMAND} is another"
        for connection in asked
        if not is_our_command(effective(config, user, connection), keys_user)
    ]
    return tuple(found if is_all else [*found, "the Match blocks combine in too many ways"])


def is_our_command(settings: Mapping[str, str], keys_user: str) -> bool:
    return (
        reads_our_keys(settings.get(KEYS_COMMAND.lower(), ""))
        and settings.get(KEYS_COMMAND_USER.lower()) == keys_user
    )


def origin_of(connection: Connection) -> str:
    """Say which connection it is, in the words of `sshd -T -C`."""
    return " ".join(connection.words("")[1].split(",")[1:])


def not_checked(lines: Iterable[MatchLine], *, is_all: bool) -> Iterator[str]:
    """Yield a clause for each thing that could not be checked. `is_all`: no connection was left
    out.
    """
    for line in lines:
        if line.unclear and line.matters:
            yield f"{line.text!r} could not be checked ({line.file} line {line.number})"
    if not is_all:
        yield "the Match blocks combine in too many ways to check them all"


def places_of(config: Path, user: str, connection: Connection) -> dict[str, tuple[Path, int]]:
    """Return the file and line inside a `Match` block that decided each keyword for the
    connection.
    """
    said = ask_sshd("-T", "-ddd", "-f", str(config), *connection.words(user)).stderr.replace(
        "\r", ""
    )
    decided = said[said.find("debug3: checking match for ") :]
    found: dict[str, tuple[Path, int]] = {}
    for file, number, keyword in SETTING.findall(decided):
        found.setdefault(
            keyword.lower(), (config if file == REPROCESSED else Path(file), int(number))
        )
    return found


def clause(
    wrong: str,
    places: Mapping[str, tuple[Path, int]],
    lines: tuple[MatchLine, ...],
    config: Path,
    connection: Connection,
) -> str:
    """Say which connection gets the wrong setting, from which line of which file, and what a node's
    key could do there.
    """
    keyword = wrong.partition(" ")[0]
    place = places.get(keyword.lower())
    before = [line for line in lines if place and line.file == place[0] and line.number < place[1]]
    said = where(before[-1]) if before else ""
    origin = said or origin_of(connection)
    by = ""
    if place:
        by = f" ({MAIN if place[0] == config else place[0]} line {place[1]})"
    allows = (
        f"a node's key could {ALLOWS[keyword]}: "
        if keyword in ALLOWS and "could not be" not in wrong
        else ""
    )
    return f"{origin}{by} {allows}{wrong}"
