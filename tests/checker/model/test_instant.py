"""Times and durations as operators type them."""

from __future__ import annotations

import time

import pytest

from checker.model.instant import NoTime, parse_past, parse_until

NOW = time.mktime((2026, 11, 26, 18, 0, 0, 0, 0, -1))


def local(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOW - 1800),
        ("2h", NOW - 7200),
        ("1w", NOW - 7 * 86400),
        ("2026-11-20", local("2026-11-20 00:00:00")),
        ("2026-11-20T08:00", local("2026-11-20 08:00:00")),
        ("2026-11-20 08:00:07", local("2026-11-20 08:00:07")),
    ],
)
def test_a_time_in_the_past_is_local_or_so_long_ago(text: str, at: float) -> None:
    assert parse_past(text, NOW, "--since") == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90s", NOW + 90),
        ("3d", NOW + 3 * 86400),
        ("2026-11-27T08:00", local("2026-11-27 08:00:00")),
        ("19:30", local("2026-11-26 19:30:00")),
        ("08:00", local("2026-11-27 08:00:00")),
        ("18:00", local("2026-11-27 18:00:00")),
    ],
)
def test_an_end_is_in_so_long_or_at_the_next_such_time(text: str, at: float) -> None:
    assert parse_until(text, NOW, "the end") == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "h",
        "-2h",
        "2 h",
        "1.5h",
        "2026-02-30",
        "2026-11-26T25:00",
        "0000-00-00",
        "yesterday",
        "9999999d",
        "\N{ARABIC-INDIC DIGIT TWO}h",
        "25:00",
    ],
)
def test_a_word_that_is_not_a_time_is_refused_in_one_sentence(text: str) -> None:
    for parse in (parse_past, parse_until):
        with pytest.raises(NoTime, match=r"^--since '.*' is not a time; write \S"):
            parse(text, NOW, "--since")
