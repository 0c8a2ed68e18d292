"""The rows of devices that wait, as the reader finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.registry.enrolments import remove_enrolment, write_enrolment
from checker.registry.lock import locked
from checker.rows.row import NO_PORT, Key
from checker.state.rows import Batch
from checker.state.store import open_reader
from reversi_tui.reader.applicants import ApplicantReader
from tests.enrolled import applicant, enrolment
from tests.reversi_tui.console.states import write
from tests.strategies import public_key

ONE, TWO = applicant(1), applicant(2)


def key(number: int) -> Key:
    return (applicant(number).name, NO_PORT)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home where one device waits and another was rejected."""
    layout = home_layout(tmp_path)
    with locked(layout):
        write_enrolment(layout, enrolment())
    write(layout, Batch(applicants=(ONE, replace(TWO, is_rejected=True))))
    return layout


@contextmanager
def looking(layout: Layout) -> Iterator[tuple[ApplicantReader, Callable[..., set[Key]]]]:
    """A reader, and what polls it, however short ago it did."""
    reader, state = ApplicantReader(layout), open_reader(layout.state)

    def poll(*registered: str) -> set[Key]:
        reader.next_poll = 0.0
        return reader.poll(state, registered)

    try:
        yield reader, poll
    finally:
        state.close()


def test_who_waits_has_a_row_with_the_tags_of_its_enrolment(layout: Layout) -> None:
    with looking(layout) as (reader, poll):
        assert poll() == {key(1)}
        assert reader.rows[key(1)].tags == ("field",)
        assert poll() == set()


def test_only_what_changed_is_reported(layout: Layout) -> None:
    with looking(layout) as (reader, poll):
        poll()
        write(layout, Batch(applicants=(TWO,)))
        assert poll() == {key(2)}
        write(layout, Batch(dropped=(ONE.fingerprint,)))
        assert poll() == {key(1)}
        assert reader.rows.keys() == {key(2)}


def test_who_was_accepted_has_no_row_though_the_state_file_still_has_it(layout: Layout) -> None:
    with looking(layout) as (reader, poll):
        poll()

        assert poll(ONE.public_key) == {key(1)}
        assert reader.rows == {}


def test_another_note_of_the_enrolment_reaches_the_rows(layout: Layout) -> None:
    with looking(layout) as (reader, poll):
        poll()
        with locked(layout):
            write_enrolment(layout, enrolment(note="on the roof"))

        assert poll() == {key(1)}
        assert reader.rows[key(1)].note == "on the roof"


def test_enrolments_that_cannot_be_read_hide_no_row(layout: Layout) -> None:
    for path in layout.enrolments.iterdir():
        path.unlink()
    layout.enrolments.rmdir()
    layout.enrolments.write_text("no directory")

    with looking(layout) as (reader, poll):
        assert poll() == {key(1)}
        assert reader.rows[key(1)].tags == ()
        assert "cannot be listed" in reader.trouble


def test_who_asked_by_an_enrolment_that_was_ended_has_no_row(layout: Layout) -> None:
    with looking(layout) as (reader, poll):
        poll()
        remove_enrolment(layout, "field")

        assert poll() == {key(1)}
        assert reader.rows == {}


def test_a_fingerprint_that_is_not_the_keys_is_not_shown(layout: Layout) -> None:
    write(layout, Batch(applicants=(replace(applicant(4), public_key=public_key(5)),)))

    with looking(layout) as (_, poll):
        assert poll() == {key(1)}
