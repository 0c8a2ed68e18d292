"""What came of a login that `doctor` tried: the facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from checker.model import Target, parse_target, printable
from checker.sshd.log_lines import LogLine, Served, parse
from checker.sshd.refused_logins import RefusedLogin, in_lines, words_of

ANSWER = re.compile(r"\d+ \S+\Z")
"""What `version` is answered: protocol and version."""
SHOWN = 300
"""Most characters of one text that we repeat."""
EVERYDAY = re.compile(r"pam_\w+\([^)]*:session\)|sending debug message|Accepted publickey ")
LISTENS = re.compile(r"(?:\[[0-9a-fA-F:.%\w]+\]|[\w.-]+):\d{1,5}")
LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One login that was tried."""

    place: str
    """HOST:PORT."""
    is_own: bool
    """Whether it is an address of this machine, which must work from here."""
    is_reached: bool = True
    exit_status: int = 0
    answer: str = ""
    """The last line that the forced command printed."""
    complaint: str = ""
    """What the client and the forced command wrote to stderr, on one line."""
    logged: Sequence[str] = ()
    """What sshd logged about it."""
    refusal: RefusedLogin | None = None
    """What of that reports a refusal."""
    has_log: bool = True

    @property
    def works(self) -> bool:
        """Whether the forced command answered."""
        return self.exit_status == 0 and ANSWER.search(self.answer) is not None


def places(effective: Mapping[str, str], gateways: Iterable[str]) -> dict[str, bool]:
    """Return where to log in, HOST:PORT, and whether it is this machine's own address: the loopback
    address, or where sshd listens instead, and what devices are told.
    """
    words = effective.get("listenaddress", "").split()
    listens = [parse_target(word) for word in words if LISTENS.fullmatch(word)]
    port = (effective.get("port") or "22").split()[0]
    local = [Target(host=LOOPBACKS.get(one.host, one.host), port=one.port) for one in listens]
    first = next((one for one in local if one.host == "127.0.0.1"), None)
    own = first or next(iter(local), parse_target(f"127.0.0.1:{port}"))
    return {str(own): True, **{place: False for place in gateways if place != str(own)}}


def ours_among(
    lines: Iterable[LogLine], *, pids: Collection[int], peer: tuple[str, str], key: str
) -> list[LogLine]:
    """Return the lines about the connection that came from this address and port with this key,
    which these processes of sshd served, if they are known.
    """
    address, port = peer
    named = re.compile(
        rf"\b{re.escape(address)}(?:\]?:| port ){re.escape(port)}\b|{re.escape(key)}"
    )
    refused = re.compile(rf"refused connect from .*\({re.escape(address)}\)$")
    kept = list(lines)
    known = {*pids, *(line.pid for line in kept if named.search(line.text)), None} - {None}
    served = (
        fact.pid
        for line in kept
        if line.pid in known and isinstance(fact := parse(line.text), Served)
    )
    known |= set(served)
    return [
        line
        for line in kept
        if line.pid in known or named.search(line.text) or refused.match(words_of(line.text))
    ]


def worth_showing(lines: Iterable[LogLine]) -> tuple[str, ...]:
    """Return what these lines say, without those of every login and what LogVerbose adds."""
    return tuple(
        printable(words_of(line.text), SHOWN)
        for line in lines
        if not EVERYDAY.search(line.text) and not isinstance(parse(line.text), Served)
    )


def first_refusal(lines: Sequence[LogLine], user: str, uid: int) -> RefusedLogin | None:
    """Return the first refusal that the lines report."""
    return next(iter(in_lines(lines, user, uid)), None)
