"""Whatever happens to a fleet: never twice, never silent, never too often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from checker.alerts.outages import UP
from checker.alerts.picture import Sight
from checker.alerts.settings import Settings
from tests.checker.alerts.fleets import EVERY_S, Admin, down, fine, place, unclear

NAMES = ("a", "b", "c", "d")
PORTS = {name: 20010 + number for number, name in enumerate(NAMES)}
GROUP_S, STORM_GAP_S = 60.0, 300.0
TOLD_WITHIN_S = 180 + STORM_GAP_S + 2 * EVERY_S
LOOKS: dict[str, Callable[[str], Sight]] = {
    "up": fine,
    "down": down,
    "hung": lambda name: down(name, why="hung"),
    "?": unclear,
}


@dataclass(frozen=True)
class Scene:
    """How the fleet is for a while."""

    lasts_s: int
    looks: tuple[str, ...]
    muted: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    trouble: bool = False
    restarts: bool = False
    jumps_s: int = 0
    reachable: bool = True


scenes = st.lists(
    st.builds(
        Scene,
        lasts_s=st.sampled_from([10, 30, 70, 130, 190, 400, 1500]),
        looks=st.tuples(*(st.sampled_from(["up", "down", "down", "hung", "?"]) for _ in NAMES)),
        muted=st.frozensets(st.sampled_from(NAMES), max_size=2),
        removed=st.frozensets(st.sampled_from(NAMES), max_size=1),
        trouble=st.sampled_from([False, False, False, True]),
        restarts=st.booleans(),
        jumps_s=st.sampled_from([0, 0, 0, -7200, 7200, 90000]),
        reachable=st.sampled_from([True, True, False]),
    ),
    max_size=8,
)


@dataclass
class Count:
    """What an onlooker knows about one node."""

    failing_s: float = 0.0
    """For how long it has failed, unmuted, while messages could be delivered."""


def play(admin: Admin, scene: Scene, counts: dict[str, Count]) -> None:
    admin.reachable, admin.now = scene.reachable, admin.now + scene.jumps_s
    if scene.restarts:
        admin.restart()
    for _ in range(scene.lasts_s // int(EVERY_S)):
        sights = [
            type(seen)(
                place=place(name, PORTS[name]),
                seems=seen.seems,
                why=seen.why,
                is_muted=name in scene.muted,
            )
            for name, look in zip(NAMES, scene.looks, strict=True)
            if name not in scene.removed
            for seen in [LOOKS[look](name)]
        ]
        if scene.trouble:
            admin.sees(trouble="the daemon does not sweep")
        else:
            admin.sees(*sights)
        for name, look in zip(NAMES, scene.looks, strict=True):
            fails = look in ("down", "hung") and name not in scene.muted | scene.removed
            fails = fails and scene.reachable and not scene.trouble
            counts[name].failing_s = counts[name].failing_s + EVERY_S if fails else 0.0


def told_down(admin: Admin, name: str) -> bool:
    """Whether the last that the admin heard of the node is that it is down."""
    known = False
    for found in admin.news:
        known = known and not any(one.place[0] == name for one in found.ended)
        known = known or any(one.place[0] == name for one in (*found.down, *found.again))
    return known


@given(scenes)
@settings(max_examples=40, deadline=None)
def test_each_outage_is_told_once_and_each_lasting_one_is_told(played: list[Scene]) -> None:
    admin = Admin(settings=Settings(group_s=GROUP_S))
    counts = {name: Count() for name in NAMES}

    for scene in played:
        play(admin, scene, counts)
        for name in NAMES:
            # after a failed delivery the next attempt may be 15 minutes away
            if counts[name].failing_s > TOLD_WITHIN_S + 900:
                assert told_down(admin, name), (name, admin.bodies)

    outages = [(one.id, one.round) for found in admin.news for one in (*found.down, *found.again)]
    assert len(outages) == len(set(outages))
    ends = [one.id for found in admin.news for one in (*found.ended, *found.missed)]
    assert len(ends) == len(set(ends))
    told = {number for number, _ in outages}
    assert {one.id for found in admin.news for one in found.ended} <= told
    missed = {one.id for found in admin.news for one in found.missed if one.how == UP}
    assert not missed & told


@given(scenes)
@settings(max_examples=25, deadline=None)
def test_there_is_at_most_one_message_in_a_minute_and_none_is_empty(played: list[Scene]) -> None:
    admin = Admin(settings=Settings(group_s=GROUP_S))
    counts = {name: Count() for name in NAMES}

    for scene in played:
        play(admin, scene, counts)

    gaps = [b - a for a, b in zip(admin.heard_at, admin.heard_at[1:], strict=False)]
    assert all(gap >= GROUP_S for gap in gaps)
    assert all(one.title and one.body for one in admin.messages)


@given(scenes)
@settings(max_examples=25, deadline=None)
def test_when_all_is_well_again_everything_told_is_told_as_ended(played: list[Scene]) -> None:
    admin = Admin(settings=Settings(group_s=GROUP_S))
    counts = {name: Count() for name in NAMES}
    for scene in played:
        play(admin, scene, counts)

    admin.reachable = True
    admin.watches(*(fine(name, PORTS[name]) for name in NAMES), for_s=3600 + 1500)

    assert not any(told_down(admin, name) for name in NAMES)
    assert admin.memory.outages.open == {}
    (told,) = admin.memory.ways.values()
    assert not told.rounds
    assert not told.ended
