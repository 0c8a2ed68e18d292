"""The verb `report`."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.model import (
    Event,
    EventKind,
    Forward,
    NodeName,
    Port,
    Watched,
    parse_expect,
    parse_target,
)
from checker.rows.percent import percentage
from checker.rows.uptimes import share
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.registry_samples import register

NOW = 1_795_500_000.0
LOST_AT = NOW - 4 * 86400
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
            ],
            events=[
                status("up -> hung: no answer", at=LOST_AT),
                status("down -> up: SSH-2.0", at=LOST_AT + 2700),
            ],
        )
    )
    store.close()
    return layout


def status(text: str, *, at: float) -> Event:
    return Event(at=at, kind=EventKind.STATUS, text=text, node=NodeName("attic"), port=Port(20010))


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
    assert headings.endswith("WORST DAY           LOSSES  LONGEST OUTAGE")
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
        "1",
        "45m",
    ]
    assert barn.split() == ["barn", "20011", "127.0.0.1:22", "-", "0.0", "h", "-", "-", "-"]


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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--days 7 --since 2026-11-01", "--days counts from today, so it cannot be combined"),
        ("--days 7 --until 2026-11-01", "--days counts from today, so it cannot be combined"),
        ("--since 2026-11-20T08:00", "--since '2026-11-20T08:00' is not a day; a report counts"),
        ("--until noon", "--until 'noon' is not a day; a report counts whole UTC days"),
        ("--since 2026-11-20 --until 2026-11-20", "--since 2026-11-20 is not before --until"),
        ("--csv --json", "--csv and --json cannot be combined"),
        ("--target 0", "--target 0 is not a percentage"),
        ("--target 100.1", "--target 100.1 is not a percentage"),
        ("--target nan", "--target nan is not a percentage"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    gateway: Layout, capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    assert report(gateway, *words.split()) is ExitCode.USAGE

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"reversi-checker: error: {sentence}")


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("--since 2026-11-20", [EARLIER, TODAY]),
        ("--since 2026-11-20 --until 2026-11-24", [EARLIER]),
        ("--since 3d", [TODAY]),
        ("--since 4d", [EARLIER, TODAY]),
        ("--since 9w", [LONG_AGO, EARLIER, TODAY]),
        ("--until 2026-11-24", [EARLIER]),
        ("--until 2026-10-02", [LONG_AGO]),
    ],
)
def test_a_report_is_about_the_days_that_were_asked_for(
    gateway: Layout, capsys: pytest.CaptureFixture[str], words: str, days: list[str]
) -> None:
    assert report(gateway, "--json", "attic", *words.split()) is ExitCode.OK

    (attic,) = json.loads(capsys.readouterr().out)["forwards"]
    assert [day["day"] for day in attic["days"]] == days


def test_a_target_that_was_missed_ends_with_1_and_names_who_missed_it(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(gateway, "--target", "74.99") is ExitCode.OK
    assert capsys.readouterr().err == ""
    assert report(gateway, "--target", "75") is ExitCode.NOT_UP
    assert capsys.readouterr().err == "below 75 %: attic:20010 (74.99 %)\n"


def test_csv_has_a_header_and_a_line_for_each_forward(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(gateway, "--csv", "--since", "2026-11-20") is ExitCode.OK

    out = capsys.readouterr().out
    assert out.endswith("\r\n")
    attic, barn = csv.DictReader(io.StringIO(out, newline=""))
    assert attic == {
        "node": "attic",
        "port": "20010",
        "target": "127.0.0.1:22",
        "since": "2026-11-20",
        "until": "2026-11-25",
        "up_s": "8099.9",
        "watched_s": "10800.0",
        "up_percent": "74.99",
        "worst_day": EARLIER,
        "worst_percent": "25.00",
        "losses": "1",
        "longest_outage_s": "2700",
    }
    assert (barn["up_percent"], barn["worst_day"], barn["watched_s"]) == ("", "", "0.0")


def test_tags_are_summed_up_and_a_filter_chooses_forwards(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gateway.nodes / "attic.toml"
    path.write_text('tags = ["site-a", "openwrt"]\n' + path.read_text())

    assert report(gateway, "--by", "tag", "--days", "60") is ExitCode.OK
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:3] for row in rows] == [
        ["TAG", "NODES", "FORWARDS"],
        ["openwrt", "1", "1"],
        ["site-a", "1", "1"],
        ["-", "1", "1"],
    ]
    assert report(gateway, "--by", "node", "--csv", "--filter", "node:attic") is ExitCode.OK
    header, attic = capsys.readouterr().out.splitlines()
    assert header.startswith("node,forwards,since,until,up_s")
    assert attic.startswith("attic,1,")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--filter", "node:zzz"], "nothing matches the filter 'node:zzz'"),
        (["attic", "--filter", "node:x"], "give nodes, or --filter, not both"),
    ],
)
def test_a_filter_that_chooses_nothing_is_one_sentence(
    gateway: Layout, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert report(gateway, *words) is not ExitCode.OK

    assert sentence in capsys.readouterr().err


def test_without_a_state_file_nothing_was_watched(
    gateway: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.state.unlink()

    assert report(gateway, "attic") is ExitCode.OK
    assert capsys.readouterr().out.splitlines()[1].split()[3:] == ["-", "0.0", "h", *"---"]


def test_less_than_always_is_never_shown_as_100_percent() -> None:
    assert (
        percentage(share([Watched(day=TODAY, up_s=999_999.0, watched_s=1_000_000.0)])) == "99.99 %"
    )
    assert percentage(1.0) == "100.00 %"
    assert share([]) is None
