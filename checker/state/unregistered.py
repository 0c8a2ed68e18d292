"""The devices that the registry does not know, by port, and what of them is still to be written to
the state file.
"""

from __future__ import annotations

from collections.abc import Iterable

from checker.model import Forward, Port, Unregistered

MOST_GONE = 10_000
"""Forgotten ones that wait for a state file that can not be written."""


class Sightings:
    """One device a port at most, so as many as the shared key has ports."""

    def __init__(self) -> None:
        self.by_port: dict[Port, Unregistered] = {}
        self.changed: set[Port] = set()
        self.gone: list[Unregistered] = []
        self.news = False
        """Whether there are other forwards than when somebody last looked."""

    def load(self, found: Iterable[Unregistered]) -> None:
        """Begin with these."""
        self.by_port = {one.port: one for one in found}

    @property
    def forwards(self) -> tuple[Forward, ...]:
        return tuple(one.forward for one in self.by_port.values())

    def put(self, one: Unregistered) -> None:
        """Keep and write."""
        known = self.by_port.get(one.port)
        self.news |= known is None or known.forward != one.forward
        if known is not None and known.node != one.node:
            self.gone.append(known)
        self.by_port[one.port] = one
        self.changed.add(one.port)

    def keep_only(self, kept: Iterable[Unregistered]) -> None:
        """Forget the others."""
        ports = {one.port for one in kept}
        for port in [port for port in self.by_port if port not in ports]:
            self.gone.append(self.by_port.pop(port))
            self.changed.discard(port)
            self.news = True

    def take_news(self) -> bool:
        """Whether there are other forwards than at the last call."""
        news, self.news = self.news, False
        return news

    def take(self) -> tuple[list[Unregistered], list[Unregistered]]:
        """Those to be written, and those to be forgotten."""
        written, gone = [self.by_port[port] for port in sorted(self.changed)], self.gone
        self.changed, self.gone = set(), []
        return written, gone

    def give_back(self, written: Iterable[Unregistered], gone: Iterable[Unregistered]) -> None:
        """They could not be written: they stay to be."""
        self.changed |= {one.port for one in written if one.port in self.by_port}
        self.gone = [*gone, *self.gone][-MOST_GONE:]

    def begin_anew(self) -> None:
        """All are to be written again."""
        self.changed = set(self.by_port)
