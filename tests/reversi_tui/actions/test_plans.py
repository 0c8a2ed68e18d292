"""What may be done to rows, the questions, and the checks after yes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import ProcessId, Status
from checker.rows.row import NO_PORT, Key, Moment, Row
from reversi_tui.actions.plans import (
    Deed,
    Plan,
    aim,
    no_longer,
    plan,
    still,
)
from reversi_tui.actions.questions import question
from tests.reversi_tui.console.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)
ROW = Row(forward=forward("barn", 20011), seen=tunnel("barn", 20011, Status.HUNG, pid=4001))
ATTIC = Row(forward=forward("attic", 20010), seen=tunnel("attic", 20010, Status.UP, pid=4000))

BROKEN = Row(forward=None, seen=tunnel("barn", NO_PORT, Status.BROKEN))


def held_by(session: ProcessId | None) -> Row:
    return replace(ROW, seen=replace(ROW.seen, session=session))


@pytest.mark.parametrize(
    ("deed", "row", "pending", "read_only", "words"),
    [
        pytest.param(Deed.KILL, ROW, None, False, None, id="kill"),
        pytest.param(Deed.KILL, ROW, None, True, "read-only", id="read-only"),
        pytest.param(Deed.PROBE, ROW, None, True, "read-only", id="probing is off too"),
        pytest.param(Deed.KILL, None, None, False, "no row is selected", id="no row"),
        pytest.param(
            Deed.RESET, ROW, Deed.KILL, False, "kill is still under way", id="one at a time"
        ),
        pytest.param(
            Deed.KILL, held_by(None), None, False, "nothing to kill", id="nobody holds the port"
        ),
        pytest.param(Deed.RESET, held_by(None), None, False, None, id="reset needs no process"),
        pytest.param(Deed.DISABLE, ROW, None, False, None, id="disable"),
        pytest.param(
            Deed.DISABLE,
            replace(ROW, barred="disabled"),
            None,
            False,
            "already disabled",
            id="disable twice",
        ),
        pytest.param(Deed.ENABLE, replace(ROW, barred="disabled"), None, False, None, id="enable"),
        pytest.param(
            Deed.ENABLE,
            replace(ROW, barred="expired"),
            None,
            False,
            "not disabled",
            id="expired is not disabled",
        ),
        pytest.param(
            Deed.DISABLE,
            replace(ROW, unregistered=True),
            None,
            False,
            "node adopt",
            id="not registered",
        ),
        pytest.param(
            Deed.KILL,
            replace(ROW, unregistered=True),
            None,
            False,
            None,
            id="a stranger's tunnel may be killed",
        ),
        pytest.param(
            Deed.KILL,
            BROKEN,
            None,
            False,
            "barn's file: its file is broken",
            id="a broken file has no process",
        ),
        pytest.param(
            Deed.PROBE,
            BROKEN,
            None,
            False,
            "no forward to probe",
            id="a broken file has no forward",
        ),
        pytest.param(
            Deed.DISABLE, BROKEN, None, False, None, id="a node with a broken file is disabled"
        ),
    ],
)
def test_what_can_be_done_now(
    deed: Deed, row: Row | None, pending: Deed | None, *, read_only: bool, words: str | None
) -> None:
    planned = plan(
        deed,
        [row] if row else [],
        {row.key: pending} if row and pending else {},
        read_only=read_only,
    )

    assert planned.rows == ((row,) if words is None else ())
    assert words is None or words in planned.left_out[0]


def test_of_several_rows_those_that_cannot_be_are_left_out_by_name() -> None:
    planned = plan(Deed.KILL, [ATTIC, held_by(None)], {}, read_only=False)

    assert planned.rows == (ATTIC,)
    assert planned.left_out[0].startswith("barn port 20011: no sshd process")
    assert "Left out:" in question(planned, MOMENT)


def test_a_node_with_several_forwards_is_disabled_once() -> None:
    second = Row(forward=forward("barn", 20012), seen=tunnel("barn", 20012))

    assert len(plan(Deed.DISABLE, [ROW, second], {}, read_only=False).rows) == 1
    assert len(plan(Deed.RESET, [ROW, second], {}, read_only=False).rows) == 2


@pytest.mark.parametrize(
    ("now", "words"),
    [
        pytest.param(ROW, None, id="the same"),
        pytest.param(None, "is gone", id="the row went"),
        pytest.param(
            held_by(ProcessId(pid=5000, start_ticks=777)),
            "now held by sshd 5000",
            id="another process",
        ),
        pytest.param(
            held_by(ProcessId(pid=4001, start_ticks=999)),
            "another process with PID 4001",
            id="the number used again",
        ),
        pytest.param(held_by(None), "now held by no known process", id="nobody"),
    ],
)
def test_after_yes_the_process_must_be_the_same_down_to_its_start(
    now: Row | None, words: str | None
) -> None:
    refused = no_longer(ROW, now)

    assert (
        refused is None
        if words is None
        else refused is not None and words in refused and refused.endswith("left alone")
    )


def test_after_yes_only_the_rows_that_are_still_the_same_are_acted_on() -> None:
    asked = Plan(deed=Deed.KILL, rows=(ATTIC, ROW))
    now: dict[Key, Row] = {ATTIC.key: ATTIC, ROW.key: held_by(ProcessId(pid=5000, start_ticks=777))}

    planned = still(asked, now.get, {})

    assert planned.rows == (ATTIC,)
    assert "now held by sshd 5000" in planned.left_out[0]


def test_after_yes_a_row_that_another_key_is_at_work_on_is_left_alone() -> None:
    planned = still(Plan(deed=Deed.RESET, rows=(ROW,)), {ROW.key: ROW}.get, {ROW.key: Deed.PROBE})

    assert planned.rows == ()
    assert "probe is still under way" in planned.left_out[0]


def test_a_node_is_disabled_whichever_process_holds_its_port_by_then() -> None:
    now = held_by(ProcessId(pid=5000, start_ticks=777))

    assert still(Plan(deed=Deed.DISABLE, rows=(ROW,)), {ROW.key: now}.get, {}).rows == (now,)
    assert still(Plan(deed=Deed.DISABLE, rows=(ROW,)), lambda _: None, {}).rows == ()


def test_the_aim_carries_the_process_that_was_seen() -> None:
    assert aim(ROW).session == ProcessId(pid=4001, start_ticks=777)


def test_a_foreign_port_is_not_killed_and_its_holder_is_named() -> None:
    seen = replace(held_by(None).seen, status=Status.FOREIGN, detail="the port is held by nginx; x")
    foreign = replace(ROW, seen=seen)

    (why,) = plan(Deed.KILL, (foreign,), {}, read_only=False).left_out

    assert why == "barn port 20011: the port is held by nginx, which reversi never ends"
