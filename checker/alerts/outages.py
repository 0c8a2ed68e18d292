"""Outages: when one begins, lasts long enough to be told, and ends. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from checker.alerts.picture import BROKEN_FILE, GATEWAY, ONE_PATH, Picture, Place, Seems, Sight
from checker.model import NodeName

LEAST_CROWD = 3
"""So many nodes must fail together to point at the gateway; of two, both are named anyway."""
CALMEST_S = 3600.0
RELAPSE_S = 6 * 3600.0
"""How long an outage that ended makes the next one count as a relapse."""
REMOVED, UP, UNWATCHED = "removed", "up", "unwatched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long something must last before it counts."""

    down_after_s: float = 180.0
    up_after_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A forward that fails, or did until just now."""

    id: int
    """Its own; no other outage ever has it."""
    place: Place
    why: str
    began: float
    """Unix seconds, for people; all decisions count seconds that passed."""
    failing_s: float = 0.0
    """How long it was seen to fail, all told."""
    is_fine: bool = False
    """Whether it was fine when it was seen last."""
    fine_s: float = 0.0
    """How long it has been fine again."""
    is_ripe: bool = False
    """Whether it lasted long enough."""
    is_due: bool = False
    """Whether the admin must hear of it: it was ripe, watched, and not muted."""
    is_muted: bool = False
    is_watched: bool = True
    round: int = 0
    """How many mutes ended during it; after each it is told again."""
    relapse: int = 0
    """How many outages of the same forward ended lately."""
    crowd: tuple[int, int] | None = None
    """How many nodes of how many failed together, if that was more than half."""
    leads: str = ""
    is_registered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of an outage that was due."""

    id: int
    place: Place
    why: str
    began: float
    ended: float
    how: str
    """`up`, `removed`, `unwatched`, or why the node is barred."""
    is_registered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Relapses:
    """The outages of one forward that ended lately."""

    count: int
    left_s: float
    """How long they still count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages:
    """All that is remembered from one picture to the next."""

    open: Mapping[Place, Outage] = field(default_factory=dict)
    relapses: Mapping[Place, Relapses] = field(default_factory=dict)
    next_id: int = 1


def calm_s(outage: Outage, rules: Rules) -> float:
    """How long it must be fine before it has ended: after each relapse twice as long."""
    return max(rules.up_after_s, min(CALMEST_S, rules.up_after_s * 2.0 ** min(outage.relapse, 20)))


def step(before: Outages, picture: Picture, rules: Rules) -> tuple[Outages, tuple[Ended, ...]]:
    """Take in one picture; return what is open now, and what ended."""
    trusted = not picture.trouble
    sights = {sight.place: sight for sight in picture.sights} if trusted else {}
    sights[GATEWAY] = Sight(
        place=GATEWAY, seems=Seems.FINE if trusted else Seems.FAULTY, why=picture.trouble
    )
    present = with_new_names(before, sights) if trusted else before
    sights |= whole_again(present, sights)
    passed_s = picture.passed_s or 0.0
    fresh = opened(present, sights, picture)
    known = {
        **{
            place: advance(outage, sights.get(place), passed_s)
            for place, outage in present.open.items()
        },
        **fresh,
    }
    ripened = {
        place: with_due(with_age(outage, rules)) if place in sights else outage
        for place, outage in known.items()
    }
    grown = with_company(present.open, ripened, sights)
    kept: dict[Place, Outage] = {}
    ended: list[Ended] = []
    for place, outage in grown.items():
        how = ending(outage, sights, picture, rules)
        if how and outage.is_due:
            ended.append(ended_as(outage, picture.now, how))
        if not how:
            kept[place] = outage
        elif how == UNWATCHED:
            kept[place] = replace(outage, is_due=False)
    after = Outages(
        open=kept,
        relapses=relapses(present, ended, passed_s),
        next_id=present.next_id + len(fresh),
    )
    return after, tuple(ended)


def whole_again(before: Outages, sights: Mapping[Place, Sight]) -> dict[Place, Sight]:
    """A sight for each lost path that no row mentions any more: its node has both again, or keeps
    one tunnel now, or is down.
    """
    silent = [place for place in before.open if place[1] == ONE_PATH and place not in sights]
    if not silent:
        return {}
    mine: dict[NodeName, list[Sight]] = {place[0]: [] for place in silent}
    for place, sight in sights.items():
        if place[0] in mine:
            mine[place[0]].append(sight)
    return {
        place: Sight(
            place=place,
            seems=Seems.FINE
            if any(sight.seems is Seems.FINE for sight in mine[place[0]])
            else Seems.UNCLEAR,
            is_muted=all(sight.is_muted for sight in mine[place[0]]),
        )
        for place in silent
        if mine[place[0]]
    }


def opened(before: Outages, sights: Mapping[Place, Sight], picture: Picture) -> dict[Place, Outage]:
    """The outages that this picture is the first to show."""
    fresh = (
        sight
        for place, sight in sights.items()
        if sight.seems is Seems.FAULTY and place not in before.open
    )
    return {
        sight.place: beginning(sight, before.next_id + count, before, picture)
        for count, sight in enumerate(fresh)
    }


def beginning(sight: Sight, number: int, before: Outages, picture: Picture) -> Outage:
    """It was not in the picture before, so it began after that; in the first picture, it is as old
    as the state file says.
    """
    began = picture.now if sight.since is None else min(sight.since, picture.now)
    age_s = picture.now - began
    past = before.relapses.get(sight.place)
    return Outage(
        id=number,
        place=sight.place,
        why=sight.why,
        began=began,
        failing_s=age_s if picture.passed_s is None else min(age_s, picture.passed_s),
        relapse=past.count if past else 0,
        leads=sight.leads,
        is_watched=sight.is_watched,
        is_muted=sight.is_muted,
        is_registered=sight.is_registered,
    )


def advance(outage: Outage, sight: Sight | None, passed_s: float) -> Outage:
    """One outage after some time; without a sight it stays as it is."""
    if sight is None:
        return outage
    has_mute_ended = outage.is_muted and not sight.is_muted
    after = replace(
        outage,
        is_muted=sight.is_muted,
        round=outage.round + (has_mute_ended and outage.is_due),
    )
    if sight.seems is Seems.FINE:
        return replace(after, is_fine=True, fine_s=outage.fine_s + passed_s)
    if sight.seems is Seems.FAULTY:
        return replace(
            after,
            why=sight.why,
            leads=sight.leads,
            is_watched=sight.is_watched,
            is_registered=sight.is_registered,
            failing_s=outage.failing_s + passed_s,
            is_fine=False,
            fine_s=0.0,
        )
    return after


def with_age(outage: Outage, rules: Rules) -> Outage:
    is_ripe = outage.is_ripe or (not outage.is_fine and outage.failing_s >= rules.down_after_s)
    return replace(outage, is_ripe=is_ripe)


def with_due(outage: Outage) -> Outage:
    """Tell it once it is ripe, unless it is muted, or nobody watches it, or it is fine again."""
    tells = outage.is_ripe and outage.is_watched and not (outage.is_muted or outage.is_fine)
    return replace(outage, is_due=outage.is_due or tells)


def with_company(
    before: Mapping[Place, Outage], after: Mapping[Place, Outage], sights: Mapping[Place, Sight]
) -> dict[Place, Outage]:
    """When one forward of a node is ripe, so are the others of it that fail; when more than half of
    the nodes fail that did not before, all of these are.
    """
    newly = {
        place[0]
        for place, outage in after.items()
        if outage.is_ripe and is_of_forward(place) and not was_ripe(before, place)
    }
    if not newly:
        return dict(after)
    crowd, nodes = crowd_of(before, sights)
    company = nodes if crowd else newly
    return {
        place: with_due(replace(outage, is_ripe=True, crowd=crowd))
        if place[0] in company
        and is_of_forward(place)
        and fails(place, sights)
        and not was_ripe(before, place)
        else outage
        for place, outage in after.items()
    }


def is_of_forward(place: Place) -> bool:
    """Whether it is a node's forward, or its broken file: a node that lost one path is not down."""
    return place != GATEWAY and place[1] != ONE_PATH


def was_ripe(before: Mapping[Place, Outage], place: Place) -> bool:
    return place in before and before[place].is_ripe


def fails(place: Place, sights: Mapping[Place, Sight]) -> bool:
    return place in sights and sights[place].seems is Seems.FAULTY


def crowd_of(
    before: Mapping[Place, Outage], sights: Mapping[Place, Sight]
) -> tuple[tuple[int, int] | None, set[NodeName]]:
    """How many nodes began to fail, of how many that did not fail before; None if too few. Nodes
    that have long been down count neither way: they say nothing about today. Nor do devices that
    are not registered: whoever has the shared key can make many of them.
    """
    registered = [
        place for place, sight in sights.items() if sight.is_registered and is_of_forward(place)
    ]
    failing = {place[0] for place in registered if fails(place, sights)}
    old = {place[0] for place in before if was_ripe(before, place) and place[0] in failing}
    fresh = failing - old
    well = {place[0] for place in registered} - failing
    is_crowd = len(fresh) >= LEAST_CROWD and len(fresh) > len(well)
    return ((len(fresh), len(fresh) + len(well)) if is_crowd else None), fresh


def ending(outage: Outage, sights: Mapping[Place, Sight], picture: Picture, rules: Rules) -> str:
    """How it ended in this picture; empty if it goes on."""
    sight = sights.get(outage.place)
    if sight is None:
        return "" if picture.trouble else gone(outage.place[0], sights, picture)
    if sight.seems is Seems.FAULTY:
        return UNWATCHED if outage.is_due and not outage.is_watched else ""
    is_over = outage.is_fine and outage.fine_s >= calm_s(outage, rules)
    # the end of one that was told waits for the end of the mute
    return UP if is_over and not (outage.is_muted and outage.is_due) else ""


def gone(node: NodeName, sights: Mapping[Place, Sight], picture: Picture) -> str:
    """Why a node has no sight any more; empty if only its registry file is broken."""
    if (node, BROKEN_FILE) in sights:
        return ""
    return picture.barred.get(node, REMOVED)


def ended_as(outage: Outage, now: float, how: str) -> Ended:
    return Ended(
        id=outage.id,
        place=outage.place,
        why=outage.why,
        began=outage.began,
        ended=max(outage.began, now - outage.fine_s),
        how=how,
        is_registered=outage.is_registered,
    )


def relapses(before: Outages, ended: list[Ended], passed_s: float) -> dict[Place, Relapses]:
    left = {
        place: replace(past, left_s=past.left_s - passed_s)
        for place, past in before.relapses.items()
        if past.left_s > passed_s
    }
    for one in ended:
        if one.how == UP:
            count = left[one.place].count if one.place in left else 0
            left[one.place] = Relapses(count=count + 1, left_s=RELAPSE_S)
    return left


def with_new_names(before: Outages, sights: Mapping[Place, Sight]) -> Outages:
    """Let the outage of a node that was renamed go on under the new name: its port is the same, and
    so is what it leads to.
    """
    names = dict(renamed(before, sights))
    if not names:
        return before
    return replace(
        before,
        open={
            names.get(place, place): replace(outage, place=names.get(place, place))
            for place, outage in before.open.items()
        },
    )


def renamed(before: Outages, sights: Mapping[Place, Sight]) -> Iterator[tuple[Place, Place]]:
    """The old and the new place of each outage whose node was renamed."""
    gone_places = [place for place in before.open if place not in sights and place[1] > 0]
    if not gone_places:
        return
    at_port = {place[1]: sight for place, sight in sights.items() if place not in before.open}
    for place in gone_places:
        sight = at_port.get(place[1])
        if sight is not None and sight.leads == before.open[place].leads:
            yield place, sight.place
