"""The console's figures are printed, and nothing is left behind; no test asserts the figures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from textual.widgets import DataTable

from bench.console_home import make_home, names, tunnel_of
from bench.console_pty import high
from bench.console_writer import Writer
from bench.datatable_app import DataTableApp
from checker.model import Status
from checker.registry.reading import read_registry
from checker.state.store import open_store

CHECKOUT = Path(__file__).parents[3]
WITHIN_S = 100.0
WHATS = (
    "first rows",
    "key to paint, down",
    "key to paint, page down",
    "key to paint, sort",
    "key to paint, a letter of a filter",
    "bytes for nothing",
    "bytes for one changed row",
    "bytes for one move of the cursor",
    "bytes for a page scrolled",
    "bytes for a sort",
    "idle CPU |",
    "idle CPU, sweeps go on |",
    "170 changes a second",
    "memory",
    "a page scrolled at 200x50",
)
ALONE = (
    "100 rows: one move of the cursor at 120x40",
    "100 rows: one move of the cursor at 200x50",
    "100 rows: the sheet of a row opened at 120x40",
    "150 rows: first rows",
    "150 rows: key to paint, down",
    "150 rows: idle CPU, sweeps go on",
)
"""What the DataTable is not measured with."""


@contextmanager
def bench(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A quick run whose files are all in that folder; asked to end where the test did not see to
    it.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "bench", "--quick", "--only", "console"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.defpath, "TMPDIR": str(folder), "HOME": str(folder)},
    ) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.terminate()


def those_at(folder: Path) -> list[str]:
    """Command lines of processes that were started for that folder."""
    lines = (
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    )
    return [line for line in lines if str(folder) in line]


def test_a_quick_run_prints_every_figure_beside_the_datatables(tmp_path: Path) -> None:
    with bench(tmp_path) as run:
        out, told = run.communicate(timeout=400)

    assert run.returncode == 0, told
    for what in WHATS:
        assert f"\n| console, 100 rows: {what}" in out
    for what in ("first rows", "a letter of a filter"):
        assert f"\n| event log, 2,000 events: {what} |" in out
    for what in ALONE:
        assert f"\n| console, {what} |" in out
    assert "\n| uptime of 100 forwards over 30 days: opened and filled |" in out
    assert "\n| `--once --json`, 100 nodes |" in out
    assert out.count("| DataTable: ") == len(WHATS)
    assert not list(tmp_path.rglob("*"))
    assert not those_at(tmp_path)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with bench(tmp_path) as run:
        deadline = time.monotonic() + WITHIN_S
        while not any("bench.datatable_app" in line for line in those_at(tmp_path)):
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.3)

        run.send_signal(signal.SIGINT)
        run.communicate(timeout=WITHIN_S)

    assert run.returncode == 130
    assert not list(tmp_path.rglob("*"))
    assert not those_at(tmp_path)


def test_a_home_has_its_nodes_in_the_registry_and_in_the_state_file(tmp_path: Path) -> None:
    layout = make_home(tmp_path / "gateway", 50, now=1000.0)

    registry = read_registry(layout.nodes)
    store = open_store(layout.state)
    try:
        seen = store.tunnels()
    finally:
        store.close()

    assert registry.problems == ()
    assert sorted(forward.node for forward in registry.forwards) == names(50)
    assert {(forward.node, forward.port) for forward in registry.forwards} == {
        (tunnel.node, tunnel.port) for tunnel in seen
    }
    assert {tunnel.status for tunnel in seen} == {Status.UP, Status.HUNG, Status.DOWN}


@pytest.mark.parametrize(("mode", "expected"), [("rest", 0), ("sweep", 10), ("change", 85)])
def test_a_tick_writes_what_a_daemon_would_in_that_time(
    tmp_path: Path, mode: str, expected: int
) -> None:
    store = open_store(make_home(tmp_path / "gateway", 600, now=1000.0).state)
    writer = Writer(store)
    writer.obey(mode)
    writer.swept_at = 0.0  # so that a mark is due, and with it the ages
    before = {tunnel.node: tunnel for tunnel in store.tunnels()}
    revision = max(tunnel.revision for tunnel in before.values())

    writer.tick()

    try:
        written = store.tunnels(since_revision=revision)
    finally:
        store.close()
    assert len(written) == expected
    assert any(tunnel.latency_ms != before[tunnel.node].latency_ms for tunnel in written) is (
        mode == "change"
    )
    assert all(tunnel.probed_at != 1000.0 for tunnel in written)


async def test_the_datatable_shows_sorts_and_filters_the_same_rows(tmp_path: Path) -> None:
    app = DataTableApp(make_home(tmp_path / "gateway", 40, now=time.time()))

    async with app.run_test(size=(120, 24)) as pilot:
        table = app.query_one(DataTable)
        deadline = time.monotonic() + WITHIN_S
        while table.row_count < 40 or "192.168.0.1:22" not in map(str, table.get_row_at(0)):
            assert time.monotonic() < deadline
            await pilot.pause(0.02)
        assert [str(table.get_row_at(place)[0]) for place in range(40)] == names(40)
        await pilot.press("greater_than_sign")
        assert int(str(table.get_row_at(39)[1])) == tunnel_of(39, 0.0).port
        await pilot.press("slash", *"barn")
        assert {str(table.get_row_at(place)[0])[:4] for place in range(table.row_count)} == {"barn"}
        await pilot.press("escape")
        assert table.row_count == 40


def test_the_95th_percentile_is_the_least_value_that_19_of_20_do_not_exceed() -> None:
    assert high([float(number) for number in range(20, 0, -1)]) == 19.0
    assert high([7.0]) == 7.0
