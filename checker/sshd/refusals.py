"""Attribute what sshd refused to logins of the tunnel user, from the lines of its log. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from checker.sshd.log_lines import Denied, Disconnected, LoggedIn, LogLine, Peer, Served, parse

LOGINS_HELD = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A connection of the tunnel user, from its login until it ends."""

    peer: Peer
    fingerprint: str
    pids: frozenset[int]
    """The processes that log about it, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that sshd refused to a connection of the tunnel user."""

    what: str
    address: str
    port: int
    fingerprint: str
    """The key that it logged in with; empty if we did not see the login."""
    pid: int | None


class Hearing:
    """Take in sshd's lines, and attribute the refusals among them.

    A login is forgotten when it ends. If no line reports its end (a process was killed), it is
    forgotten when another login has its peer or process, or as the oldest of too many.
    """

    def __init__(
        self,
        user: str,
        uid: int,
        *,
        parent_of: Callable[[int], int | None] = lambda _: None,
        on_login: Callable[[str, str], None] = lambda _key, _address: None,
    ) -> None:
        """`parent_of`: returns a process's parent, for an sshd that does not log which process
        serves a login. `on_login`: called with the key's fingerprint and the address of each login.
        """
        self.on_login = on_login
        self.user = user
        self.uid = uid
        self.parent_of = parent_of
        self.logins: dict[Peer, Login] = {}
        self.peers: dict[int, Peer] = {}
        self.addresses: Counter[str] = Counter()

    def hear(self, line: LogLine) -> Refusal | None:
        """Take in a line; return the refusal that it reports, if it was to the tunnel user."""
        if line.uid not in (None, 0, self.uid):
            return None  # anyone may write to the machine's log under sshd's name
        match parse(line.text):
            case LoggedIn() as login:
                self.enter(login, line)
            case Served(pid=pid) if line.pid in self.peers:
                self.serve(self.peers[line.pid], pid)
            case Disconnected(peer=peer):
                self.forget(self.peer_of(peer, line))
            case Denied() as fact:
                return self.refusal(fact, line)
            case _:
                pass
        return None

    def enter(self, fact: LoggedIn, line: LogLine) -> None:
        """Record a login. An earlier one with the same peer or process is gone."""
        self.forget(fact.peer)
        self.forget(self.peers.get(line.pid or 0))
        if fact.user != self.user:
            return
        self.logins[fact.peer] = Login(
            peer=fact.peer, fingerprint=fact.fingerprint, pids=frozenset()
        )
        self.addresses[fact.peer[0]] += 1
        self.on_login(fact.fingerprint, fact.peer[0])
        if line.pid is not None:
            self.serve(fact.peer, line.pid)
        if len(self.logins) > LOGINS_HELD:
            self.forget(next(iter(self.logins)))

    def serve(self, peer: Peer, pid: int) -> None:
        """Attribute the lines of this process to that login from now on."""
        if self.peers.get(pid) != peer:
            self.forget(self.peers.get(pid))
        login = self.logins[peer]
        self.logins[peer] = replace(login, pids=login.pids | {pid})
        self.peers[pid] = peer

    def forget(self, peer: Peer | None) -> None:
        """Forget the peer's login, if there is one."""
        login = self.logins.pop(peer, None) if peer else None
        if login is None:
            return
        for pid in login.pids:
            del self.peers[pid]
        self.addresses[login.peer[0]] -= 1
        if not self.addresses[login.peer[0]]:
            del self.addresses[login.peer[0]]

    def login_of(self, line: LogLine) -> Login | None:
        """Return the login that a line without a peer is about; None if it was not heard of."""
        peer = self.peer_of(None, line)
        return self.logins.get(peer) if peer else None

    def refusal(self, fact: Denied, line: LogLine) -> Refusal | None:
        """Return the refusal with its login; None if it was not to one of ours."""
        if fact.what == f"a login as {self.user}":
            return None  # checker.sshd.refused_logins says why
        address, port = fact.peer or ("", 0)
        unheard = Refusal(what=fact.what, address=address, port=port, fingerprint="", pid=line.pid)
        # before a login: anyone may try that, so it counts only from a node's address
        if address and not port:
            return replace(unheard, pid=None) if address in self.addresses else None
        peer = self.peer_of(fact.peer, line)
        login = self.logins.get(peer) if peer else None
        if login is None:
            return unheard if line.uid == self.uid else None
        if fact.is_last:
            self.forget(login.peer)
        return replace(
            unheard, address=login.peer[0], port=login.peer[1], fingerprint=login.fingerprint
        )

    def peer_of(self, stated: Peer | None, line: LogLine) -> Peer | None:
        """Return the peer of the connection that the line is about: by its writer, if the kernel
        named it, rather than by its words.
        """
        writer = (
            None
            if line.pid is None
            else self.peers.get(line.pid) or self.peers.get(self.parent_of(line.pid) or 0)
        )
        return stated if stated and (writer is None or line.uid is None) else writer
