"""The console of a gateway that has mirrors of two others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.model import (
    Aim,
    Event,
    EventKind,
    Hour,
    NodeName,
    Outcome,
    Port,
    ProcessId,
    Status,
    Verb,
    Watched,
)
from checker.model.gateway_id import GatewayId
from checker.model.sums import Sum
from checker.rows.hours import known_at
from checker.rows.row import Key, Known, Row
from checker.rows.uptimes import DAY_S, day_at
from checker.state.mirrors import mirror_path
from checker.state.rows import Batch
from checker.state.schema import transaction
from checker.state.store import open_store
from checker.state.sums import ADD_SUMMED, put_sums
from reversi_tui.app import Console
from reversi_tui.reader.source import Source
from tests.fleet.mirrors import LONG_S, at, held_elsewhere, mirror
from tests.reversi_tui.console.screen import nodes, running, shows, until
from tests.reversi_tui.console.states import (
    NOW,
    FakeActs,
    dependencies,
    open_acts,
    sweep,
    tunnel,
    write,
)

BARN = (NodeName("barn"), Port(20011))


def columns(app: Console) -> list[str]:
    return [place.column.id for place in app.main.table.columns]


def gateways(app: Console) -> dict[str, str]:
    """Which gateway each row is from."""
    rows = app.main.view.rows.values()
    return {row.seen.node: row.where.gateway if row.where else "" for row in rows}


async def test_the_console_shows_each_row_at_the_gateway_that_holds_it(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, heard_s_ago=41.0, now=NOW)
    acts: FakeActs = open_acts()
    app = Console(dependencies(layout, acts))
    happened = Event(at=NOW - 60, kind=EventKind.STATUS, text="down -> up", node=NodeName("barn"))

    async with running(app, (140, 40), count=3) as pilot:
        await shows(pilot, "gw3 unreachable 41 s")
        assert gateways(app) == {"attic": "gw1", "barn": "gw2", "cellar": "gw3"}
        assert "gateway" in columns(app)
        await shows(pilot, "gw1 +gw2")
        await until(pilot, lambda: app.main.view.count().stale == 1)

        mirror(layout, "gw2", Batch(events=[happened]), NOW)
        app.main.table.select(1)
        await pilot.press("enter")
        await shows(pilot, "down -> up")
        await shows(pilot, "connect barn:20011")
        await pilot.press("escape")

        moved = tunnel("barn", 20011, pid=4711)
        write(layout, Batch(tunnels=at(NOW, moved)))
        gone = replace(moved, session=None, status=Status.DOWN, since=NOW)
        mirror(layout, "gw2", Batch(tunnels=[gone]), NOW)
        await until(pilot, lambda: gateways(app)["barn"] == "gw1")


async def test_here_shows_only_this_gateways_rows(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    app = Console(replace(dependencies(layout), only_here=True))

    async with running(app, (140, 30), count=3) as pilot:
        await until(pilot, lambda: app.main.view.count().counts["down"] == 2)
        assert gateways(app) == {"attic": "", "barn": "", "cellar": ""}
        assert "gateway" not in columns(app)


def test_a_mirror_that_comes_or_changes_is_reported_row_by_row(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    (layout.mirrors / "gw3.db").unlink()
    reading = Source(dependencies(layout))
    while reading.step():
        pass

    lasting = replace(sweep(NOW), every_s=LONG_S)
    mirror(layout, "gw3", Batch(tunnels=at(NOW, tunnel("cellar", 20012)), sweep=lasting), NOW)
    assert reading.fleet.gateways is not None
    reading.fleet.gateways.next_look = 0.0
    came = reading.step()
    mirror(layout, "gw3", Batch(tunnels=at(NOW, tunnel("cellar", 20012, pid=5000))), NOW)
    changed = reading.step()
    reading.close()
    reading.fleet.close()

    assert came
    assert changed
    for report in (came, changed):
        where = {row.seen.node: row.where and row.where.gateway for row in report.changed}
        assert where == {"cellar": "gw3"}
    assert changed.changed[0].seen.session != came.changed[0].seen.session
    assert changed.health.gateway == "gw1"


def test_a_row_that_another_gateway_only_probed_again_stays_there(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    reading = Source(dependencies(layout))
    while reading.step():
        pass

    again = replace(at(NOW, tunnel("barn", 20011, pid=4001))[0], latency_ms=7.0)
    mirror(layout, "gw2", Batch(tunnels=[again]), NOW)
    reading.next_quiet = 0.0
    report = reading.step()
    reading.close()
    reading.fleet.close()

    assert report
    (row,) = report.changed
    assert row.where
    assert (row.where.gateway, row.seen.latency_ms, row.seen.session) == ("gw2", 7.0, again.session)
    assert not report.probed


def test_a_row_of_a_gateway_whose_clock_is_ahead_is_as_old_as_it_is(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    often = replace(sweep(NOW + 90), every_s=20.0)
    (barn,) = at(NOW + 90, tunnel("barn", 20011))
    mirror(layout, "gw2", Batch(tunnels=[barn], sweep=often), NOW, ahead_s=90.0)
    reading = Source(dependencies(layout))

    def told() -> dict[str, float | None]:
        """The ages of the rows that are reported."""
        report = reading.step()
        changed = report.changed if report else ()
        ages = {row.seen.node: row.seen.probed_at for row in changed}
        return {node: None if at is None else NOW - at for node, at in ages.items()}

    first = told()
    while reading.step():
        pass
    again = replace(barn, probed_at=NOW + 93)
    mirror(layout, "gw2", Batch(tunnels=[again]), NOW + 4, ahead_s=88.5)
    assert told() == {}, "it was only probed again"
    mirror(layout, "gw2", Batch(), NOW + 6, ahead_s=0.0)
    set_right = told()
    reading.close()
    reading.fleet.close()

    assert first["barn"] == 1.0
    assert set_right["barn"] == -93.0


def test_the_hours_and_days_of_all_gateways_are_added_up(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    hour, today, before = int(NOW // 3600), day_at(NOW), day_at(NOW - DAY_S)
    own = [
        Hour(node=BARN[0], port=BARN[1], hour=hour - ago, up_s=up_s, watched_s=3600.0)
        for ago, up_s in ((3, 3600.0), (2, 1200.0), (1, 0.0))
    ]
    days = [(*BARN, Watched(day=before, up_s=600.0, watched_s=1000.0))]
    write(layout, Batch(hours=own, uptime=days))
    reading = Source(dependencies(layout))

    def known() -> Known:
        while report := reading.step():
            rows.update({row.key: row for row in report.changed})
        return rows[BARN].known

    def told(*periods: tuple[str, float, float]) -> None:
        path = mirror_path(layout, GatewayId("gw2"))
        with closing(open_store(path)) as store, store.using() as db, transaction(db):
            db.execute(ADD_SUMMED)
            for period, up_s, watched_s in periods:
                put_sums(db, period, f"{up_s}", [Sum(*BARN, up_s, watched_s)], NOW)

    def again() -> Known:
        gateways = reading.fleet.gateways
        assert gateways
        for mirrored in gateways.mirrors.values():
            mirrored.sums.next_hours = mirrored.sums.next_days = 0.0
        return known()

    rows: dict[Key, Row] = {}
    untold = known()
    told((str(hour - 2), 1800.0, 3600.0), (str(hour - 1), 3600.0, 3600.0))
    hours = again().hours
    told((str(hour - 3), 0.0, 3600.0), (before, 200.0, 1000.0), (today, 0.0, 0.0))
    more = again()
    past = reading.past(BARN)
    here = reading.past((NodeName("attic"), Port(20010)))
    reading.close()
    reading.fleet.close()

    assert known_at(rows[BARN]) == ""
    assert (untold.hours, untold.week) == ((), None), "that it was not here says nothing"
    assert hours[-4:] == (1.0, 0.833, 1.0, None)
    assert (more.hours[-4:], more.week, more.month) == ((1.0, 0.833, 1.0, None), 0.8, 0.8)
    assert [(day.day, day.up_s) for day in past.days] == [(before, 800.0), (today, 0.0)]
    assert here.days == ()


def test_rows_follow_the_interval_of_the_gateway_that_they_are_from(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    reading = Source(dependencies(layout))
    while reading.step():
        pass
    assert reading.row(BARN).seen.due_s == LONG_S

    mirror(layout, "gw2", Batch(sweep=replace(sweep(NOW), every_s=40.0)), NOW)
    report = reading.step()
    reading.close()
    reading.fleet.close()

    assert report
    assert {row.key: row.seen.due_s for row in report.changed}[BARN] == 40.0


async def test_an_act_on_a_row_of_another_gateway_is_asked_of_that_one(tmp_path: Path) -> None:
    layout = held_elsewhere(tmp_path, now=NOW)
    acts: FakeActs = open_acts()
    asked: list[tuple[str, Verb, Aim]] = []
    answers = threading.Event()

    def elsewhere(_: Layout, gateway: str, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        asked.append((gateway, verb, aims[0]))
        assert answers.wait(100)
        (aim,) = aims
        return (Outcome(node=aim.node, port=aim.port, done=True, sentence="sshd 4001 ended"),)

    app = Console(replace(dependencies(layout, acts), act_elsewhere=elsewhere))

    async with running(app, (80, 24), count=3) as pilot:
        await until(pilot, lambda: gateways(app).get("barn") == "gw2")
        app.main.table.select(nodes(app).index("barn"))
        await pilot.press("k")
        await shows(pilot, "Kill this forward at gw2?")
        await shows(pilot, "sshd 4001 at gw2")
        await pilot.press("1", "enter")
        await shows(pilot, "barn port 20011: kill is under way")
        await pilot.press("question_mark")  # nothing waits for the answer
        await shows(pilot, "Kill the sshd process")
        await pilot.press("escape")
        answers.set()
        await shows(pilot, "barn port 20011: sshd 4001 ended")
        followed = app.main.view.followed
        assert followed is not None
        assert BARN in followed.targets
        await pilot.press("p")
        await until(pilot, lambda: len(asked) == 2)

    session = ProcessId(pid=4001, start_ticks=tunnel("barn", 20011, pid=4001).session.start_ticks)  # type: ignore[union-attr]
    aim = Aim(node=BARN[0], port=BARN[1], session=session)
    assert asked == [("gw2", Verb.KILL, aim), ("gw2", Verb.PROBE, aim)]
    assert acts.done == []
