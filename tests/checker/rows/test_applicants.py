"""The row of a device that waits to be accepted."""

from __future__ import annotations

import pytest

from checker.model import NodeName
from checker.rows.applicants import pending_row
from checker.rows.filter import parse_filter
from checker.rows.row import Moment, Row
from tests.enrolled import applicant, enrolment
from tests.strategies import NOW

MOMENT = Moment(now=NOW, every_s=20.0)


def row() -> Row:
    one = applicant(1, name=NodeName("cam-2"), said="Cam", peer="203.0.113.7")
    return pending_row(one, enrolment(tags=("site-a",), note="on the mast"))


def test_a_waiting_device_does_not_count_as_a_fault() -> None:
    assert row().word == "pending"
    assert not MOMENT.is_fault(row())


@pytest.mark.parametrize(
    "text",
    [
        "is:pending",
        "cam-2",
        "node:cam",
        "peer:203.0.113.7",
        "tag:site-a",
        "note:mast",
        "field",
        applicant(1).fingerprint,
        '"calls itself Cam"',
    ],
)
def test_a_filter_finds_it_by_what_is_known(text: str) -> None:
    assert parse_filter(text).shows(row(), MOMENT)


@pytest.mark.parametrize("text", ["is:fault", "tag:site-b", "!cam", "is:unregistered"])
def test_other_filters_do_not_show_it(text: str) -> None:
    assert not parse_filter(text).shows(row(), MOMENT)


def test_without_its_enrolment_it_has_no_tags() -> None:
    found = pending_row(applicant(1), None)

    assert (found.tags, found.note, found.calls_itself) == ((), "", "")
