"""docs/watching.md: each of its commands is typed, in order, on a home with an office."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import Event, EventKind, Watched
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.state.mutes import read_mutes
from tests.checker.cli.homes import COMMAND, Run, write_state
from tests.strategies import OFFICE, node
from tests.system.page_blocks import commands

PAGE = Path(__file__).parents[3] / "docs" / "watching.md"
LINES = commands(PAGE.read_text(encoding="utf-8"))
SAYS = {
    "reversi-checker log": "hung: silent",
    "reversi-checker log --since 2h": "hung: silent",
    "reversi-checker report --days 7": "50.00 %",
    "reversi-checker mutes": "the mail server moves",
    "reversi-checker unmute office": "office:20000: no longer muted",
    "reversi-checker unmute --all": "filter 'node:office': no longer muted",
}
"""What must be in the output of these."""
BELOW = {"reversi-checker report --target 99.5"}
"""The node was up for half of the time, which the exit status says."""


@pytest.fixture
def office(layout: Layout) -> Layout:
    with locked(layout):
        add(layout, node(ports=(20000,)), COMMAND)
    port = node(ports=(20000,)).forwards[0].port
    now = time.time()
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    write_state(
        layout,
        events=[
            Event(at=now, kind=kind, text=text, node=OFFICE, port=port)
            for kind, text in ((EventKind.STATUS, "hung: silent"), (EventKind.REGISTRY, "tagged"))
        ],
        uptime=[(OFFICE, port, Watched(day=day, up_s=50.0, watched_s=100.0))],
    )
    return layout


def test_each_command_of_the_page_works(checker: Run, office: Layout) -> None:
    assert len(LINES) == 16
    for line in LINES:
        program, *words = shlex.split(line)
        assert program == "reversi-checker"

        code, out, err = checker(*words)

        wanted = ExitCode.NOT_UP if line in BELOW else ExitCode.OK
        assert code == wanted, f"{line}: {out}{err}"
        assert SAYS.get(line, "") in out, f"{line}: {out}"
    assert read_mutes(office.mutes).mutes == ()
