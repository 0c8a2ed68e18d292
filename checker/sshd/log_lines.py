"""Parse sshd's own log: logins and their keys, ended connections, and what sshd refused. Pure.

Hostnames, socket paths and names in these lines are the client's words: they are matched last and
whole, and escaped. sshd truncates a line at 1024 bytes, so a client may choose where one ends: an
address after the client's words is never believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from checker.model import printable

LOG_VERBOSE = ",".join(
    f"{place}:*"
    for place in (
        "packet.c:ssh_packet_send_debug()",
        "session.c:session_pty_req()",
        "session.c:session_auth_agent_req()",
        "session.c:session_env_req()",
        "*:privsep_postauth()",
    )
)
"""For LogVerbose, which OpenSSH has since 8.5: the functions of sshd that refuse without a word at
LogLevel INFO, and the one that logs which process serves a login. It costs three lines per login;
keepalives and beats log none.
"""
SHOWN = 100
"""Most characters of a client's word that we show."""
LOCALE = re.compile(r"(LANG|LANGUAGE|LC_\w+|COLORTERM|NO_COLOR|TERM|TZ)$")
"""Variables that OpenSSH's client sends everywhere, as its distribution configures it."""
Peer = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of sshd's log; pid and uid of its writer if the system reports them, never as the
    line claims.
    """

    text: str
    pid: int | None = None
    uid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    user: str
    peer: Peer
    fingerprint: str
    """The key's fingerprint; empty for a login without a plain key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The writer of the line serves its login by this process."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A connection ended: that of `peer`, or of the line's writer if the line does not name a
    peer.
    """

    peer: Peer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """sshd refused `what`. `peer`: if the line names it; the port is 0 if it names only the
    address.
    """

    what: str
    peer: Peer | None = None
    is_last: bool = False
    """Whether sshd ended the connection with it."""


Fact = LoggedIn | Served | Disconnected | Denied
Make = Callable[[re.Match[str]], Fact | None]


def peer_in(found: re.Match[str]) -> Peer:
    return found["address"], int(found["port"])


def shown(word: str) -> str:
    return printable(word, SHOWN)


def environment(found: re.Match[str]) -> Denied | None:
    return (
        None if LOCALE.match(found["name"]) else Denied(what=f"the variable {shown(found['name'])}")
    )


PEER = r"(?P<address>[0-9A-Fa-f.:%\w]+) port (?P<port>\d{1,5})"
FATAL = r"\w+: (?:parse packet: )?Connection from user \S+"
"""The line begins with the name of a function of sshd. Before a login it names no user."""
PREFIX = re.compile(r"(debug\d: )?(error: |fatal: )?([\w.-]+\.c:\w+\(\):\d+( \([^)]*\))?: )?")
"""What a level or LogVerbose puts before a line. OpenSSH 8.5 names file, function and line; later
releases also name the process.
"""
GRAMMAR: tuple[tuple[str, Make], ...] = (
    (
        rf"Accepted publickey for (?P<user>\S+) from {PEER} ssh2: \S+ (?P<key>SHA256:[\w+/]+)$",
        lambda m: LoggedIn(user=m["user"], peer=peer_in(m), fingerprint=m["key"]),
    ),
    (
        rf"Accepted \S+ for (?P<user>\S+) from {PEER} ssh2(?:: .*)?$",
        lambda m: LoggedIn(user=m["user"], peer=peer_in(m), fingerprint=""),
    ),
    (r"User child is on pid (?P<pid>\d{1,10})$", lambda m: Served(pid=int(m["pid"]))),
    (
        (
            r"(?:Disconnected from|Connection closed by|Connection reset by|Timeout, client not"
            rf" responding from)(?: user \S+)? {PEER}$"
        ),
        lambda m: Disconnected(peer=peer_in(m)),
    ),
    (rf"Read error from remote host {PEER}: .*$", lambda m: Disconnected(peer=peer_in(m))),
    (r"Exiting on signal \d+$", lambda _: Disconnected()),
    (
        r"refused local port forward: originator .*?, target (?P<host>.*) port (?P<to>\d+)$",
        lambda m: Denied(what=f"a connection to {shown(m['host'])} port {m['to']}"),
    ),
    (
        r"refused (?:local|streamlocal) port forward: originator .*?, target (?P<host>.*)$",
        lambda m: Denied(what=f"a connection to {shown(m['host'])}"),
    ),
    (
        r"refused (?:local|streamlocal) port forward: originator ",
        lambda _: Denied(what="a connection to a place that a long request hides"),
    ),
    (
        (
            rf"Received request from {PEER} to connect to (?:host|path) (?P<host>.*), but the"
            r" request was denied\.$"
        ),
        lambda m: Denied(what=f"a connection to {shown(m['host'])}", peer=peer_in(m)),
    ),
    (
        (
            rf"Received request from {PEER} to remote forward to host (?P<host>.*) port"
            r" (?P<to>\d+), but the request was denied\.$"
        ),
        lambda m: Denied(
            what=f"listening on {shown(m['host']) or 'all addresses'} port {m['to']}",
            peer=peer_in(m),
        ),
    ),
    (
        (
            rf"Received request from {PEER} to remote forward to path (?P<host>.*), but the request"
            r" was denied\.$"
        ),
        lambda m: Denied(what=f"listening on {shown(m['host'])}", peer=peer_in(m)),
    ),
    (
        r"subsystem request for (?P<name>.*) by user \S+ failed, subsystem not found$",
        lambda m: Denied(what=f"the subsystem {shown(m['name'])}"),
    ),
    (
        r"Allocating a pty not permitted for this connection\.$",
        lambda _: Denied(what="a terminal"),
    ),
    (r"agent forwarding disabled$", lambda _: Denied(what="agent forwarding")),
    (r"Ignoring env request (?P<name>.*?)(?:: \w[\w ]*)?$", environment),
    (
        r"sending debug message: Server has rejected tunnel device forwarding",
        lambda _: Denied(what="a tunnel device"),
    ),
    (
        r"sending debug message: X11 forwarding (?:disabled|not permitted)",
        lambda _: Denied(what="X11 forwarding"),
    ),
    (
        r"sending debug message: Server has disabled streamlocal forwarding",
        lambda _: Denied(what="listening on a Unix socket"),
    ),
    (
        r"sending debug message: Server has disabled port forwarding",
        lambda _: Denied(what="listening on a port that is not its own"),
    ),
    (
        (
            rf"{FATAL} {PEER}: (?P<why>invalid format|Connection corrupted|incomplete"
            r" message|string is too large)$"
        ),
        lambda m: Denied(what=f"a malformed packet ({m['why']})", peer=peer_in(m), is_last=True),
    ),
    (rf"{FATAL} {PEER}: .*$", lambda m: Disconnected(peer=peer_in(m))),
    (
        (
            r"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting) invalid user"
            rf" (?P<user>.*) {PEER}(?:: [\w ]+)?(?: \[preauth\])?$"
        ),
        lambda m: Denied(what=f"a login as {shown(m['user'])}", peer=(m["address"], 0)),
    ),
)
WHOLE: tuple[tuple[re.Pattern[str], Make], ...] = tuple(
    (re.compile(text, re.DOTALL), make) for text, make in GRAMMAR
)
ROUTINE = re.compile(
    r"Accepted |Server listening on |Received (?:disconnect|request|signal) |Disconnect(?:ed"
    r" from|ing) |"
    r"Connection from .* on |User child is on pid|User .* not allowed because |Invalid user |Failed"
    r" |Postponed |Starting session: |"
    r"Close session: |Closing connection to |Transferred: |Root login accepted|refused \w+ port"
    r" forward|subsystem request for |"
    r"Exiting on signal|Timeout, client not responding|Connection (?:closed|reset)|Allocating a"
    r" pty|agent forwarding disabled|"
    r"Ignoring env request|sending debug message|drop connection |exited MaxStartups|Unable to"
    r" negotiate|Bad packet length |"
    r"[\w: ]+: Connection from ",
)
"""Lines about no error: sshd does not write them at LogLevel ERROR. Source: sshd(8) at each level,
OpenSSH 8.4 to 10.0.
"""


def bare(text: str) -> str:
    """Return the line without what a level or LogVerbose puts before it."""
    return PREFIX.sub("", text.rstrip("\r\n"), count=1)


def parse(text: str) -> Fact | None:
    """Parse a line; None if it says nothing that we need."""
    line = bare(text)
    for pattern, make in WHOLE:
        found = pattern.match(line)
        if found:
            return make(found)
    return None


def is_routine(text: str) -> bool:
    """Return whether the line is not about a fault that an admin must see."""
    return text.startswith("debug") or ROUTINE.match(bare(text)) is not None
