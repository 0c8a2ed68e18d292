"""A process that changes rows all the time: `python -m tests.reversi_tui.console.load HOME S`."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen

from checker.config.layout import Layout, home_layout
from checker.model import Status
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store
from tests.reversi_tui.console.states import many

A_SECOND, AT_ONCE = 170, 10


def change(layout: Layout, for_s: float) -> None:
    """Rows at random get another status and another process."""
    with closing(open_store(layout.state)) as store:
        tunnels = list(store.tunnels())
        choice, end = random.Random(5), time.monotonic() + for_s
        due = time.monotonic()
        while time.monotonic() < end:
            now = time.time()
            batch = []
            for place in choice.sample(range(len(tunnels)), AT_ONCE):
                session = tunnels[place].session
                assert session is not None
                status = choice.choice((Status.UP, Status.HUNG, Status.WRONG))
                tunnels[place] = replace(
                    tunnels[place],
                    status=status,
                    session=replace(session, pid=choice.randrange(2, 99999)),
                    probed_at=now,
                    since=now,
                )
                batch.append(tunnels[place])
            store.write(Batch(tunnels=batch, sweep=Sweep(pid=1, swept_at=now, every_s=3600)))
            due += AT_ONCE / A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))


def busy_home(home: Path, count: int) -> Layout:
    """So many nodes, all up."""
    layout = home_layout(home)
    now = time.time()
    seen = [replace(each, since=now - 7200, probed_at=now) for each in many(layout, count)]
    with closing(open_store(layout.state)) as store:
        store.write(Batch(tunnels=seen, sweep=Sweep(pid=1, swept_at=now, every_s=3600)))
    return layout


@contextmanager
def load(home: Path, for_s: float) -> Iterator[Popen[bytes]]:
    """That process, for as long as it says."""
    process = Popen(
        [sys.executable, "-m", "tests.reversi_tui.console.load", str(home), str(for_s)], stderr=PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    change(home_layout(Path(sys.argv[1])), float(sys.argv[2]))
