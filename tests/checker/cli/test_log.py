"""The verb `log`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.log import followed
from checker.config.layout import Layout
from checker.model import Event, EventKind, NodeName, Port
from checker.output import clock
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.state.event_query import Wanted
from checker.state.store import open_reader, open_store
from tests.checker.cli.homes import COMMAND, ERROR, Run, write_state
from tests.strategies import NOW, OFFICE, PORT, node


def test_the_log_is_one_document_or_one_line_per_event(checker: Run, office: Layout) -> None:
    assert json.loads(checker("log", "--json")[1]) == {"schema": 1, "events": []}
    assert checker("log") == (ExitCode.OK, "", "")
    events = [
        Event(
            at=NOW + n, kind=EventKind.KILL, text=f"text {n}", node=OFFICE, port=PORT, actor="root"
        )
        for n in range(3)
    ]
    write_state(office, events=[*events, Event(at=NOW, kind=EventKind.GATEWAY, text="no node")])

    code, out, _ = checker("log", "--json", "--limit", "2", "--node", "office")

    assert code == ExitCode.OK
    assert json.loads(out)["events"] == [
        {
            "id": n + 1,
            "at": NOW + n,
            "kind": "kill",
            "node": "office",
            "port": 20010,
            "actor": "root",
            "text": f"text {n}",
        }
        for n in (1, 2)
    ]
    lines = checker("log")[1].splitlines()
    assert len(lines) == 4
    assert lines[0].split()[2:] == ["kill", "office:20010", "root:", "text", "0"]
    assert lines[3].split()[2:4] == ["gateway", "-"]


def test_an_operators_act_is_an_event_of_its_own_kind(checker: Run, office: Layout) -> None:
    write_state(office, events=[Event(at=NOW, kind=EventKind.SHELL, text="ssh", actor="ann")])

    (event,) = json.loads(checker("log", "--json")[1])["events"]

    assert (event["kind"], "act" in event) == ("shell", False)


def test_following_the_log_shows_new_events(office: Layout) -> None:
    first = Event(at=NOW, kind=EventKind.HOLD, text="first", node=OFFICE)
    second = Event(at=NOW, kind=EventKind.KILL, text="second", node=OFFICE)
    write_state(office, events=[first])
    with closing(open_store(office.state)) as reader:
        following = followed(reader, reader.events(), Wanted())
        assert next(following).text == "first"

        program = (
            "import sys; from pathlib import Path; from checker.state.store import *;"
            " from checker.state.rows import *; from checker.model import *;"
            " store = open_store(Path(sys.argv[1]));import time; time.sleep(0.3);"
            f" store.write(Batch(events=[Event(at={NOW}, kind=EventKind.KILL, text='second',"
            " node='office')]))"
        )
        with subprocess.Popen([sys.executable, "-c", program, str(office.state)]) as writer:
            found = next(following)
            writer.wait(150)

    assert (found.text, found.kind) == (second.text, second.kind)


def test_following_the_log_continues_in_a_new_state_file(
    office: Layout,
) -> None:
    write_state(office, events=[Event(at=NOW, kind=EventKind.HOLD, text="first")] * 3)
    reader = open_reader(office.state)
    following = followed(reader, reader.events(), Wanted())
    assert [next(following).text for _ in range(3)] == ["first"] * 3

    for path in office.state.parent.glob("state.db*"):
        path.unlink()
    write_state(office, events=[Event(at=NOW, kind=EventKind.GATEWAY, text="anew")])

    assert next(following).text == "anew"


EVENTS = [
    Event(at=NOW, kind=EventKind.KILL, text="hung (twice)", node=OFFICE, port=PORT, actor="ada"),
    Event(at=NOW + 60, kind=EventKind.STATUS, text="up", node=OFFICE, port=PORT),
    Event(at=NOW + 120, kind=EventKind.SHELL, text="ssh", node=OFFICE, actor="bob"),
]


def texts(checker: Run, *words: str) -> list[str]:
    code, out, err = checker("log", "--json", *words)
    assert (code, err) == (ExitCode.OK, "")
    return [event["text"] for event in json.loads(out)["events"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--kind", "kill,shell"], ["hung (twice)", "ssh"]),
        (["--kind", "kill", "--kind", "status"], ["hung (twice)", "up"]),
        (["--actor", "bob"], ["ssh"]),
        (["--actor", "daemon", "--actor", "ada"], ["hung (twice)", "up"]),
        (["--grep", "^u|twice"], ["hung (twice)", "up"]),
        (["--since", "DATE"], ["hung (twice)", "up", "ssh"]),
        (["--until", "DATE"], []),
        (["--since", "NOW+60"], ["up", "ssh"]),
        (["--since", "NOW", "--until", "NOW+120", "--limit", "1"], ["up"]),
        (["--node", "office", "--kind", "shell", "--grep", "s{2}"], ["ssh"]),
    ],
    ids=" ".join,
)
def test_the_log_can_be_asked_for_some_of_its_events(
    checker: Run, office: Layout, words: list[str], found: list[str]
) -> None:
    write_state(office, events=EVENTS)
    times = {
        "DATE": time.strftime("%Y-%m-%d", time.localtime(NOW)),
        **{
            f"NOW{f'+{later}' if later else ''}": clock(NOW + later).replace(" ", "T")
            for later in (0, 60, 120)
        },
    }

    assert texts(checker, *(times.get(word, word) for word in words)) == found


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--kind", "kil"], "there is no kind of event 'kil'; did you mean 'kill'?"),
        (["--kind", "zzz"], "there is no kind of event 'zzz'; kinds are: status, kill"),
        (["--grep", "("], "--grep '(' is not a regular expression: missing ), unterminated"),
        (["--since", "noon"], "--since 'noon' is not a time; write 2h (ago"),
        (["--since", "1h", "--until", "2h"], "--since 1h is not before --until 2h"),
        (["--until", "1h", "--follow"], "--follow shows new events, and --until leaves them out"),
        (["--limit", "0"], "--limit 0 is not a count; write a number from 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_asked_for_is_one_sentence(
    checker: Run, office: Layout, words: list[str], sentence: str
) -> None:
    code, out, err = checker("log", *words)

    assert (code, out, err.count("\n")) == (ExitCode.USAGE, "", 1)
    assert err.startswith(f"{ERROR}{sentence}")


def test_a_time_asks_for_all_of_its_events_unless_a_limit_is_given(
    checker: Run, office: Layout
) -> None:
    write_state(office, events=[EVENTS[1]] * 150)

    assert len(texts(checker)) == 100
    assert len(texts(checker, "--since", "2020-01-01")) == 150
    assert len(texts(checker, "--since", "2020-01-01", "--limit", "7")) == 7


def test_following_shows_only_what_was_asked_for(office: Layout) -> None:
    write_state(office, events=EVENTS[:2])
    wanted = Wanted(kinds=frozenset({EventKind.SHELL}), limit=100)
    with closing(open_store(office.state)) as reader:
        following = followed(reader, reader.wanted_events(wanted), wanted)
        write_state(office, events=EVENTS)

        assert next(following).text == "ssh"


def test_a_filter_takes_the_events_of_the_rows_that_it_shows(checker: Run, layout: Layout) -> None:
    with locked(layout):
        add(layout, node(ports=(PORT, 20011)), COMMAND)
        add(layout, node("attic", 2, (20020,)), COMMAND)
    write_state(
        layout,
        events=[
            replace(EVENTS[1], port=PORT, text="first port"),
            replace(EVENTS[1], port=Port(20011), text="second port"),
            replace(EVENTS[1], port=None, text="whole node"),
            replace(EVENTS[1], port=Port(29999), text="a port of the past"),
            replace(EVENTS[1], node=NodeName("attic"), port=Port(20020), text="another"),
            replace(EVENTS[1], node=None, port=None, text="the gateway"),
        ],
    )

    assert texts(checker, "--filter", "node:office") == [
        "first port",
        "second port",
        "whole node",
        "a port of the past",
    ]
    assert texts(checker, "--filter", "node:office port:20011") == ["second port"]
    assert texts(checker, "--filter", "target:127 !node:office") == ["another"]
    assert texts(checker, "--filter", "kind:status gateway|past at:<9999d") == [
        "a port of the past",
        "the gateway",
    ]
    assert texts(checker, "--filter", "node:office", "--grep", "no such text") == []
    assert "nothing matches the filter 'node:zzz'" in checker("log", "--filter", "node:zzz")[2]
