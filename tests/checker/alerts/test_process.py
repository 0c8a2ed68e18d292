"""The process of `alert`, in this process: what it reads, sends, keeps and logs; courier."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from checker.alerts import process
from checker.alerts.following import Following
from checker.alerts.memory import Memory
from checker.alerts.memory_file import load_memory, memory_file
from checker.alerts.process import Alerting, Stop
from checker.alerts.reading import look
from checker.alerts.settings import Settings
from checker.alerts.telling import Told
from checker.config.layout import Layout
from checker.model import Mute, MuteChange, Selector
from checker.rows.claims import LOWERED
from checker.state.mutes import change_mutes
from tests.checker.alerts.gateways import sweep, write
from tests.checker.alerts.receivers import Inbox
from tests.system.waiting import until


def alerting(layout: Layout) -> Alerting:
    return Alerting(Following(layout.alerts), memory_file(layout), partial(look, layout), "gw")


def writing(out: Path) -> list[str]:
    """A command that appends each message to a file, a line each."""
    return ["/bin/sh", "-c", f"cat >> {out}; printf '\\n' >> {out}"]


def titles(out: Path) -> list[str]:
    return [json.loads(line)["title"] for line in out.read_text().splitlines()]


def settle(process: Alerting) -> None:
    """Take the results of all deliveries."""
    while process.couriers.began:
        process.take(process.couriers.finished(1.0))


def test_what_is_down_is_told_once_over_restarts(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(layout, command=writing(out), down_after_s=60, up_after_s=0, group_s=0)
    sweep(layout, "office")

    for _ in range(2):
        one = alerting(layout)
        one.turn()
        settle(one)
        one.turn()
        settle(one)
    assert titles(out) == ["gw: office is down"]

    sweep(layout)
    one = alerting(layout)
    one.turn()
    settle(one)
    assert titles(out)[1:] == ["gw: office is up again"]
    assert memory_file(layout).stat().st_mode & 0o777 == 0o600


def test_a_stale_sweep_is_about_the_gateway(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(layout, command=writing(out), down_after_s=0)
    sweep(layout, "office", ago_s=600.0)

    one = alerting(layout)
    one.turn()
    settle(one)

    assert titles(out) == ["gw: the gateway does not test its tunnels"]
    assert "the daemon does not sweep" in out.read_text()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda layout: layout.state.unlink(), "state.db"),
        (lambda layout: layout.state.write_bytes(b"x" * 5000), "state.db"),
        (lambda layout: layout.nodes.rename(layout.nodes.with_name("gone")), "nodes is gone"),
    ],
)
def test_what_cannot_be_read_is_about_the_gateway(
    layout: Layout, harm: Callable[[Layout], object], words: str
) -> None:
    harm(layout)

    found = look(layout, Settings(), time.time(), 10.0)

    assert words in found.picture.trouble
    assert found.picture.sights == ()


def test_a_row_that_is_not_as_we_write_it_is_a_trouble_and_not_the_end(layout: Layout) -> None:
    sweep(layout, "office")
    with closing(sqlite3.connect(layout.state)) as state, state:
        state.execute("PRAGMA ignore_check_constraints = ON")
        state.execute("UPDATE tunnel SET status = 'of a later release'")

    found = look(layout, Settings(), time.time(), 10.0)

    assert "of a later release" in found.picture.trouble


def test_mutes_and_the_filter_count(layout: Layout) -> None:
    sweep(layout, "office", "shop")
    now = time.time()
    mutes = [
        Mute(selector=Selector(filter_text="node:sho"), until=now + 99, why="w", by="me", at=now)
    ]
    change_mutes(layout.mutes, MuteChange(add=tuple(mutes)))

    found = look(layout, Settings(filter_text="node:o"), now, 10.0)

    sights = {one.place[0]: one for one in found.picture.sights}
    assert {name for name, one in sights.items() if one.is_muted} == {"shop"}
    assert {name for name, one in sights.items() if one.is_watched} == {"office", "shop"}
    assert found.remarks == ()


def test_nothing_is_kept_of_the_rows_of_one_look(layout: Layout) -> None:
    sweep(layout, "office")

    found = look(layout, Settings(filter_text="office"), time.time(), 10.0)

    assert found.picture.sights
    assert not LOWERED


def test_a_filter_that_shows_nothing_and_broken_mutes_are_logged_once(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout, command=["/bin/true"], filter="nodee:office")
    layout.mutes.write_text("{")

    one = alerting(layout)
    one.turn()
    one.turn()

    assert caplog.text.count("nobody is told anything: ") == 1
    assert "'nodee'" in caplog.text
    assert caplog.text.count("nothing is muted") == 1


def test_a_signal_ends_a_wait() -> None:
    stop = Stop()
    assert not stop.wait(0.0)

    stop.set()

    assert stop.wait(600.0)
    assert stop.is_set()


def test_without_ways_it_waits_for_an_edit(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    one = alerting(layout)
    one.turn()

    assert "names no way to send" in caplog.text
    write(layout, command=["/bin/true"])
    one.turn()
    assert [way.name for way in one.following.ways] == ["command true"]


def test_a_failed_delivery_is_logged_and_told_later(
    layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    command = ["/bin/sh", "-c", f"test -e {gate} && cat > {out}"]
    write(layout, command=command, down_after_s=0)
    sweep(layout, "office")

    one = alerting(layout)
    one.turn()
    settle(one)
    assert "cannot send by command sh: exit status 1; trying again in 30 s" in caplog.text
    assert one.is_failing(one.following.ways[0])

    gate.touch()
    one.memory = load_memory(memory_file(layout))
    told = next(iter(one.memory.ways.values()))
    assert told.failures == 1
    one.looked_at = None if one.looked_at is None else one.looked_at - told.wait_s
    one.turn()
    settle(one)
    assert titles(out) == ["gw: office is down"]
    assert not one.is_failing(one.following.ways[0])


def test_the_heartbeat_is_called_while_all_is_well(
    layout: Layout, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    write(layout, command=["/bin/true"], heartbeat=f"http://127.0.0.1:{inbox.port}/ping")
    one = alerting(layout)
    one.turn()
    inbox.wait_for(1)
    assert inbox.requests[0][:2] == ("GET", "/ping")

    until(one.heart.results.qsize, "the call ended")
    inbox.status, one.heart.next_at = 500, 0.0
    one.turn()
    inbox.wait_for(2)
    until(one.heart.results.qsize, "the call ended")
    one.turn()
    assert "the heartbeat is not heard: HTTP status 500" in caplog.text
    inbox.status, one.heart.next_at = 200, 0.0
    with caplog.at_level(logging.INFO):
        one.turn()
        until(one.heart.results.qsize, "the call ended")
        one.turn()
    assert "the heartbeat is heard again" in caplog.text


def test_without_sweeps_or_deliveries_the_heartbeat_stops(layout: Layout, inbox: Inbox) -> None:
    url = f"http://127.0.0.1:{inbox.port}/ping"
    write(layout, command=["/bin/false"], heartbeat=url, down_after_s=0)
    sweep(layout, ago_s=600.0)
    one = alerting(layout)
    one.turn()
    settle(one)
    sweep(layout)
    one.turn()

    assert one.is_failing(one.following.ways[0])
    assert inbox.requests == []
    assert not one.heart.is_busy

    one.memory = Memory(ways={key: Told(failures=3) for key in one.memory.ways})
    assert not one.is_failing(one.following.ways[0]), "nothing is left to tell"


def test_a_process_that_was_stopped_for_an_hour_saw_nothing(layout: Layout) -> None:
    write(layout, command=["/bin/true"])
    one = alerting(layout)
    one.turn()
    sweep(layout, "office")

    assert one.looked_at is not None
    one.looked_at -= 3600
    one.turn()

    (outage,) = one.memory.outages.open.values()
    assert outage.failing_s <= 60
    assert not outage.is_due


def test_a_full_disk_is_logged_once_and_ends_nothing(
    layout: Layout, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(layout, command=["/bin/true"])
    one = alerting(layout)
    one.memory_path = layout.state / "nowhere" / "alerts.json"

    with caplog.at_level(logging.ERROR):
        one.save()
        one.save()

    assert caplog.text.count("after a restart, messages may be repeated") == 1


def test_it_ends_when_it_is_told_to_and_waits_for_deliveries(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write(layout, command=writing(out), down_after_s=0)
    sweep(layout, "office")
    monkeypatch.setattr(process, "ENDS_WITHIN_S", 50.0)
    one, stop = alerting(layout), threading.Event()
    thread = threading.Thread(target=one.run, args=(stop,))

    thread.start()
    until(out.exists, "the command began")
    stop.set()
    thread.join(150)

    assert not thread.is_alive()
    assert next(iter(load_memory(memory_file(layout)).ways.values())).rounds
