"""The verb `report`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.cli.report import percentage, share
from checker.config.layout import Layout, home_layout
from checker.model import Forward, NodeName, Port, Watched, parse_expect, parse_target
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.registry_samples import register

NOW = 1_795_500_000.0
TODAY, EARLIER, LONG_AGO = "2026-11-24", "2026-11-20", "2026-10-01"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Two nodes, one of them watched on three days."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    layout = home_layout(tmp_path)
    register(layout, (forward("attic", 20010), forward("barn", 20011)))
    days = ((LONG_AGO, 0.0, 1000.0), (EARLIER, 900.0, 3600.0), (TODAY, 7199.9, 7200.0))
    store = open_store(layout.state)
    store.write(
        Batch(
            uptime=[
                (NodeName("attic"), Port(20010), Watched(day=day, up_s=up, watched_s=of))
                for day, up, of in days
            ]
        )
    )
    store.close()
    return layout


def forward(node: str, port: int) -> Forward:
    return Forward(
        node=NodeName(node),
        port=Port(port),
        target=parse_target("127.0.0.1:22"),
        expect=parse_expect("open"),
    )


def report(layout: Layout, *words: str) -> ExitCode:
    return run(["--home", str(layout.home), "report", *words])


def test_each_forward_has_its_share_and_its_worst_day(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(gateway) is ExitCode.OK

    headings, attic, barn = capsys.readouterr().out.splitlines()
    assert headings.endswith("WORST DAY")
    assert attic.split() == [
        "attic",
        "20010",
        "127.0.0.1:22",
        "74.99",
        "%",
        "3.0",
        "h",
        EARLIER,
        "25.00",
        "%",
    ]
    assert barn.split() == ["barn", "20011", "127.0.0.1:22", "-", "0.0", "h", "-"]


def test_json_has_each_day(gateway: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(gateway, "--json", "--days", "60", "attic") is ExitCode.OK

    told = json.loads(capsys.readouterr().out)
    (attic,) = told["forwards"]
    assert (told["schema"], told["since"]) == (1, "2026-09-26")
    assert (attic["node"], attic["port"], attic["up_s"], attic["watched_s"]) == (
        "attic",
        20010,
        8099.9,
        11800.0,
    )
    assert attic["days"][0] == {"day": LONG_AGO, "up_s": 0.0, "watched_s": 1000.0}
    assert [day["day"] for day in attic["days"]] == [LONG_AGO, EARLIER, TODAY]


def test_one_day_is_today(gateway: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    report(gateway, "--json", "--days", "1", "attic")

    assert [day["day"] for day in json.loads(capsys.readouterr().out)["forwards"][0]["days"]] == [
        TODAY
    ]


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "401"), ("cellar",)])
def test_an_invalid_request_is_refused(
    gateway: Layout, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert report(gateway, *words) is ExitCode.USAGE

    assert words[-1] in capsys.readouterr().err


def test_without_a_state_file_nothing_was_watched(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.state.unlink()

    assert report(gateway, "attic") is ExitCode.OK
    assert capsys.readouterr().out.splitlines()[1].split()[3:] == ["-", "0.0", "h", "-"]


def test_less_than_always_is_never_shown_as_100_percent() -> None:
    assert (
        percentage(share([Watched(day=TODAY, up_s=999_999.0, watched_s=1_000_000.0)])) == "99.99 %"
    )
    assert percentage(1.0) == "100.00 %"
    assert share([]) is None
