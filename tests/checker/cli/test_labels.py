"""Tags and notes on the command line, without a daemon."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.client import events_of
from checker.control.many_nodes import NamedClause, carry_out_all, parts_of, planned_for_all
from checker.daemon.accept import MAX_MESSAGE
from checker.model import Note
from checker.registry.changes import add, change
from checker.registry.lock import locked
from checker.registry.reading import node_path, read_registry
from checker.state.rows import event_row
from tests.checker.cli.homes import COMMAND, ERROR, Run, key_lines, registered, registry_events
from tests.programs import require
from tests.strategies import OFFICE, node


@pytest.fixture
def fleet(home: Layout) -> Layout:
    """Seven nodes besides `office`: n1 to n7; the odd ones are at site-a."""
    with locked(home):
        for number in range(1, 8):
            tags = ("site-a",) if number % 2 else ()
            one = replace(node(f"n{number}", 10 + number, (20100 + number,)), tags=tags)
            add(home, one, COMMAND)
    return home


def test_a_node_is_added_with_tags_and_a_note(
    checker: Run, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("ssh-keygen")
    monkeypatch.chdir(tmp_path)  # the private key is written there
    words = ("--tag", "site-a", "--tag", "openwrt", "--note", "attic, key at the bakery")

    code, out, _ = checker("node", "add", "office", "--forward", "x:1,http", "--keep-key", *words)

    assert code == ExitCode.OK
    assert "office: tags openwrt, site-a\noffice: note attic, key at the bakery\n" in out
    assert registered(layout).tags == ("openwrt", "site-a")
    shown = json.loads(checker("node", "show", "office", "--json")[1])["node"]
    assert (shown["tags"], shown["note"]) == (["openwrt", "site-a"], "attic, key at the bakery")
    tunnel = json.loads(checker("status", "--json")[1])["tunnels"][0]
    assert (tunnel["tags"], tunnel["note"]) == (["openwrt", "site-a"], "attic, key at the bakery")


def test_tags_and_note_are_set_and_removed_and_no_tunnel_ends(edit: Run, home: Layout) -> None:
    before = registered(home)

    code, out, err = edit("set", "office", "--tag", "b", "--tag", "a", "--note", "attic")
    lines = key_lines(home)
    assert (code, err) == (ExitCode.OK, "")
    assert out == "office: tag a added\noffice: tag b added\noffice: note: attic\n"
    assert registered(home) == replace(before, tags=("a", "b"), note="attic")
    assert edit("set", "office", "--tag", "a", "--untag", "x")[1] == "office: nothing to change\n"

    code, out, _ = edit("set", "office", "--untag", "b", "--note", "")
    assert out == "office: tag b removed\noffice: note removed\n"
    assert registered(home) == replace(before, tags=("a",))
    assert key_lines(home) == lines
    assert [event.text for event in registry_events(home)] == [
        "tag a added",
        "tag b added",
        "note: attic",
        "tag b removed",
        "note removed",
    ]


def test_tags_and_a_forward_are_set_by_one_command(edit: Run, home: Layout) -> None:
    port = str(registered(home).ports[0])

    assert edit("set", "office", "--tag", "a", "--forward", port, "--deadline", "9")[0] == 0

    assert registered(home).tags == ("a",)
    assert registered(home).forwards[0].deadline_s == 9


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("office", "--tag", "Site A"), "'Site A' cannot be a tag"),
        (("office", "--note", "a\nb"), "cannot be a note"),
        (("office", "--tag", "a", "--untag", "a"), "tag a is in --tag and in --untag"),
        (("--tag", "a"), "nothing is named; give NODE, or --filter TEXT"),
        (("office", "--filter", "x", "--tag", "a"), "give NODE, or --filter, not both"),
        (("office", "office", "--deadline", "9"), "for a forward, name one NODE"),
        (("--filter", "x", "--deadline", "9"), "for a forward, name one NODE"),
        (("office", "--probe-beating-every", "4"), "write 5 to 3600 seconds, or default"),
        (("office", "n9", "--tag", "a"), "there is no node 'n9'"),
        (("office",), "or --tag, --untag, --note or --probe-beating-every"),
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(
    edit: Run, home: Layout, words: tuple[str, ...], says: str
) -> None:
    before = registered(home)

    code, out, err = edit("set", *words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(ERROR)
    assert says in err
    assert registered(home) == before


def test_a_node_cannot_get_a_seventeenth_tag(edit: Run) -> None:
    tags = [word for number in range(17) for word in ("--tag", f"t{number}")]

    assert "a node can have 16 tags, not 17; leave some out" in edit("set", "office", *tags)[2]


def test_several_nodes_are_tagged_and_a_summary_says_how_many(edit: Run, fleet: Layout) -> None:
    code, out, err = edit("set", "n1", "--tag", "site-a", "n2", "n4", "n2")

    assert (code, err) == (ExitCode.OK, "2 nodes changed; nothing to change at 1 node\n")
    assert out == "n2: tag site-a added\nn4: tag site-a added\n"
    assert registered(fleet, "n4").tags == ("site-a",)


def test_a_filter_chooses_the_nodes(edit: Run, fleet: Layout) -> None:
    dry = edit("set", "--filter", "node:n", "--tag", "x", "--dry-run")
    assert dry[0] == ExitCode.OK
    assert dry[1].splitlines()[0] == "would change n1: tag x added"
    assert len(dry[1].splitlines()) == 7

    refused = edit("set", "--filter", "node:n", "--tag", "x")
    assert refused[0] == ExitCode.USAGE
    assert "the filter matches 7 nodes, and there is no terminal" in refused[2]
    assert registered(fleet, "n1").tags == ("site-a",)

    done = edit("set", "--filter", "node:n", "--tag", "x", "--yes")
    assert (done[0], done[2]) == (ExitCode.OK, "7 nodes changed\n")
    assert registered(fleet, "n7").tags == ("site-a", "x")
    assert registered(fleet).tags == ()


def test_nothing_that_matches_is_said_and_ends_with_one(edit: Run, fleet: Layout) -> None:
    assert edit("disable", "--filter", "node:barn") == (
        ExitCode.NOT_UP,
        "",
        f"{ERROR}nothing matches the filter 'node:barn'\n",
    )


def test_nodes_chosen_by_a_filter_are_disabled_enabled_and_expire(edit: Run, fleet: Layout) -> None:
    code, out, _ = edit("disable", "--filter", "node:n", "--yes")
    assert (code, out.splitlines()[0]) == (ExitCode.OK, "n1: disabled")
    assert not registered(fleet, "n7").enabled
    assert len(key_lines(fleet)) == 1

    assert edit("enable", "n1", "n2")[1] == "n1: enabled\nn2: enabled\n"
    assert registered(fleet, "n1").key_since > 0
    assert len(key_lines(fleet)) == 3

    code, out, _ = edit("expire", "n1", "--yes", "n2", "2031-12-31")
    assert (code, out.splitlines()[1]) == (ExitCode.OK, "n2: its key expires on 2031-12-31")
    assert edit("expire", "--filter", "node:n1", "never")[1] == "n1: its key never expires\n"
    assert registered(fleet, "n2").expires == "2031-12-31"
    assert edit("expire", "n1")[2].endswith("not a day; write YYYY-MM-DD, from the year 2000 on\n")
    assert edit("expire")[2] == f"{ERROR}the day is missing; write YYYY-MM-DD, or never\n"


def test_a_node_that_cannot_be_changed_stops_no_other(edit: Run, fleet: Layout) -> None:
    node_path(fleet, node("n2").name).write_text("nonsense")

    code, out, err = edit("set", "n1", "n2", "n3", "--tag", "x")

    lines = out.splitlines()
    assert code == ExitCode.NOT_UP
    assert lines[0].startswith("n2: not changed: ")
    assert lines[1:] == ["n1: tag x added", "n3: tag x added"]
    assert err.endswith("1 node not changed; 2 nodes changed\n")


def test_a_node_whose_file_cannot_be_written_keeps_its_rights(
    fleet: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[Note] = []
    plan = planned_for_all(
        read_registry(fleet.nodes),
        [node(name).name for name in ("n1", "n2")],
        lambda one: replace(one, enabled=False),
    )
    blocked = node_path(fleet, node("n2").name)
    waiting = blocked.with_suffix(".next")
    waiting.mkdir()  # what waits for the device cannot be written, nor removed

    made, failures = carry_out_all(fleet, plan.changes, notes.append)

    waiting.rmdir()
    assert [one.before.name for one in made] == ["n1"]
    assert [one.name for one in failures] == ["n2"]


def test_a_node_that_was_changed_meanwhile_is_left_alone(fleet: Layout) -> None:
    names = [node(name).name for name in ("n1", "n2")]
    plan = planned_for_all(
        read_registry(fleet.nodes), names, lambda one: replace(one, enabled=False)
    )
    with locked(fleet):
        change(fleet, names[1], replace(registered(fleet, "n2"), note="new"), COMMAND)

    made, failures = carry_out_all(fleet, plan.changes, list[Note]().append)

    assert [one.before.name for one in made] == ["n1"]
    assert "somebody else changed node n2 meanwhile" in failures[0].why
    assert registered(fleet, "n2").enabled


def test_events_of_many_changes_fit_into_messages_of_the_daemon() -> None:
    clauses: list[NamedClause] = [(OFFICE, None, "\U0001f511" * 200)] * 100

    parts = list(parts_of(clauses))

    assert [one for part in parts for one in part] == clauses
    for part in parts:
        rows = [event_row(event) for event in events_of(part, "x" * 32)]
        assert len(json.dumps({"schema": 1, "verb": "reload", "events": rows})) < MAX_MESSAGE
    assert list(parts_of([])) == []


def test_the_list_has_columns_for_tags_and_notes_if_any_node_has_one(
    edit: Run, home: Layout
) -> None:
    assert edit("list")[1].splitlines()[0].split() == ["NODE", "PORT", "TARGET", "EXPECT", "KEY"]

    edit("set", "office", "--tag", "b", "--tag", "a")

    head, *rows = edit("list")[1].splitlines()
    assert head.split()[-1] == "TAGS"
    assert rows[0].endswith("valid  a, b")

    edit("set", "office", "--untag", "a", "--untag", "b", "--note", "attic, key at the bakery")

    head, *rows = edit("list")[1].splitlines()
    assert head.split()[-2:] == ["KEY", "NOTE"]
    assert rows[0].endswith("valid  attic, key at the bakery")


def test_the_list_and_status_show_what_matches(checker: Run, fleet: Layout) -> None:
    assert [
        one["name"]
        for one in json.loads(checker("node", "list", "--filter", "node:n2", "--json")[1])["nodes"]
    ] == ["n2"]
    code, out, err = checker("status", "--filter", "node:n7")
    assert (code, len(out.splitlines())) == (ExitCode.NOT_UP, 2)
    assert "n7" in out
    code, out, err = checker("status", "--filter", "node:barn")
    assert (code, len(out.splitlines())) == (ExitCode.OK, 1)
    assert err.endswith("nothing matches the filter 'node:barn'\n")
    assert checker("status", "n1", "--filter", "x")[0] == ExitCode.USAGE


def test_several_nodes_are_probed_less_often_while_they_beat(edit: Run, fleet: Layout) -> None:
    code, out, _ = edit("set", "n1", "n2", "--probe-beating-every", "300")

    assert code == ExitCode.OK
    assert "n1: while it beats, probed every default -> 300 s\n" in out
    found = registered(fleet, "n1"), registered(fleet, "n2"), registered(fleet, "n3")
    assert [one.probe_beating_every_s for one in found] == [300.0, 300.0, None]
