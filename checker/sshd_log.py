"""What sshd's own log tells of the tunnel user's connections: who logged in with which key, and what sshd refused them. Pure.

Hostnames, socket paths and names in these lines are the client's words: they are matched last and whole, and escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from checker.model import printable

LOG_VERBOSE = ",".join(
    f"{place}:*"
    for place in (
        "packet.c:ssh_packet_send_debug()", "session.c:session_pty_req()", "session.c:session_auth_agent_req()",
        "session.c:session_env_req()", "*:privsep_postauth()",
    )
)  # fmt: skip
"""The functions of sshd that refuse without a word at LogLevel INFO, and the one that tells which process serves a login: for
LogVerbose, which OpenSSH has since 8.5. Three lines a login; keepalives and beats make none."""
LOGINS_HELD = 20_000
SHOWN = 100
"""Characters of a client's word that are shown."""
LOCALE = re.compile(r"(LANG|LANGUAGE|LC_\w+|COLORTERM|NO_COLOR|TERM|TZ)$")
"""Variables that OpenSSH's client offers everywhere, by the configuration of its distribution."""

Peer = tuple[str, int]
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of sshd's; pid and uid of the process that wrote it where they are known, and not its own claim."""

    text: str
    pid: int | None = None
    uid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    user: str
    peer: Peer
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Its writer serves its login by this process."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`what` was refused; `peer` where the line tells it, with port 0 where it tells the address alone."""

    what: str
    peer: Peer | None = None


Fact = LoggedIn | Served | Ended | Refused
Make = Callable[[re.Match[str]], Fact | None]


def peer_in(found: re.Match[str]) -> Peer:
    return found["address"], int(found["port"])


def shown(word: str) -> str:
    return printable(word, SHOWN)


def environment(found: re.Match[str]) -> Refused | None:
    return None if LOCALE.match(found["name"]) else Refused(what=f"the variable {shown(found['name'])}")


PEER = r"(?P<address>[0-9A-Fa-f.:%\w]+) port (?P<port>\d{1,5})"
PREFIX = re.compile(r"(debug\d: )?(error: |fatal: )?([\w.-]+\.c:\w+\(\):\d+( \([^)]*\))?: )?")
"""Of a line that a level or LogVerbose made; OpenSSH 8.5 tells file, function and line, later ones the process too."""
GRAMMAR: tuple[tuple[str, Make], ...] = (
    (rf"Accepted publickey for (?P<user>\S+) from {PEER} ssh2: \S+ (?P<key>SHA256:[\w+/]+)$",
     lambda m: LoggedIn(user=m["user"], peer=peer_in(m), fingerprint=m["key"])),
    (r"User child is on pid (?P<pid>\d{1,10})$", lambda m: Served(pid=int(m["pid"]))),
    (rf"(?:Disconnected from|Connection closed by|Connection reset by|Timeout, client not responding from)(?: user \S+)? {PEER}$",
     lambda m: Ended(peer=peer_in(m))),
    (r"refused local port forward: originator .*?, target (?P<host>.*) port (?P<to>\d+)$",
     lambda m: Refused(what=f"a way to {shown(m['host'])} port {m['to']}")),
    (r"refused (?:local|streamlocal) port forward: originator .*?, target (?P<host>.*)$",
     lambda m: Refused(what=f"a way to {shown(m['host'])}")),
    (rf"Received request from {PEER} to connect to (?:host|path) (?P<host>.*), but the request was denied\.$",
     lambda m: Refused(what=f"a way to {shown(m['host'])}", peer=peer_in(m))),
    (rf"Received request from {PEER} to remote forward to host (?P<host>.*) port (?P<to>\d+), but the request was denied\.$",
     lambda m: Refused(what=f"listening on {shown(m['host']) or 'all addresses'} port {m['to']}", peer=peer_in(m))),
    (rf"Received request from {PEER} to remote forward to path (?P<host>.*), but the request was denied\.$",
     lambda m: Refused(what=f"listening on {shown(m['host'])}", peer=peer_in(m))),
    (r"subsystem request for (?P<name>.*) by user \S+ failed, subsystem not found$",
     lambda m: Refused(what=f"the subsystem {shown(m['name'])}")),
    (r"Allocating a pty not permitted for this connection\.$", lambda _: Refused(what="a terminal")),
    (r"agent forwarding disabled$", lambda _: Refused(what="agent forwarding")),
    (r"Ignoring env request (?P<name>.*): \w[\w ]*$", environment),
    (r"sending debug message: Server has rejected tunnel device forwarding", lambda _: Refused(what="a tunnel device")),
    (r"sending debug message: X11 forwarding (?:disabled|not permitted)", lambda _: Refused(what="X11 forwarding")),
    (r"sending debug message: Server has disabled streamlocal forwarding", lambda _: Refused(what="listening on a Unix socket")),
    (r"sending debug message: Server has disabled port forwarding", lambda _: Refused(what="listening on what is no port for it")),
    (rf"[\w: ]+: Connection from user \S+ {PEER}: (?P<why>invalid format|Connection corrupted|incomplete message|string is too large)$",
     lambda m: Refused(what=f"a malformed packet ({m['why']})", peer=peer_in(m))),
    (rf"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting) invalid user (?P<user>.*) {PEER}(?:: [\w ]+)?$",
     lambda m: Refused(what=f"a login as {shown(m['user'])}", peer=(m["address"], 0))),
)  # fmt: skip
WHOLE: tuple[tuple[re.Pattern[str], Make], ...] = tuple((re.compile(text, re.DOTALL), make) for text, make in GRAMMAR)
ROUTINE = re.compile(
    r"Accepted |Server listening on |Received (?:disconnect|request|signal) |Disconnect(?:ed from|ing) |"
    r"Connection from .* on |User child is on pid|User .* not allowed because |Invalid user |Failed |Postponed |Starting session: |"
    r"Close session: |Closing connection to |Transferred: |Root login accepted|refused \w+ port forward|subsystem request for |"
    r"Exiting on signal|Timeout, client not responding|Connection (?:closed|reset)|Allocating a pty|agent forwarding disabled|"
    r"Ignoring env request|sending debug message|drop connection |exited MaxStartups|Unable to negotiate|Bad packet length |"
    r"[\w: ]+: Connection from ",
)
"""Lines of no error: what sshd does not write at LogLevel ERROR. Source: sshd(8) at each level, OpenSSH 8.4 to 10.0."""


def bare(text: str) -> str:
    """The line without what a level, LogVerbose or the phase puts round it."""
    return PREFIX.sub("", text.rstrip("\r\n"), count=1).removesuffix(" [preauth]")


def parse(text: str) -> Fact | None:
    """What a line tells; None for nothing that we want."""
    line = bare(text)
    for pattern, make in WHOLE:
        found = pattern.match(line)
        if found:
            return make(found)
    return None


def is_routine(text: str) -> bool:
    """Whether the line is none that tells an admin of a fault."""
    return text.startswith("debug") or ROUTINE.match(bare(text)) is not None


def fingerprint(public_key: str) -> str:
    """As sshd writes it, of `TYPE BASE64`."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that sshd refused to a connection of the tunnel user."""

    what: str
    address: str
    port: int
    fingerprint: str
    """Of the key that it logged in with; empty where the login was not heard of."""
    pid: int | None


class Logins:
    """Who is logged in as the tunnel user, as far as sshd's lines told since we listen."""

    def __init__(self, user: str, uid: int, *, parent_of: Callable[[int], int | None] = lambda _: None) -> None:
        """`parent_of`: of a process by its number, for an sshd that does not tell which process serves a login."""
        self.user = user
        self.uid = uid
        self.parent_of = parent_of
        self.keys: dict[Peer, str] = {}
        self.peers: dict[int, Peer] = {}

    def hear(self, line: Line) -> Refusal | None:
        """Take in a line; what it tells of a refusal to the tunnel user, if it does."""
        if line.uid not in (None, 0, self.uid):
            return None  # anybody may write to the machine's log under sshd's name
        match parse(line.text):
            case LoggedIn(user=self.user, peer=peer, fingerprint=key):
                hold(self.keys, peer, key)
                if line.pid is not None:
                    hold(self.peers, line.pid, peer)
            case Served(pid=pid) if line.pid in self.peers:
                hold(self.peers, pid, self.peers[line.pid])
            case Ended(peer=peer):
                self.keys.pop(peer, None)
            case Refused() as fact:
                return self.refusal(fact, line)
            case _:
                pass
        return None

    def refusal(self, fact: Refused, line: Line) -> Refusal | None:
        """Whose it was; None where it is nobody's of ours."""
        if fact.peer is not None and fact.peer[1] == 0:  # before any key: everybody tries that; it counts where our nodes come from
            address = fact.peer[0]
            is_near = any(known == address for known, _ in self.keys)
            return Refusal(what=fact.what, address=address, port=0, fingerprint="", pid=None) if is_near else None
        peer = next((peer for peer in self.candidates(fact, line) if peer in self.keys), None)
        if peer is not None:
            return Refusal(what=fact.what, address=peer[0], port=peer[1], fingerprint=self.keys[peer], pid=line.pid)
        if line.uid != self.uid:
            return None
        address, port = fact.peer or ("", 0)
        return Refusal(what=fact.what, address=address, port=port, fingerprint="", pid=line.pid)

    def candidates(self, fact: Refused, line: Line) -> Iterator[Peer]:
        """From where the refused one may come, the surest first."""
        if fact.peer is not None:
            yield fact.peer
        elif line.pid is not None:
            if line.pid in self.peers:
                yield self.peers[line.pid]
            parent = self.parent_of(line.pid)
            if parent in self.peers:
                yield self.peers[parent]


def hold(known: dict[Key, Value], key: Key, value: Value) -> None:
    """Remember it as the newest, and forget the oldest where there are too many."""
    known.pop(key, None)
    known[key] = value
    if len(known) > LOGINS_HELD:
        del known[next(iter(known))]


SYSLOG = re.compile(r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\S+) \S+ (?:\S*/)?sshd(?:-session|-auth)?\[(\d{1,10})\]: (.*)", re.DOTALL)


def from_syslog(text: str) -> Line | None:
    """A line of /var/log/auth.log; None where sshd did not write it. Sources: RFC 3164, rsyslog's RSYSLOG_FileFormat."""
    found = SYSLOG.match(text)
    return Line(text=found[2], pid=int(found[1])) if found else None


def from_journal(fields: object) -> Line | None:
    """An entry of `journalctl --output=json`; what is not text there stands as an array of bytes. Source: systemd.journal-fields(7)."""
    match fields:
        case {"MESSAGE": str(text), "_PID": str(pid), "_UID": str(uid)} if pid.isdecimal() and uid.isdecimal():
            return Line(text=text, pid=int(pid), uid=int(uid))
        case {"MESSAGE": list(octets), "_PID": str(pid), "_UID": str(uid)} if pid.isdecimal() and uid.isdecimal():
            text = "".join(chr(octet & 0xFF) for octet in octets if isinstance(octet, int))
            return Line(text=text, pid=int(pid), uid=int(uid))
    return None
