"""What came of an act, in words."""

from __future__ import annotations

import pytest

from checker.control.outcome_words import DONE, NOT_DONE, joined, summed_up, told
from checker.model import NodeName, Note, Verb
from reversi_tui.actions.applicants import Answer
from reversi_tui.actions.plans import Deed
from reversi_tui.actions.registry_forms import Act

BARN = NodeName("barn")


@pytest.mark.parametrize(
    ("verb", "sentence", "done", "wanted"),
    [
        pytest.param("kill", "sshd 5700 ended", True, "sshd 5700 ended", id="done"),
        pytest.param(
            "kill",
            "nobody listens on port 1",
            False,
            "not killed: nobody listens on port 1",
            id="not",
        ),
        pytest.param("publish", "no port", False, "not published: no port", id="registry"),
    ],
)
def test_an_outcome_is_what_happened_or_why_nothing_did(
    verb: str, sentence: str, done: bool, wanted: str
) -> None:
    assert told(verb, sentence, done=done) == wanted


def test_a_disabled_node_says_which_process_ended_and_which_port_is_free() -> None:
    notes = (Note("barn:24033: sshd 5700 ended, port 24033 is free"), Note("attic: has a heir"))

    assert joined(BARN, ["disabled"], notes) == (
        "disabled; sshd 5700 ended, port 24033 is free; attic: has a heir"
    )


@pytest.mark.parametrize(
    ("done", "failed", "wanted"),
    [
        pytest.param(3, 0, "all 3 nodes tagged", id="all"),
        pytest.param(1, 2, "1 of 3 nodes tagged, 2 failed", id="some"),
        pytest.param(1, 1, "1 of 3 nodes tagged, 1 failed, 1 not started", id="stopped"),
    ],
)
def test_many_are_counted(done: int, failed: int, wanted: str) -> None:
    assert summed_up("tags", "nodes", total=3, done=done, failed=failed) == wanted


def test_each_verb_has_its_words() -> None:
    assert {*Verb, *Deed, *Act} <= set(NOT_DONE)
    assert set(Deed) <= set(DONE)
    assert {answer.done for answer in Answer} == {"accepted", "rejected"}
