"""The devices that the registry does not know, by port."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from checker.model import Forward, Port, Unregistered
from checker.state.pending import Pending


class Sightings:
    """One device a port at most, so as many as the shared key has ports."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.by_port: dict[Port, Unregistered] = {}
        self.on_news: Callable[[], None] = lambda: None
        """Called when there are other forwards than before."""

    def load(self, found: Iterable[Unregistered]) -> None:
        """Start with these, which are in the state file already."""
        self.by_port = {one.port: one for one in found}

    @property
    def forwards(self) -> tuple[Forward, ...]:
        return tuple(one.forward for one in self.by_port.values())

    def put(self, one: Unregistered) -> None:
        """Keep and write."""
        known = self.by_port.get(one.port)
        if known is not None and known.node != one.node:
            self.pending.forget_unregistered(known)
        self.by_port[one.port] = self.pending.unregistered[one.port] = one
        if known is None or known.forward != one.forward:
            self.on_news()

    def keep_only(self, kept: Iterable[Unregistered]) -> None:
        """Forget the others."""
        ports = {one.port for one in kept}
        gone = [port for port in self.by_port if port not in ports]
        for port in gone:
            self.pending.forget_unregistered(self.by_port.pop(port))
        if gone:
            self.on_news()
