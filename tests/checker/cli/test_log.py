"""The verb `log`."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing

from checker.cli.exit_codes import ExitCode
from checker.cli.log import followed
from checker.config.layout import Layout
from checker.model import Event, EventKind
from checker.state.store import open_reader, open_store
from tests.checker.cli.homes import Run, write_state
from tests.strategies import NOW, OFFICE, PORT


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
        following = followed(reader, reader.events(), None)
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
            writer.wait(20)

    assert (found.text, found.kind) == (second.text, second.kind)


def test_following_the_log_continues_in_a_new_state_file(
    office: Layout,
) -> None:
    write_state(office, events=[Event(at=NOW, kind=EventKind.HOLD, text="first")] * 3)
    reader = open_reader(office.state)
    following = followed(reader, reader.events(), None)
    assert [next(following).text for _ in range(3)] == ["first"] * 3

    for path in office.state.parent.glob("state.db*"):
        path.unlink()
    write_state(office, events=[Event(at=NOW, kind=EventKind.GATEWAY, text="anew")])

    assert next(following).text == "anew"
