"""Bytes per second in the table and in the sheet, in a real terminal."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from checker.state.rows import Batch
from tests.reversi_tui.console.states import SEEN, fresh_home, write
from tests.reversi_tui.console.tmux import console_words, tmux

SWEEP_S = 20.0


def test_what_a_connection_carries_is_drawn_and_a_reconnect_is_a_gap(
    tmp_path: Path,
) -> None:
    layout, begun = fresh_home(tmp_path), time.time() - 100 * SWEEP_S
    first = replace(SEEN[0], bytes_total=2**40)
    probes = iter(range(100))

    def probed(carried: int, *, pid: int = 4000) -> None:
        session = replace(first.session, pid=pid) if first.session else None
        at = begun + SWEEP_S * next(probes)
        seen = replace(first, probed_at=at, bytes_total=carried, session=session)
        write(layout, Batch(tunnels=(seen,)))

    probed(2**40)
    layout.config.write_text('[console]\ncolumns = ["node", "target", "trend", "rate"]\n')
    with tmux(tmp_path, console_words(tmp_path), size=(80, 24)) as pane:
        pane.shows("attic", "7 forwards", "127.0.0.1:22", " trend ", " rate ")
        probed(2**40 + 100_000_000)
        pane.shows("█ 5.0M/s")
        probed(200, pid=4001)
        pane.shows("█·")
        probed(20_200, pid=4001)
        pane.shows("█·▁ 1.0k/s")
        pane.press("Enter")
        pane.shows("rate █·▁ 1.0k/s", "20k through this connection")
