"""Remember which nodes sshd refused, and limit the events about it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from checker.model import NodeName

CONDITION = "sshd refused its last login"
"""Start of the note in a row's detail."""
NOTE_S = 1800.0
"""How long a row keeps its note: a device that sshd refused tries again within seven minutes."""
TELL_EVERY_S = 3600.0
"""Shortest time between two events about one node, or one address, and one reason."""
STRANGERS_AN_HOUR = 3
"""Most events an hour about one reason and addresses of no node: on the internet, sshd refuses
strangers all day.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What sshd said as it turned a node away, and when (monotonic)."""

    words: str
    at: float


@dataclass(slots=True)
class Told:
    """How often something was refused since the last event about it."""

    at: float
    """When the last event was due, monotonic."""
    since: int = 0


@dataclass(slots=True)
class ShutOuts:
    """Who was turned away lately, and from where each node came last."""

    notes: dict[NodeName, Note] = field(default_factory=dict)
    told: dict[tuple[str, str], Told] = field(default_factory=dict)
    address_of: dict[NodeName, str] = field(default_factory=dict)
    nodes_at: defaultdict[str, set[NodeName]] = field(default_factory=lambda: defaultdict(set))
    strangers_at: dict[str, list[float]] = field(default_factory=dict)
    """When the events of the last hour about addresses of no node were due, by reason."""
    untold: int = 0
    """How many refusals of such addresses had no event."""
    on_news: Callable[[NodeName], None] = lambda _: None
    """Called with a node whose rows get another note."""

    def seen(self, node: NodeName, address: str) -> None:
        """Note from where the node came."""
        before = self.address_of.get(node)
        if not address or before == address:
            return
        if before is not None:
            self.leave(node, before)
        self.address_of[node] = address
        self.nodes_at[address].add(node)

    def leave(self, node: NodeName, address: str) -> None:
        self.nodes_at[address].discard(node)
        if not self.nodes_at[address]:
            del self.nodes_at[address]

    def load(self, addresses: Mapping[NodeName, str]) -> None:
        """Start with the addresses that are in the state file; newer ones stay."""
        for node, address in addresses.items():
            if node not in self.address_of:
                self.seen(node, address)

    def let_in(self, node: NodeName) -> None:
        """The node logged in."""
        self.notes.pop(node, None)

    def shut(self, node: NodeName, words: str, now: float) -> None:
        """The node was turned away."""
        before = self.notes.get(node)
        self.notes[node] = Note(words=words, at=now)
        if before is None or before.words != words:
            self.on_news(node)

    def note(self, node: NodeName, now: float) -> str:
        """Return the note for the node's rows; empty if there is none."""
        note = self.notes.get(node)
        if note is not None and now - note.at > NOTE_S:
            del self.notes[node]
            note = None
        return f"{CONDITION}: {note.words}" if note else ""

    def due(self, who: str, reason: str, now: float, *, is_stranger: bool = False) -> int | None:
        """Count a refusal; return how many there were since the last event if one is due, this one
        too, else None.
        """
        told = self.told.get((who, reason))
        if told is not None and now - told.at < TELL_EVERY_S:
            told.since += 1
            return None
        if is_stranger and not self.has_room(reason, now):
            self.untold += 1
            return None
        count = 1 + (told.since if told else 0)
        self.told[who, reason] = Told(at=now)
        return count

    def has_room(self, reason: str, now: float) -> bool:
        """Count an event about an address of no node; return whether there may be one."""
        lately = [at for at in self.strangers_at.get(reason, []) if now - at < TELL_EVERY_S]
        has_room = len(lately) < STRANGERS_AN_HOUR
        self.strangers_at[reason] = [*lately, now] if has_room else lately
        return has_room

    def take_untold(self) -> int:
        """Return how many refusals had no event since this was asked last."""
        untold, self.untold = self.untold, 0
        return untold

    def forget(self, now: float) -> None:
        """Drop what is too old to matter."""
        self.told = {
            key: told for key, told in self.told.items() if now - told.at < 2 * TELL_EVERY_S
        }
        self.notes = {node: note for node, note in self.notes.items() if now - note.at <= NOTE_S}

    def rename(self, old: NodeName, new: NodeName) -> None:
        """Keep what is known under the node's new name."""
        if old in self.notes:
            self.notes[new] = self.notes.pop(old)
        address = self.address_of.pop(old, None)
        if address is not None:
            self.leave(old, address)
            self.seen(new, address)

    def remove(self, nodes: Iterable[NodeName]) -> None:
        """Forget these nodes."""
        for node in nodes:
            self.notes.pop(node, None)
            if node in self.address_of:
                self.leave(node, self.address_of.pop(node))

    def keep_only(self, kept: Collection[NodeName]) -> None:
        """Forget all other nodes, which were removed."""
        self.notes = {node: note for node, note in self.notes.items() if node in kept}
        for node in [node for node in self.address_of if node not in kept]:
            self.leave(node, self.address_of.pop(node))
