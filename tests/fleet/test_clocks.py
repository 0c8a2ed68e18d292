"""Clocks of gateways that differ by more than a minute: acts are refused, and doctor says so."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.signatures import KEY_FILE
from checker.state.drain_file import read_drain
from tests.fleet.buses import Station, program, stations, until_connected
from tests.fleet.test_draining import answers
from tests.programs import require
from tests.system.waiting import until

AHEAD = """
import time
real = time.time
time.time = lambda: real() + 90
from checker.cli.main import main
main()
"""


def start_ahead(station: Station, stack: ExitStack, *words: str) -> None:
    """Run a command whose clock is 90 s ahead, until the end of the stack."""
    argv = [sys.executable, "-c", AHEAD, "--home", str(station.home), *words]
    stack.enter_context(program(argv, station.home, station.home / f"{words[-1]}.log"))


@pytest.mark.usefixtures("sbin")
def test_a_gateway_whose_clock_is_ahead_is_named_and_does_nothing_that_others_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("nats-server")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "people" / "anna"))

    def said(station: Station, *words: str) -> str:
        capsys.readouterr()
        run(["--home", str(station.home), *words])
        return "".join(capsys.readouterr())

    with stations(tmp_path, ("gw1", "gw2"), are_started=False) as both, ExitStack() as stack:
        gw1, gw2 = both
        for one in both:
            one.start_bus()
        gw1.start_agent()
        for words in (("fleet", "serve"), ("serve",)):
            start_ahead(gw2, stack, *words)
        until_connected(both)
        until(lambda: answers(gw2.layout), "the daemon of gw2")

        asked = said(gw1, "fleet", "drain", "gw2", "--yes")

        assert re.search("gateway gw2 refused it: .* written [0-9]+ s ago", asked), asked
        assert "only 60 s are allowed; compare the clocks" in asked
        assert read_drain(gw2.layout.drain).drain is None
        told = said(gw1, "doctor")
        assert re.search("clocks of gateways differ: that of gw2 is [0-9]+ s ahead", told), told
