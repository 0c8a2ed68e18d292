"""What a seed makes of a run."""

from __future__ import annotations

from itertools import islice

from tests.fleet.history.plan import EDITS, FAULTS, FORGERIES, SPLITS, Step, pick, steps


def some(seed: int, *, can_split: bool = True) -> list[Step]:
    return list(islice(steps(seed, can_split=can_split), 3000))


def test_the_same_seed_makes_the_same_run() -> None:
    assert some(7) == some(7)
    assert some(7) != some(8)


def test_a_long_run_does_everything() -> None:
    found = some(7)

    assert {one.what for one in found} == {"edit", "fault", "act", "forge", "look"}
    assert {one.kind for one in found if one.kind} == {*EDITS, *FAULTS, *FORGERIES}
    assert all(one.place != one.other for one in found)


def test_without_root_nothing_is_split() -> None:
    kinds = {one.kind for one in some(7, can_split=False)}

    assert not kinds & SPLITS
    assert "kill bus" in kinds


def test_a_chance_picks_one_of_those_that_there_are() -> None:
    assert [pick(chance, ["a", "b"]) for chance in (0.0, 0.49, 0.5, 0.99)] == ["a", "a", "b", "b"]
