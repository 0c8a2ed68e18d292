"""Pulses as they travel, and values that a stolen member could send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.fleet.pulses import parse_pulse, pulse_body
from checker.model import InvalidValue, Status
from checker.model.pulse import HeardPulse, Pulse

PULSE = Pulse(
    epoch="0123456789abcdef",
    beat=7,
    number=3,
    at=1_800_000_000.5,
    version="0.2.0",
    state="draining",
    revision=12,
    swept_at=1_799_999_999.0,
    every_s=20.0,
    last_event=5,
    load=0.5,
    free_mb=2048,
    counts={"up": 3, "down": 1},
)
SECONDS = st.floats(min_value=0, max_value=2**33)
WHOLE = st.integers(min_value=0, max_value=2**63 - 1)


@given(
    st.builds(
        Pulse,
        epoch=st.text("0123456789abcdef", min_size=1, max_size=64),
        beat=WHOLE,
        number=WHOLE,
        at=SECONDS,
        version=st.just("0.2.0"),
        state=st.sampled_from(["active", "draining"]),
        revision=WHOLE,
        swept_at=st.none() | SECONDS,
        every_s=SECONDS,
        last_event=WHOLE,
        load=SECONDS,
        free_mb=WHOLE,
        counts=st.dictionaries(st.sampled_from([one.value for one in Status]), WHOLE),
    )
)
def test_a_pulse_reads_as_it_was_sent(pulse: Pulse) -> None:
    assert parse_pulse(pulse_body(pulse)) == pulse


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epoch", 5),
        ("epoch", "x" * 65),
        ("beat", -1),
        ("beat", True),
        ("beat", 2**63),
        ("number", "1"),
        ("at", float("inf")),
        ("at", 1e300),
        ("at", None),
        ("version", "\x1b[2J"),
        ("version", "\u202e0.2"),
        ("swept_at", -1.0),
        ("load", float("nan")),
        ("counts", []),
        ("counts", {"up": -1}),
    ],
)
def test_a_value_that_nobody_writes_is_refused(key: str, value: Any) -> None:
    table = json.loads(pulse_body(PULSE))
    table[key] = value

    with pytest.raises(InvalidValue):
        parse_pulse(json.dumps(table).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000], ids=repr)
def test_what_is_not_a_table_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidValue):
        parse_pulse(body)


def test_what_a_later_version_adds_does_not_matter() -> None:
    table = json.loads(pulse_body(PULSE))
    table |= {"later": 1, "state": "asleep", "counts": {"up": 3, "later": 9}}

    found = parse_pulse(json.dumps(table).encode())

    assert (found.state, found.counts) == ("active", {"up": 3})


def test_the_age_of_a_pulse_is_by_our_clock_and_never_negative() -> None:
    heard = HeardPulse(pulse=PULSE, heard_at=1_700_000_000.0)

    assert heard.age_s(1_700_000_031.0) == 31.0
    assert heard.age_s(1_600_000_000.0) == 0.0
    assert heard.ahead_s == 100_000_000.5
