"""The questions before dangerous actions, and what must be typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import TARGET_SILENT, Port, Publication, Status
from checker.rows.row import Moment, Row, Whereabouts
from reversi_tui.actions.plans import Deed, Plan, no_longer
from reversi_tui.actions.questions import Lock, beside, lock_for, question, title
from tests.reversi_tui.console.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)
ROW = Row(forward=forward("barn", 20011), seen=tunnel("barn", 20011, Status.HUNG, pid=4001))
ATTIC = Row(forward=forward("attic", 20010), seen=tunnel("attic", 20010, Status.UP, pid=4000))
DOWN = Row(forward=forward("yard", 20012), seen=tunnel("yard", 20012, Status.DOWN, pid=None))


def test_the_question_names_node_port_process_and_ages() -> None:
    text = question(Plan(deed=Deed.KILL, rows=(ROW,)), MOMENT)

    for words in ("barn", "20011", "sshd 4001", "hung for 2h", "probed <1m ago"):
        assert words in text


def test_the_question_about_several_names_each_with_its_process_and_age() -> None:
    planned = Plan(deed=Deed.KILL, rows=(ATTIC, ROW))
    text = question(planned, MOMENT, hidden=1)

    assert title(planned) == "Kill these 2 forwards?"
    for words in (
        "attic  20010  sshd 4000  up 2h",
        "barn  20011  sshd 4001  hung 2h",
        "hides 1 of these marked rows",
    ):
        assert words in text


def test_the_question_says_that_the_row_is_stale() -> None:
    assert "STALE" in question(
        Plan(deed=Deed.RESET, rows=(ROW,)), Moment(now=NOW + 900, every_s=20.0)
    )


def test_the_question_about_several_begins_with_how_many_of_what_worst_first() -> None:
    text = question(Plan(deed=Deed.RESET, rows=(ATTIC, DOWN, ROW)), MOMENT)

    first, *rest = text.split("\n")
    assert first == "3 forwards, 2 sshd processes: 1 hung 1 down 1 up"
    assert [line.split()[0] for line in rest if "sshd" in line or "process" in line][:2] == [
        "barn",
        "yard",
    ]


def test_tunnels_that_work_stand_under_a_heading_of_their_own() -> None:
    text = question(Plan(deed=Deed.KILL, rows=(ATTIC, ROW)), MOMENT)

    before, _, after = text.partition("1 of them is up: this ends tunnels that work.")
    assert "barn" in before
    assert "attic" not in before
    assert "attic" in after


def test_the_question_about_one_tunnel_that_works_says_so() -> None:
    assert "this ends a tunnel that works" in question(Plan(deed=Deed.KILL, rows=(ATTIC,)), MOMENT)
    assert "that works" not in question(Plan(deed=Deed.KILL, rows=(ROW,)), MOMENT)
    assert "that works" not in question(Plan(deed=Deed.PROBE, rows=(ATTIC,)), MOMENT)


@pytest.mark.parametrize(
    ("status", "detail", "helps"),
    [
        pytest.param(Status.HUNG, "nothing came in 5 s", True, id="a hung tunnel"),
        pytest.param(
            Status.HUNG, f"{TARGET_SILENT}: its beats arrive", False, id="a silent target"
        ),
        pytest.param(Status.REFUSED, "closed at once", False, id="a closed target"),
    ],
)
def test_a_reset_that_cannot_help_is_said(status: Status, detail: str, *, helps: bool) -> None:
    row = replace(ROW, seen=replace(ROW.seen, status=status, detail=detail))

    text = question(Plan(deed=Deed.RESET, rows=(row,)), MOMENT)

    assert ("a reset will not help" not in text) is helps


@pytest.mark.parametrize(
    ("deed", "rows", "beside", "lock"),
    [
        pytest.param(Deed.KILL, (ROW,), (), None, id="one that hangs"),
        pytest.param(Deed.KILL, (ATTIC,), (), Lock(count=1, word="up"), id="one that is up"),
        pytest.param(Deed.RESET, (ROW,), (ATTIC,), Lock(count=1, word="up"), id="one up beside it"),
        pytest.param(Deed.DISABLE, (ATTIC,), (), Lock(count=1, word="up"), id="a node that is up"),
        pytest.param(Deed.PROBE, (ATTIC,), (), None, id="a probe"),
        pytest.param(Deed.PROBE, (ATTIC, ROW, DOWN), (), Lock(count=3), id="many probes"),
        pytest.param(Deed.RESET, (ROW, DOWN, ROW), (), Lock(count=3), id="many that are not up"),
    ],
)
def test_many_targets_and_tunnels_that_work_need_more_than_a_key(
    deed: Deed, rows: tuple[Row, ...], beside: tuple[Row, ...], lock: Lock | None
) -> None:
    assert lock_for(Plan(deed=deed, rows=rows), MOMENT, beside, over=2) == lock


def test_a_stale_row_is_not_taken_for_a_tunnel_that_works() -> None:
    later = Moment(now=NOW + 900, every_s=20.0)

    assert lock_for(Plan(deed=Deed.KILL, rows=(ATTIC,)), later, (), over=2) is None


@pytest.mark.parametrize(
    ("typed", "opens"), [("7", True), (" 7 ", True), ("up", True), ("6", False), ("", False)]
)
def test_the_count_or_the_word_opens(typed: str, *, opens: bool) -> None:
    assert Lock(count=7, word="up").opens(typed) is opens
    assert Lock(count=7).opens(typed) is (opens and typed != "up")


def test_disabling_names_each_forward_and_what_goes_dark_in_public() -> None:
    shop = replace(
        forward("attic", 20110, target="192.168.7.1:443"),
        public=True,
        published=(Publication(port=Port(443), sni="shop.example"),),
    )
    web = Row(forward=shop, seen=tunnel("attic", 20110, Status.HUNG, pid=4000))
    planned = Plan(deed=Deed.DISABLE, rows=(ATTIC,))

    others = beside(planned, (ATTIC, web))
    text = question(planned, MOMENT, beside=others)

    assert others == (web,)
    for words in (
        "node attic, 2 forwards: 1 hung 1 up",
        "attic  20010  127.0.0.1:22     up 2h",
        "attic  20110  192.168.7.1:443  hung 2h",
        "This goes dark in public:\nattic port 20110: 20110, 443, shop.example",
        "This ends the node's tunnel",
    ):
        assert words in text


def test_the_question_says_at_which_gateway() -> None:
    there = Whereabouts(gateway="gw2", is_elsewhere=True)
    far, other = replace(ROW, where=there), replace(ATTIC, where=there)

    assert title(Plan(deed=Deed.KILL, rows=(far,))) == "Kill this forward at gw2?"
    assert title(Plan(deed=Deed.RESET, rows=(far, other))) == "Reset these 2 forwards at gw2?"
    assert title(Plan(deed=Deed.KILL, rows=(far, ATTIC))) == "Kill these 2 forwards?"
    assert title(Plan(deed=Deed.DISABLE, rows=(far,))) == "Disable this node?"
    assert "sshd 4001 at gw2" in question(Plan(deed=Deed.KILL, rows=(far, ATTIC)), MOMENT)


def test_a_process_at_another_gateway_is_another_one() -> None:
    far = replace(ROW, where=Whereabouts(gateway="gw2", is_elsewhere=True))

    here = replace(ATTIC, seen=replace(ATTIC.seen, session=ROW.seen.session))

    assert beside(Plan(deed=Deed.KILL, rows=(ROW,)), (ROW, here)) == (here,)
    assert beside(Plan(deed=Deed.KILL, rows=(far,)), (far, here)) == ()
    moved = no_longer(far, ROW)
    assert moved is not None
    assert "was held by sshd 4001 at gw2 and is now held by" in moved
