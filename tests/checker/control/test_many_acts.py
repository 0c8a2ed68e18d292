"""Acts on many forwards: how they are divided, and in which order their outcomes come."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from checker.control.client import NotAllowed
from checker.control.many_acts import act_on_many, requests_for
from checker.model import Aim, NodeName, Outcome, Port


def aims(name: str, count: int) -> list[Aim]:
    return [Aim(node=NodeName(name), port=Port(20000 + number)) for number in range(count)]


def done(part: Sequence[Aim]) -> tuple[Outcome, ...]:
    return tuple(Outcome(node=a.node, port=a.port, done=True, sentence="") for a in part)


def test_a_request_is_about_one_node_and_few_forwards() -> None:
    parts = requests_for([*aims("a", 4), *aims("b", 1)])

    assert [[aim.node for aim in part] for part in parts] == [["a"] * 3, ["a"], ["b"]]
    assert requests_for([]) == ()


def test_several_are_under_way_and_the_outcomes_keep_their_order() -> None:
    both = threading.Barrier(2, timeout=200)

    def act(part: Sequence[Aim]) -> tuple[Outcome, ...]:
        both.wait()  # fails if the other request waits for this one
        return done(part)

    outcomes = act_on_many(act, [*aims("b", 1), *aims("a", 1)])

    assert [one.node for one in outcomes] == ["b", "a"]


def test_after_a_refusal_nothing_more_is_begun() -> None:
    asked: list[str] = []

    def refuse(part: Sequence[Aim]) -> tuple[Outcome, ...]:
        asked.append(part[0].node)
        raise NotAllowed("no")

    with pytest.raises(NotAllowed):
        act_on_many(refuse, [aim for number in range(2000) for aim in aims(f"n{number}", 1)])
    assert len(asked) < 2000
