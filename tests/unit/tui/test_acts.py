from __future__ import annotations

from dataclasses import replace

import pytest

from checker.control import Verb
from checker.model import ProcessId, Status
from reversi_tui.acts import aim, no_longer, question, refusal
from reversi_tui.rows import Moment, Row
from tests.tui.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)
ROW = Row(forward=forward("barn", 20011), seen=tunnel("barn", 20011, Status.HUNG, pid=4001))


def held_by(session: ProcessId | None) -> Row:
    return replace(ROW, seen=replace(ROW.seen, session=session))


@pytest.mark.parametrize(
    ("verb", "row", "pending", "read_only", "words"),
    [
        pytest.param(Verb.KILL, ROW, None, False, None, id="kill"),
        pytest.param(Verb.KILL, ROW, None, True, "read-only", id="read-only"),
        pytest.param(Verb.PROBE, ROW, None, True, "read-only", id="probing is off too"),
        pytest.param(Verb.KILL, None, None, False, "no row is selected", id="no row"),
        pytest.param(Verb.RESET, ROW, Verb.KILL, False, "kill is still under way", id="one at a time"),
        pytest.param(Verb.KILL, held_by(None), None, False, "nothing to kill", id="nobody holds the port"),
        pytest.param(Verb.RESET, held_by(None), None, False, None, id="reset needs no process"),
    ],
)
def test_what_can_be_done_now(verb: Verb, row: Row | None, pending: Verb | None, *, read_only: bool, words: str | None) -> None:
    refused = refusal(verb, row, pending, read_only=read_only)

    assert refused is None if words is None else refused is not None and words in refused


@pytest.mark.parametrize(
    ("now", "words"),
    [
        pytest.param(ROW, None, id="the same"),
        pytest.param(None, "no longer there", id="the row went"),
        pytest.param(held_by(ProcessId(pid=5000, start_ticks=777)), "now held by sshd 5000", id="another process"),
        pytest.param(held_by(ProcessId(pid=4001, start_ticks=999)), "another process with the number 4001", id="the number used again"),
        pytest.param(held_by(None), "now held by no known process", id="nobody"),
    ],
)
def test_after_yes_the_process_must_be_the_same_down_to_its_start(now: Row | None, words: str | None) -> None:
    refused = no_longer(ROW, now)

    assert refused is None if words is None else refused is not None and words in refused and refused.endswith("not done")


def test_the_question_names_node_port_process_and_ages() -> None:
    text = question(Verb.KILL, ROW, MOMENT)

    for words in ("barn", "20011", "sshd 4001", "hung for 2h", "probed <1m ago"):
        assert words in text


def test_the_question_says_that_the_row_is_stale() -> None:
    assert "STALE" in question(Verb.RESET, ROW, Moment(now=NOW + 900, every_s=20.0))


def test_the_aim_carries_the_process_that_was_seen() -> None:
    assert aim(ROW).session == ProcessId(pid=4001, start_ticks=777)
