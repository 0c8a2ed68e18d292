"""What is settled between a gateway and its fleet, and which nodes are not as they were signed."""

from __future__ import annotations

from dataclasses import dataclass

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.bucket import has_bucket
from checker.control.sealing import Present
from checker.fleet.bucket_news import BucketNews, read_news
from checker.fleet.card_files import KeptCard, all_cards
from checker.fleet.exchange import fleet_of, left_out
from checker.model import NodeName
from checker.registry.entries import is_followed
from checker.registry.entry_files import KeptEntry, all_kept, entries_folder
from checker.registry.reading import read_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `fleet status` shows."""

    name: str
    """This gateway's ID."""
    is_signing: bool
    cards: tuple[KeptCard, ...]
    signed: int
    """Nodes that are as their entry says."""
    followed: tuple[NodeName, ...]
    """Nodes that differ only because their device uses its new key or port."""
    unsigned: tuple[NodeName, ...]
    """Nodes that differ otherwise, or have no entry."""
    removed: int
    """Tombstones."""
    left_out: dict[str, str]
    """Why each entry waits."""
    bus: BucketNews | None
    """How the bucket differs; None: this gateway is on no bus, or its agent said nothing yet."""
    is_on_bus: bool
    problems: tuple[str, ...]
    """A sentence for each file that cannot be used."""

    @property
    def is_settled(self) -> bool:
        has_draft = self.is_signing and any(not one.sealed.signature for one in self.cards)
        return not (self.unsigned or self.left_out or self.problems or has_draft)


def standing(layout: Layout) -> Standing:
    """Compare nodes, entries and cards. Raises ConfigError."""
    fleet = fleet_of(layout)
    problems = [str(one) for one in all_cards(layout) if isinstance(one, ConfigError)]
    kept = list(all_kept(entries_folder(layout)))
    problems += [str(one) for one in kept if isinstance(one, ConfigError)]
    entries = {one.entry.name: one for one in kept if isinstance(one, KeptEntry)}
    registry = read_registry(layout.nodes)
    problems += list(registry.problems)
    followed: list[NodeName] = []
    unsigned: list[NodeName] = []
    signed = 0
    for name in sorted({*registry.nodes, *entries}.difference(registry.broken)):
        one = entries.get(name)
        try:
            present = Present.read(layout, name)
        except ConfigError as error:
            if str(error) not in problems:
                problems.append(str(error))
            continue
        is_signed = one is not None and (bool(one.signature) or not fleet.signed)
        if one is not None and is_followed(one.entry, present.node):
            followed.append(name)
        elif present.wants_signing or not is_signed:
            unsigned.append(name)
        elif present.node is not None:
            signed += 1
    return Standing(
        name=fleet.name,
        is_signing=fleet.signed,
        cards=tuple(one for one in all_cards(layout) if isinstance(one, KeptCard)),
        signed=signed,
        followed=tuple(followed),
        unsigned=tuple(unsigned),
        removed=sum(one.entry.node is None for one in entries.values()),
        left_out={name: why for name, (_, why) in left_out(layout)},
        bus=read_news(layout) if has_bucket(layout) else None,
        is_on_bus=has_bucket(layout),
        problems=tuple(problems),
    )
