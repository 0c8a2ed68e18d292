"""The reader: what it reports when the state file and the registry change."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import NodeName, Status, Watched
from checker.model.last_seen import LastSeen
from checker.state.rows import Batch
from reversi_tui.reader.source import Source
from reversi_tui.rows.report import Daemon, Report
from tests.registry_samples import register
from tests.reversi_tui.console.states import (
    FORWARDS,
    NOW,
    SEEN,
    demo_home,
    dependencies,
    forward,
    sweep,
    tunnel,
    write,
)


def source(layout: Layout, daemon: Daemon = Daemon.RUNNING) -> Source:
    return Source(dependencies(layout, daemon=daemon))


def impatient(made: Source) -> Source:
    """The next step looks at everything."""
    made.registered.next_poll = made.next_ping = made.next_open = 0.0
    return made


def settled(layout: Layout) -> Source:
    made = source(layout)
    while made.step():
        pass
    return made


def step(made: Source) -> Report:
    report = impatient(made).step()
    assert report
    return report


def test_the_first_report_needs_no_registry(tmp_path: Path) -> None:
    reading = source(demo_home(tmp_path))

    first, second = reading.step(), reading.step()

    assert first
    assert second
    assert not first.health.registry_read
    assert {row.key for row in first.changed} == {(seen.node, seen.port) for seen in SEEN}
    assert all(row.forward is None for row in first.changed)
    assert second.health.registry_read
    assert second.keys == frozenset((f.node, f.port) for f in FORWARDS)
    reading.close()


def test_nothing_new_makes_no_report(tmp_path: Path) -> None:
    reading = settled(demo_home(tmp_path))

    assert impatient(reading).step() is None
    reading.close()


def test_only_the_row_that_changed_is_reported(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    reading = settled(layout)

    write(layout, Batch(tunnels=(tunnel("attic", 20010, Status.HUNG),)))
    report = step(reading)

    assert [(row.key, row.seen.status) for row in report.changed] == [
        (("attic", 20010), Status.HUNG)
    ]
    assert report.keys is None
    reading.close()


def test_a_node_added_and_one_removed_change_the_set_of_rows(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    reading = settled(layout)

    (layout.nodes / "attic.toml").unlink()
    register(layout, (forward("zoo", 20099),))
    report = step(reading)

    assert report.keys is not None
    assert ("zoo", 20099) in report.keys
    assert ("attic", 20010) not in report.keys
    reading.close()


def test_no_state_file_yet_shows_the_registry_as_unknown(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    register(layout, FORWARDS)
    reading = source(layout)

    report = step(reading)

    assert {row.seen.status for row in report.changed} == {Status.UNKNOWN}
    assert "the daemon was never started here" in report.health.trouble
    reading.close()


def test_the_state_file_appears(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    register(layout, FORWARDS)
    reading = settled(layout)

    write(layout, Batch(tunnels=SEEN, sweep=sweep()))
    report = step(reading)

    assert report.health.trouble == ""
    assert len(report.changed) == len(SEEN)
    reading.close()


def test_a_state_file_that_goes_leaves_the_rows_and_one_that_comes_back_is_read(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    reading = settled(layout)

    layout.state.rename(tmp_path / "aside.db")
    for suffix in ("-wal", "-shm"):
        layout.state.with_name(f"state.db{suffix}").unlink(missing_ok=True)
    gone = step(reading)
    write(layout, Batch(tunnels=(tunnel("attic", 20010, Status.DOWN, pid=None),), sweep=sweep()))
    back = step(reading)

    assert "there is no state file" in gone.health.trouble
    assert not gone.changed
    assert back.health.trouble == ""
    statuses = {row.key[0]: row.seen.status for row in back.changed}
    assert statuses[NodeName("attic")] is Status.DOWN
    assert statuses[NodeName("barn")] is Status.UNKNOWN
    reading.close()


def test_a_directory_that_goes_is_called_gone_and_comes_back(tmp_path: Path) -> None:
    layout = demo_home(tmp_path / "home")
    reading = settled(layout)

    (tmp_path / "home").rename(tmp_path / "aside")
    gone = step(reading)
    (tmp_path / "aside").rename(tmp_path / "home")
    back = step(reading)

    assert gone.health.trouble == f"the directory {tmp_path / 'home'} does not exist"
    assert back.health.trouble == ""
    reading.close()


def test_a_damaged_state_file_is_reported_and_takes_nothing_down(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    layout.state.write_bytes(b"not a database at all, and long enough to be looked at" * 100)
    reading = source(layout)

    report = step(reading)

    assert "damaged" in report.health.trouble
    assert len(report.changed) == len(FORWARDS)
    reading.close()


def test_a_broken_file_among_good_ones_is_reported(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    (layout.nodes / "hut.toml").write_text("public_key = 7")
    reading = source(layout)

    reading.step()
    report = step(reading)

    assert len(report.health.problems) == 1
    assert "hut.toml" in report.health.problems[0]
    assert report.keys
    assert len(report.keys) == len(FORWARDS) + 1
    row = next(row for row in report.changed if row.seen.node == "hut")
    assert row.seen.status is Status.BROKEN
    assert "hut.toml" in row.seen.detail
    reading.close()


def test_a_registry_that_goes_leaves_the_rows(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    reading = settled(layout)

    layout.nodes.rename(tmp_path / "aside")
    report = step(reading)

    assert report.keys is None
    assert "rows are as last read" in report.health.problems[0]
    reading.close()


@pytest.mark.parametrize(
    ("answer", "swept_at", "seen"),
    [
        pytest.param(Daemon.RUNNING, NOW - 900, Daemon.RUNNING, id="answers"),
        pytest.param(
            Daemon.ABSENT, NOW - 10, Daemon.UNREACHABLE, id="sweeps and does not answer us"
        ),
        pytest.param(Daemon.ABSENT, NOW - 900, Daemon.ABSENT, id="neither"),
    ],
)
def test_what_is_known_of_the_daemon(
    tmp_path: Path, answer: Daemon, swept_at: float, seen: Daemon
) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(sweep=sweep(swept_at)))
    reading = source(layout, answer)

    reading.step()
    impatient(reading).step()

    assert reading.health.daemon is seen
    reading.close()


def test_the_reader_waits_until_its_report_was_taken(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    reading = source(layout)
    reports: list[Report] = []
    came = threading.Event()

    def post(report: Report) -> None:
        reports.append(report)
        came.set()

    thread = threading.Thread(target=reading.run, args=(post,))
    thread.start()
    assert came.wait(150)
    came.clear()
    write(layout, Batch(tunnels=(replace(SEEN[0], status=Status.HUNG),)))
    assert not came.wait(0.6), "a second report before the first was taken"
    reading.taken()
    assert came.wait(150)
    reading.stop()
    thread.join(150)

    assert not thread.is_alive()
    statuses = {row.seen.node: row.seen.status for report in reports for row in report.changed}
    assert statuses[NodeName("attic")] is Status.HUNG


def test_a_forward_that_never_was_up_is_told_from_a_lost_one(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    lost = replace(tunnel("attic", 20010, Status.DOWN, pid=None), checked_at=None)
    never = replace(tunnel("garage", 20016, Status.DOWN, pid=None), checked_at=None)
    day = Watched(day="2025-10-08", up_s=5.0, watched_s=10.0)
    write(layout, Batch(tunnels=(lost, never), uptime=[(lost.node, lost.port, day)]))
    reading = settled(layout)

    keys = reading.keys()
    rows = {key[0]: reading.row(key) for key in keys}

    assert {node for node, row in rows.items() if not row.known.was_up} == {"garage"}
    assert reading.past(rows[NodeName("garage")].key).last == LastSeen(was_up=False)
    write(layout, Batch(tunnels=(tunnel("garage", 20016),)))
    report = step(reading)
    assert report.changed[0].known.was_up
    reading.close()


def test_between_two_writes_it_only_asks_whether_somebody_wrote(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    reading = source(layout)

    assert reading.may_have_news()
    while reading.may_have_news():
        reading.step()
    reading.next_step = float("inf")
    assert not reading.may_have_news()

    write(layout, Batch(tunnels=(tunnel("barn", 20011),)))
    assert reading.may_have_news()
    reading.step()
    assert not reading.may_have_news()

    register(layout, (forward("newcomer", 20099),))
    assert reading.may_have_news()
    while reading.step():
        pass
    assert not reading.may_have_news()

    reading.wake()
    assert reading.may_have_news()
    reading.close()
