"""What a run does, made from its seed. Pure: a step names chances, the run finds what they hit."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GATEWAYS = ("gw1", "gw2", "gw3")
EDITS = {
    "add": 5,
    "allot": 4,
    "set": 5,
    "disable": 4,
    "enable": 3,
    "rekey": 3,
    "move": 3,
    "remove": 2,
    "rename": 2,
}
FAULTS = {
    "freeze bus": 3,
    "kill bus": 2,
    "freeze agent": 2,
    "kill agent": 2,
    "kill daemon": 2,
    "freeze daemon": 1,
    "kill apply": 2,
    "split": 3,
    "isolate": 2,
    "wipe mirrors": 1,
    "wipe bus": 1,
    "wipe inbox": 1,
}
WITHOUT_SPLITS = {
    kind: weight for kind, weight in FAULTS.items() if kind not in {"split", "isolate"}
}
SPLITS = frozenset({"split", "isolate"})
FORGERIES = (
    "old entry",
    "changed entry",
    "entry by an identity",
    "tombstone by an identity",
    "card by an identity",
    "old entry in the bucket",
    "changed entry in the bucket",
    "old letter",
    "letter elsewhere",
    "letter by an identity",
)
MOST_FAULT_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do."""

    what: str
    """`edit`, `act`, `fault`, `forge` or `look`."""
    kind: str = ""
    place: int = 0
    """The number of the editor, who sits at the gateway of this number; or that of the target."""
    other: int = 0
    """The number of another gateway."""
    chance: float = 0.0
    """Picks among what there is then, 0 to 1."""
    lasts_s: float = 0.0


def steps(seed: int, *, can_split: bool = True) -> Iterator[Step]:
    """Yield the steps of a run, without end."""
    chance = random.Random(seed)
    faults = {kind: FAULTS[kind] for kind in FAULTS if can_split or kind not in SPLITS}
    for number in itertools.count():
        what = chance.choices(
            ("edit", "fault", "act", "forge", "look"), (10, 4, 2, 2, 0 if number % 4 else 3)
        )[0]
        place, other = chance.sample(range(len(GATEWAYS)), 2)
        yield Step(
            what=what,
            kind=kind_of(what, faults, chance),
            place=place,
            other=other,
            chance=chance.random(),
            lasts_s=chance.uniform(0.5, MOST_FAULT_S) if what == "fault" else 0.0,
        )


def kind_of(what: str, faults: dict[str, int], chance: random.Random) -> str:
    match what:
        case "edit":
            return chance.choices(tuple(EDITS), tuple(EDITS.values()))[0]
        case "fault":
            return chance.choices(tuple(faults), tuple(faults.values()))[0]
        case "forge":
            return chance.choice(FORGERIES)
        case _:
            return ""


def pick(chance: float, many: Sequence[str]) -> str:
    """Return one of these. The chance is from 0 to 1, and less than 1."""
    return many[int(chance * len(many))]
