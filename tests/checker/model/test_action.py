"""Acts of operators as JSON."""

from __future__ import annotations

import json

import pytest

from checker.model import (
    Aim,
    Outcome,
    aim_from,
    aim_json,
    outcome_from,
    outcome_json,
)
from tests.strategies import OFFICE, PORT, SESSION


@pytest.mark.parametrize(
    "aim",
    [Aim(node=OFFICE, port=PORT), Aim(node=OFFICE, port=PORT, session=SESSION)],
    ids=["any", "seen"],
)
def test_an_aim_survives_json(aim: Aim) -> None:
    assert aim_from(json.loads(json.dumps(aim_json(aim)))) == aim


def test_an_outcome_survives_json() -> None:
    outcome = Outcome(node=OFFICE, port=PORT, done=True, sentence="killed")

    assert outcome_from(json.loads(json.dumps(outcome_json(outcome)))) == outcome


@pytest.mark.parametrize(
    ("table", "error"),
    [(5, TypeError), ({}, KeyError), ({"node": "x", "port": "y", "pid": None}, ValueError)],
)
def test_a_malformed_aim_raises(table: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        aim_from(table)
