"""`--once` with `--columns`, `--wide`, `--sort` and `--filter`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Flaps, Hour, NodeName, Port, ProcessId, Registration
from checker.state.rows import Batch
from reversi_tui.exit_codes import ExitCode
from tests.reversi_tui.console.past import home_with_a_past
from tests.reversi_tui.console.states import SEEN, fresh_home, labelled, write
from tests.reversi_tui.scripted import Captured, all_up, once, words


def test_the_columns_are_those_that_were_asked_for_in_that_order(
    tmp_path: Path, capsys: Captured
) -> None:
    fresh_home(tmp_path)

    _, lines, _ = once(tmp_path, capsys, "--columns", "status,node", "--filter", "attic")

    assert [words(line) for line in lines] == [["status", "node"], ["● up", "attic"]]


def test_the_last_7_and_30_days_are_columns_to_choose_to_sort_and_to_filter_by(
    tmp_path: Path, capsys: Captured
) -> None:
    home_with_a_past(tmp_path, 3)
    shown = ("--columns", "node,week,month", "--sort", "week")

    _, lines, _ = once(tmp_path, capsys, *shown, "--filter", "week:<100")

    assert [words(line) for line in lines] == [
        ["node", "7 d", "30 d"],
        ["delft-door-02", "99.40", "99.86"],
        ["cork-door-01", "99.70", "99.93"],
    ]


def test_wide_has_what_the_node_s_client_said_and_how_often_it_was_lost(
    tmp_path: Path, capsys: Captured
) -> None:
    layout = all_up(tmp_path)
    name = NodeName("attic")
    registration = Registration(
        node=name,
        instance="i-77",
        session=ProcessId(pid=1, start_ticks=2),
        peer="x",
        registered_at=3.0,
        client="reversi-client/9",
    )
    hour = Hour(
        node=name, port=Port(20010), hour=int(time.time() // 3600), up_s=1800.0, watched_s=3600.0
    )
    write(
        layout, Batch(registrations=(registration,), flaps=((name, Flaps(count=3)),), hours=(hour,))
    )

    _, lines, _ = once(tmp_path, capsys, "--wide", "--filter", "attic")
    _, chosen, _ = once(tmp_path, capsys, "--columns", "instance,day", "--filter", "flaps:>2")

    assert {"flaps", "client", "instance", "expect"} <= set(words(lines[0]))
    assert {"3", "reversi-client/9", "i-77", "banner:SSH-2.0"} <= set(words(lines[1]))
    assert [words(line)[0] for line in chosen] == ["instance", "i-77"]
    assert words(chosen[1])[1] != 24 * "·"


@pytest.mark.parametrize(
    "argv",
    [
        ("--sort", "-latency"),
        ("--sort=-latency",),
        ("--sort", "latency", "--reverse"),
        ("--reverse", "--sort", "latency"),
    ],
    ids=str,
)
def test_the_sort_may_go_backwards(tmp_path: Path, capsys: Captured, argv: tuple[str, ...]) -> None:
    all_up(tmp_path)

    code, lines, _ = once(tmp_path, capsys, "--columns", "node", *argv)

    assert (code, lines) == (ExitCode.OK, ["node", "barn", "attic"])


def test_a_filter_that_nothing_matches_is_mentioned_and_not_a_fault(
    tmp_path: Path, capsys: Captured
) -> None:
    fresh_home(tmp_path)

    code, lines, err = once(tmp_path, capsys, "--filter", "elsewhere")

    assert (code, len(lines)) == (ExitCode.OK, 1)
    assert err == "reversi-tui: nothing matches the filter 'elsewhere'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("staus:hung", "there is no column 'staus'; did you mean 'status'?", id="near"),
        pytest.param("!statsu:up", "there is no column 'statsu'; did you mean", id="inverted"),
    ],
)
def test_a_mistyped_column_of_a_filter_is_an_error_and_hides_no_fault(
    tmp_path: Path, capsys: Captured, text: str, says: str
) -> None:
    fresh_home(tmp_path)

    code, lines, err = once(tmp_path, capsys, "--filter", text)

    assert (code, lines) == (ExitCode.USAGE, [])
    assert says in err
    assert "columns are: node, port" in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("is:stalle", "there is no is:stalle; did you mean 'stale'?"),
        ("/b(/", "the pattern /b(/ is not valid"),
        ("status:up port:>", "the filter's 'port:>' has no end"),
    ],
)
def test_a_filter_that_can_only_be_a_mistake_is_an_error(
    tmp_path: Path, capsys: Captured, text: str, says: str
) -> None:
    fresh_home(tmp_path)

    code, lines, err = once(tmp_path, capsys, "--filter", text)

    assert (code, lines) == (ExitCode.USAGE, [])
    assert says in err


def test_tags_notes_and_answers_are_filtered_and_shown(tmp_path: Path, capsys: Captured) -> None:
    layout = fresh_home(tmp_path)
    labelled(layout, "attic")
    write(layout, Batch(tunnels=(replace(SEEN[0], answer="SSH-2.0-OpenSSH_9.2"),)))

    for text in ("tag:site-a", "site-a", "note:bakery", "banner:openssh_9", "/^site-.$/|garage*"):
        _, lines, _ = once(tmp_path, capsys, "--filter", text, "--columns", "node,tags,note")
        assert words(lines[1]) == ["attic", "openwrt site-a", "key at the bakery"], text


def test_an_unknown_tag_is_named_with_the_one_that_was_meant(
    tmp_path: Path, capsys: Captured
) -> None:
    labelled(fresh_home(tmp_path), "attic")

    code, lines, err = once(tmp_path, capsys, "--filter", "tag:sitea")

    assert (code, len(lines)) == (ExitCode.OK, 1)
    assert "no node has the tag 'sitea'; did you mean 'site-a'?" in err


def test_a_word_before_a_colon_may_be_a_part_of_what_a_row_shows(
    tmp_path: Path, capsys: Captured
) -> None:
    fresh_home(tmp_path)
    found = tuple(once(tmp_path, capsys, "--columns", "node,target")[1][1].split())

    code, lines, err = once(tmp_path, capsys, "--filter", found[1], "--columns", "node,target")

    assert (code == ExitCode.USAGE, err) == (False, "")
    assert len(lines) > 1
    assert once(tmp_path, capsys, "--filter", "zzz:22")[0] == ExitCode.OK
