"""The verbs `drain` and `undrain`, and what `status` says meanwhile.

Real drains are in tests/system/test_drain.py.
"""

from __future__ import annotations

import json

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model.drain import Drain
from checker.state.drain_file import write_drain
from tests.checker.cli.homes import Run

DRAIN = Drain(at=5e8, by="anna", boot="", uptime_s=1.0)


@pytest.mark.parametrize("words", [("drain", "--dry-run"), ("drain", "--yes"), ("undrain",)])
def test_without_a_daemon_nothing_drains(
    checker: Run, office: Layout, words: tuple[str, ...]
) -> None:
    code, _, err = checker(*words)

    assert code == ExitCode.UNREACHABLE
    assert "no daemon answers" in err
    assert not office.drain.exists()


def test_status_says_that_the_gateway_drains_and_how_to_end_it(
    checker: Run, office: Layout
) -> None:
    write_drain(office.drain, DRAIN)

    document = json.loads(checker("status", "--json")[1])
    err = checker("status")[2]

    assert document["draining"] == {"at": DRAIN.at, "by": "anna"}
    assert "this gateway drains since " in err
    assert "sudo reversi-checker undrain" in err
