"""What the alerts remember over a restart, and one turn of it. Pure.

The file is theirs only. If it is lost, what is down then is told once more; no outage is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from checker.alerts.outages import Ended, Outage, Outages, Relapses, step
from checker.alerts.picture import Picture, Place
from checker.alerts.settings import Settings
from checker.alerts.telling import Told, heard, news, without_news
from checker.model import InvalidValue, NodeName, Port

SCHEMA = 1
MOST_WAYS = 64
"""Ways that are remembered, also those that the settings no longer name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All that lasts."""

    outages: Outages = field(default_factory=Outages)
    ways: Mapping[str, Told] = field(default_factory=dict)
    """What each way told, by a digest of its URL."""
    reminded: str = ""
    """The local day, YYYY-MM-DD, of the last reminder; empty: reminders are new."""


def turn(
    before: Memory,
    picture: Picture,
    settings: Settings,
    *,
    keys: Collection[str],
    local: str,
) -> Memory:
    """Take in one picture. `keys`: the digests of the present ways; `local`: `YYYY-MM-DD HH:MM`."""
    outages, ended = step(before.outages, picture, settings.rules)
    reminded, reminds = reminder(before.reminded, settings.remind, local)
    passed_s = picture.passed_s or 0.0
    ways = {}
    for key in dict.fromkeys((*before.ways, *keys)):
        told = heard(before.ways.get(key, Told()), ended, passed_s, reminds=reminds)
        ways[key] = reminding(told, outages) if key in keys else without_news(told)
    gone = [key for key in ways if key not in keys][: max(0, len(ways) - MOST_WAYS)]
    return Memory(
        outages=outages,
        ways={key: told for key, told in ways.items() if key not in gone},
        reminded=reminded,
    )


def reminding(told: Told, outages: Outages) -> Told:
    """Drop the reminder if nothing is still down."""
    if told.is_to_remind and not news(told, outages).still:
        return replace(told, is_to_remind=False)
    return told


def reminder(reminded: str, remind: str, local: str) -> tuple[str, bool]:
    """The day of the last reminder, and whether one is due now. One that was just asked for begins
    with the next time of day; a clock that was set back repeats none.
    """
    day, _, clock = local.partition(" ")
    if not remind:
        return "", False
    if not reminded or reminded > day:
        return (day if clock >= remind or reminded > day else "0000-00-00"), False
    is_due = reminded < day and clock >= remind
    return (day if is_due else reminded), is_due


def gist(memory: Memory) -> object:
    """What must be saved at once when it changes; the seconds may wait."""
    return (
        {
            place: (one.id, one.is_ripe, one.is_due, one.is_muted, one.round, one.is_fine)
            for place, one in memory.outages.open.items()
        },
        {
            key: (told.rounds, tuple(one.id for one in told.ended), told.failures)
            for key, told in memory.ways.items()
        },
        memory.reminded,
    )


def memory_text(memory: Memory) -> str:
    """The memory as JSON."""
    outages = memory.outages
    document = {
        "schema": SCHEMA,
        "next_id": outages.next_id,
        "open": [asdict(one) for one in outages.open.values()],
        "relapses": [[*place, past.count, past.left_s] for place, past in outages.relapses.items()],
        "ways": {
            key: {
                "rounds": list(told.rounds.items()),
                "ended": [asdict(one) for one in told.ended],
                "dropped": told.dropped,
                "wait_s": told.wait_s,
                "failures": told.failures,
                "is_to_remind": told.is_to_remind,
            }
            for key, told in memory.ways.items()
        },
        "reminded": memory.reminded,
    }
    return json.dumps(document)


def memory_from(text: str) -> Memory:
    """The inverse of memory_text. Raises InvalidValue."""
    try:
        document = json.loads(text)
        opened = tuple(map(outage_from, document["open"]))
        return Memory(
            outages=Outages(
                open={one.place: one for one in opened},
                relapses={
                    place_from(one): Relapses(count=int(one[2]), left_s=float(one[3]))
                    for one in document["relapses"]
                },
                next_id=max([int(document["next_id"]), *(one.id + 1 for one in opened)]),
            ),
            ways={str(key): told_from(table) for key, table in document["ways"].items()},
            reminded=str(document["reminded"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InvalidValue(f"it is not as we write it ({error!r})"[:200]) from error


def place_from(value: Any) -> Place:
    return NodeName(str(value[0])), Port(int(value[1]))


def outage_from(table: Any) -> Outage:
    """Raises KeyError, TypeError, ValueError."""
    crowd = table["crowd"]
    return Outage(
        **{
            **table,
            "place": place_from(table["place"]),
            "began": float(table["began"]),
            "crowd": (int(crowd[0]), int(crowd[1])) if crowd else None,
        }
    )


def ended_from(table: Any) -> Ended:
    """Raises KeyError, TypeError, ValueError."""
    return Ended(**{**table, "place": place_from(table["place"])})


def told_from(table: Any) -> Told:
    """Raises KeyError, TypeError, ValueError."""
    return Told(
        rounds={int(number): int(turn) for number, turn in table["rounds"]},
        ended=tuple(map(ended_from, table["ended"])),
        dropped=int(table["dropped"]),
        wait_s=float(table["wait_s"]),
        failures=int(table["failures"]),
        is_to_remind=bool(table["is_to_remind"]),
    )
