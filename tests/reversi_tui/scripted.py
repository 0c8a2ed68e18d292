"""`reversi-tui --once`, run in this process: what it prints, and a gateway to run it on."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from tests.registry_samples import register
from tests.reversi_tui.console.states import forward, sweep, tunnel, write

Captured = pytest.CaptureFixture[str]


def words(line: str) -> list[str]:
    """The cells of a line of the table."""
    return re.split(r" {2,}", line.strip())


def once(home: Path, capsys: Captured, *argv: str) -> tuple[int, list[str], str]:
    """The exit status, the table's lines, and what was said beside."""
    code = main(["--home", str(home), "--once", *argv])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


def all_up(home: Path) -> Layout:
    """A gateway where all is well now."""
    layout = home_layout(home)
    register(layout, (forward("attic", 20010), forward("barn", 20011)))
    now = time.time()
    seen = (
        replace(tunnel("attic", 20010), probed_at=now),
        replace(tunnel("barn", 20011), probed_at=now, latency_ms=900.0),
    )
    write(layout, Batch(tunnels=seen, sweep=sweep(now)))
    return layout
