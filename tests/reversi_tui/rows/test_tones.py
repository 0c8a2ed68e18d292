"""Which rows are quiet, and which are faults, or stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Status
from checker.rows.row import Moment, Row
from reversi_tui.rows.tones import Tone, tone_of
from tests.reversi_tui.console.states import EVERY_S, NOW, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)


@pytest.mark.parametrize("status", Status)
def test_only_what_is_up_is_quiet(status: Status) -> None:
    row = Row(forward=None, seen=tunnel("barn", 20011, status))

    assert tone_of(row, MOMENT) is (Tone.QUIET if status is Status.UP else Tone.FAULT)


def test_a_stale_row_is_not_quiet_whatever_its_status_says() -> None:
    seen = replace(tunnel("barn", 20011), probed_at=NOW - 1000)

    assert tone_of(Row(forward=None, seen=seen), MOMENT) is Tone.STALE


def test_a_node_that_is_out_on_purpose_is_quiet() -> None:
    seen = replace(tunnel("barn", 20011, Status.DOWN), probed_at=NOW - 1000)

    assert tone_of(Row(forward=None, seen=seen, barred="disabled"), MOMENT) is Tone.QUIET
