"""The verbs `mute`, `unmute` and `mutes`."""

from __future__ import annotations

import json
import time

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.mute_lines import NotMuted
from checker.config.layout import Layout
from checker.control.client import operator_name
from checker.model import EventKind, NodeName, Selector
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.state.mutes import read_mutes
from checker.state.store import open_reader
from tests.checker.cli.homes import COMMAND, ERROR, WARNING, Run
from tests.strategies import node


@pytest.fixture
def gateway(layout: Layout) -> Layout:
    """The nodes `office` with two forwards, and `attic` with one."""
    with locked(layout):
        add(layout, node(ports=(20010, 20011)), COMMAND)
        add(layout, node("attic", 2, (20020,)), COMMAND)
    return layout


def muted(layout: Layout) -> list[str]:
    return [str(mute.selector) for mute in read_mutes(layout.mutes).mutes]


def test_a_node_is_muted_until_a_time_for_a_reason(checker: Run, gateway: Layout) -> None:
    before = time.time()

    code, out, err = checker("mute", "office", "2h", "--why", "new roof")

    assert (code, err) == (ExitCode.OK, "")
    assert out.startswith("office: no alerts until 20")
    (mute,) = read_mutes(gateway.mutes).mutes
    assert mute.selector == Selector(node=NodeName("office"))
    assert before + 7200 <= mute.until <= time.time() + 7200
    assert (mute.why, mute.by) == ("new roof", operator_name())
    state = open_reader(gateway.state)
    assert [event.kind for event in state.events()] == [EventKind.MUTE]
    state.close()


@pytest.mark.parametrize(
    ("words", "selectors"),
    [
        (["office", "attic"], ["office", "attic"]),
        (["office:20010"], ["office:20010"]),
        (["20020"], ["attic:20020"]),
        (["office", "office"], ["office"]),
    ],
)
def test_nodes_and_ports_are_named_as_elsewhere(
    checker: Run, gateway: Layout, words: list[str], selectors: list[str]
) -> None:
    assert checker("mute", *words, "1d", "--why", "x")[0] == ExitCode.OK

    assert muted(gateway) == selectors


def test_a_filter_is_kept_as_a_filter_and_says_what_it_matches_now(
    checker: Run, gateway: Layout
) -> None:
    code, out, _ = checker("mute", "--filter", "node:office", "3d", "--why", "x")

    assert code == ExitCode.OK
    assert muted(gateway) == ["filter 'node:office'"]
    assert "it matches 2 forwards now, and counts for those that match later" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--why", "x"], "say whom to mute and until when"),
        (["office", "--why", "x"], "the end of a mute 'office' is not a time; write 30m, 2h"),
        (["2h", "--why", "x"], "nothing is named; give nodes, or --filter TEXT"),
        (["office", "2h"], "say why, for whoever misses the alerts"),
        (["office", "2h", "--why", " "], "the reason of a mute must be one line"),
        (["office", "10s", "--why", "x"], "a mute lasts from 1m to 90d"),
        (["offices", "2h", "--why", "x"], "there is no node 'offices'"),
        (["--filter", "node:zzz", "2h", "--why", "x"], "nothing matches the filter 'node:zzz'"),
        (["--filter", "status:down", "2h", "--why", "x"], "a mute cannot depend on 'status'"),
        (["office", "2h", "--filter", "x", "--why", "x"], "give nodes, or --filter, not both"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_muted_is_one_sentence(
    checker: Run, gateway: Layout, words: list[str], sentence: str
) -> None:
    code, out, err = checker("mute", *words)

    assert code != ExitCode.OK
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"{ERROR}{sentence}")
    assert not gateway.mutes.exists()


def test_a_dry_run_mutes_nothing(checker: Run, gateway: Layout) -> None:
    code, out, _ = checker("mute", "office", "2h", "--why", "x", "--dry-run")

    assert code == ExitCode.OK
    assert out.startswith("would mute office: no alerts until ")
    assert not gateway.mutes.exists()


def test_a_second_mute_replaces_the_first(checker: Run, gateway: Layout) -> None:
    checker("mute", "office", "2h", "--why", "x")

    assert "(before: until " in checker("mute", "office", "3h", "--why", "y")[1]
    assert [mute.why for mute in read_mutes(gateway.mutes).mutes] == ["y"]


def test_what_is_muted_is_listed_for_people_and_scripts(checker: Run, gateway: Layout) -> None:
    assert checker("mutes")[1:] == ("", "nothing is muted\n")
    checker("mute", "office:20010", "2h", "--why", "new roof")
    checker("mute", "--filter", "target:127.0.0.1", "1h", "--why", "no power")

    headings, first, second = checker("mutes")[1].splitlines()
    assert headings.split() == ["WHAT", "UNTIL", "LEFT", "FORWARDS", "BY", "WHY"]
    assert first.startswith("filter 'target:127.0.0.1'  20")
    assert first.split()[-5:] == ["59m", "3", operator_name(), "no", "power"]
    assert second.split()[-5:] == ["1h", "1", operator_name(), "new", "roof"]
    assert checker("mute", "--list")[1].splitlines()[0] == headings
    listed = json.loads(checker("mutes", "--json")[1])
    assert [one["filter"] for one in listed["mutes"]] == ["target:127.0.0.1", ""]
    assert {**listed["mutes"][1], "until": 0, "at": 0} == {
        "node": "office",
        "port": 20010,
        "filter": "",
        "until": 0,
        "why": "new roof",
        "by": operator_name(),
        "at": 0,
        "forwards": 1,
    }


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["office"], ["attic", "filter 'office'"]),
        (["office:20010"], ["office", "attic", "filter 'office'"]),
        (["20010", "attic"], ["office", "filter 'office'"]),
        (["--filter", "office"], ["office", "office:20010", "attic"]),
        (["--all"], []),
    ],
)
def test_mutes_are_taken_back(
    checker: Run, gateway: Layout, words: list[str], left: list[str]
) -> None:
    for name in ("office", "office:20010", "attic"):
        checker("mute", name, "2h", "--why", "x")
    checker("mute", "--filter", "office", "2h", "--why", "x")

    assert "would unmute" in checker("unmute", *words, "--dry-run")[1]
    assert checker("unmute", *words)[0] == ExitCode.OK
    assert muted(gateway) == left


def test_a_node_that_another_mute_silences_still_is_said(checker: Run, gateway: Layout) -> None:
    checker("mute", "attic", "2h", "--why", "x")
    checker("mute", "--filter", "attic", "2h", "--why", "x")

    _, out, err = checker("unmute", "attic")

    assert out == "attic: no longer muted\n"
    assert err == f"{WARNING}attic:20020 is still muted, by filter 'attic'\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to unmute: nodes, or --filter TEXT, or --all"),
        (["office", "--all"], "say what to unmute: nodes, or --filter TEXT, or --all"),
        (["atic"], "nothing is muted as 'atic'; did you mean 'attic'? see: reversi-checker"),
        (["--filter", "x"], "nothing is muted as 'x'; see: reversi-checker mutes"),
    ],
    ids=" ".join,
)
def test_what_is_not_muted_cannot_be_unmuted(
    checker: Run, gateway: Layout, words: list[str], sentence: str
) -> None:
    checker("mute", "attic", "2h", "--why", "x")

    code, _, err = checker("unmute", *words)

    assert code == ExitCode.USAGE
    assert err.startswith(f"{ERROR}{sentence}")
    assert muted(gateway) == ["attic"]


def test_not_muted_names_the_word_and_the_nearest_selector() -> None:
    assert "did you mean 'attic'?" in str(NotMuted("atic", ["attic", "barn"]))


def test_json_says_what_was_done(checker: Run, gateway: Layout) -> None:
    made = json.loads(checker("mute", "attic", "2h", "--why", "x", "--json")[1])
    gone = json.loads(checker("unmute", "--all", "--json")[1])

    assert (made["dry_run"], [one["node"] for one in made["mutes"]]) == (False, ["attic"])
    assert gone["unmuted"] == [{"node": "attic", "port": None, "filter": ""}]
    assert checker("unmute", "--all")[1:] == ("", "nothing was muted\n")


def test_a_broken_file_of_mutes_is_a_warning(checker: Run, gateway: Layout) -> None:
    gateway.mutes.write_text("broken")

    code, out, err = checker("mutes")

    assert (code, out) == (ExitCode.OK, "")
    assert err.startswith(f"{WARNING}nothing is muted: {gateway.mutes}: it is not a list of mutes")


def test_many_forwards_that_a_filter_matches_need_a_yes(checker: Run, layout: Layout) -> None:
    with locked(layout):
        add(layout, node(ports=tuple(range(20010, 20017))), COMMAND)

    code, _, err = checker("mute", "--filter", "office", "2h", "--why", "x")

    assert code != ExitCode.OK
    assert "the filter matches 7 forwards" in err
    assert checker("mute", "--filter", "office", "2h", "--why", "x", "--yes")[0] == ExitCode.OK
    assert muted(layout) == ["filter 'office'"]


def test_a_mute_that_ended_is_not_listed(checker: Run, gateway: Layout) -> None:
    checker("mute", "attic", "2h", "--why", "x")
    text = gateway.mutes.read_text()
    (mute,) = read_mutes(gateway.mutes).mutes
    gateway.mutes.write_text(text.replace(str(mute.until), str(time.time() - 1)))

    assert checker("mutes")[2] == "nothing is muted\n"
