"""Text for people: columns in line, and ages in one unit."""

from __future__ import annotations

import re

import pytest

from checker.output import age, aligned, clock
from tests.strategies import NOW


def test_columns_are_aligned_and_no_line_ends_with_blanks() -> None:
    assert (
        aligned([("NODE", "PORT"), ("a", "20010"), ("office", "")])
        == "NODE    PORT\na       20010\noffice"
    )


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (0.0, "0s"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60.0, "1m"),
        (3599.0, "59m"),
        (3600.0, "1h"),
        (86399.0, "23h"),
        (86400.0, "1d"),
        (-5.0, "0s"),
    ],
)
def test_an_age_is_one_number_and_its_unit(passed: float, shown: str) -> None:
    assert age(NOW - passed, NOW) == shown


def test_an_unknown_age_is_a_dash() -> None:
    assert age(None, NOW) == "-"


def test_a_time_is_shown_to_the_second() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", clock(NOW))
