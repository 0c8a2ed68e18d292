"""The spool: what sessions of the tunnel user leave arrives, and nothing in it harms the daemon."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.model import Event, EventKind
from checker.state.rows import Batch, event_row
from checker.state.spool import FILE, MAX_BYTES, collect, event_in, leave, registration_in
from checker.state.store import open_store
from tests.strategies import NOW, OFFICE, PORT, SESSION, events, registrations

EVENT = Event(
    at=NOW, kind=EventKind.HOLD, text="hello", node=OFFICE, port=PORT, actor="node office"
)
ROW = {"at": NOW, "kind": "hold", "text": "x", "node": "office", "port": 20010, "actor": "a"}
REGISTRATION = {
    "node": "office",
    "instance": "i",
    "pid": 4,
    "start_ticks": 5,
    "peer": "p",
    "registered_at": NOW,
    "inodes": "1 2",
}
FRESH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


@given(st.lists(events, max_size=3), st.lists(registrations, max_size=3))
@FRESH
def test_what_was_left_arrives_printable(
    tmp_path: Path, told: list[Event], made: list[object]
) -> None:
    batch = Batch(events=told, registrations=made)  # type: ignore[arg-type]

    leave(tmp_path, batch)
    found = collect(tmp_path, os.geteuid())

    assert [(event.at, event.kind, event.port) for event in found.events] == [
        (event.at, event.kind, event.port) for event in told
    ]
    assert [one.session for one in found.registrations] == [
        one.session for one in batch.registrations
    ]
    assert [one.inodes for one in found.registrations] == [
        one.inodes for one in batch.registrations
    ]


def test_what_was_taken_is_not_taken_again(tmp_path: Path) -> None:
    leave(tmp_path, Batch(events=[EVENT]))
    leave(tmp_path, Batch(events=[EVENT]))

    assert len(collect(tmp_path, os.geteuid()).events) == 2
    assert not collect(tmp_path, os.geteuid())


def test_an_empty_batch_leaves_no_file(tmp_path: Path) -> None:
    leave(tmp_path, Batch())

    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_spool_that_nobody_reads_stops_growing(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"\n" * MAX_BYTES)

    leave(tmp_path, Batch(events=[EVENT]))

    assert path.stat().st_size == MAX_BYTES


def test_a_missing_spool_is_not_an_error(tmp_path: Path) -> None:
    leave(tmp_path / "missing", Batch(events=[EVENT]))

    assert not collect(tmp_path / "missing", os.geteuid())


def test_a_link_is_neither_written_nor_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"event": ROW}) + "\n")
    (tmp_path / FILE).symlink_to(secret)

    leave(tmp_path, Batch(events=[EVENT]))

    assert not collect(tmp_path, os.geteuid())
    assert secret.read_text() == json.dumps({"event": ROW}) + "\n"


@pytest.mark.parametrize("kind", ["fifo", "directory"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / FILE) if kind == "fifo" else (tmp_path / FILE).mkdir()

    assert not collect(tmp_path, os.geteuid())


def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    leave(tmp_path, Batch(events=[EVENT]))
    if os.geteuid() != 0:
        pytest.skip("missing: root, to give a file to another user")
    os.chown(tmp_path / FILE, 54321, -1)

    assert not collect(tmp_path, 0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="blank"),
        pytest.param("{", id="broken"),
        pytest.param("5", id="a number"),
        pytest.param('"event"', id="a text"),
        pytest.param("[" * 50_000, id="nested without end"),
        pytest.param('{"event": 5}', id="event of a number"),
        pytest.param('{"neither": {}}', id="neither"),
        pytest.param(json.dumps({"event": {**ROW, "kind": "other"}}), id="kind"),
        pytest.param(json.dumps({"event": {**ROW, "at": float("nan")}}), id="NaN"),
        pytest.param(json.dumps({"event": {**ROW, "at": float("inf")}}), id="infinite"),
        pytest.param(
            json.dumps({"event": {**ROW, "port": 2**70}}), id="port too big for the state file"
        ),
        pytest.param(
            json.dumps({"registration": {**REGISTRATION, "pid": 2**70}}),
            id="pid too big for the state file",
        ),
        pytest.param(
            json.dumps({"registration": {**REGISTRATION, "start_ticks": -1}}), id="negative ticks"
        ),
        pytest.param(
            json.dumps({"registration": {**REGISTRATION, "pid": float("inf")}}), id="infinite pid"
        ),
        pytest.param(
            json.dumps({"registration": {**REGISTRATION, "registered_at": float("nan")}}),
            id="NaN time",
        ),
        pytest.param(json.dumps({"registration": {**REGISTRATION, "inodes": "a b"}}), id="inodes"),
        pytest.param('{"event": {"at": ' + "9" * 5000 + "}}", id="a number without end"),
    ],
)
def test_a_malformed_line_is_dropped_and_the_others_are_kept(tmp_path: Path, line: str) -> None:
    good = json.dumps({"event": ROW})
    (tmp_path / FILE).write_text(f"{good}\n{line}\n{good}\n")

    found = collect(tmp_path, os.geteuid())

    assert len(found.events) == 2
    assert list(found.registrations) == []


def test_the_name_of_the_client_is_optional(tmp_path: Path) -> None:
    lines = [
        json.dumps({"registration": row})
        for row in (REGISTRATION, {**REGISTRATION, "client": "bundle-1/dropbear-2\x1b"})
    ]
    (tmp_path / FILE).write_text("\n".join(lines) + "\n")

    assert [one.client for one in collect(tmp_path, os.geteuid()).registrations] == [
        "",
        "bundle-1/dropbear-2\\x1b",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(
    st.one_of(
        st.fixed_dictionaries({"event": st.fixed_dictionaries(dict.fromkeys(ROW, json_values))}),
        st.fixed_dictionaries(
            {"registration": st.fixed_dictionaries(dict.fromkeys(REGISTRATION, json_values))}
        ),
        st.tuples(st.sampled_from(sorted(ROW)), json_values).map(
            lambda pair: {"event": {**ROW, pair[0]: pair[1]}}
        ),
        st.tuples(st.sampled_from(sorted(REGISTRATION)), json_values).map(
            lambda pair: {"registration": {**REGISTRATION, pair[0]: pair[1]}}
        ),
    )
)
@FRESH
def test_whatever_is_collected_fits_into_the_state_file(tmp_path: Path, entry: object) -> None:
    (tmp_path / FILE).write_text(json.dumps(entry) + "\n")

    found = collect(tmp_path, os.geteuid())

    with closing(open_store(tmp_path / "state.db")) as store:
        store.write(found)


def test_an_event_of_a_new_kind_comes_back() -> None:
    event = Event(at=1.0, kind=EventKind.SHELL, text="ssh office")

    assert event_in(event_row(event)) == event


def test_a_malformed_entry_raises() -> None:
    with pytest.raises(ValueError, match="other"):
        event_in({**ROW, "kind": "other"})
    with pytest.raises(KeyError):
        event_in({})
    with pytest.raises(TypeError):
        event_in(5)
    with pytest.raises(OverflowError):
        event_in({**ROW, "port": float("inf")})
    with pytest.raises(ValueError, match="-1"):
        registration_in({**REGISTRATION, "pid": -1})
    with pytest.raises(KeyError):
        registration_in({})
    with pytest.raises(TypeError):
        registration_in(5)
    with pytest.raises(OverflowError):
        registration_in({**REGISTRATION, "pid": float("inf")})
    assert registration_in(REGISTRATION).session.pid != SESSION.pid
