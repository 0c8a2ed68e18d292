"""`python -m bench.many_clients EACH_S CONFIG...`: run many Python clients in one process.

Each is a whole `reversi-client run`: its own key, connection, beats, time limits and back-off. Only
the interpreter is shared, which would cost each 25 MB. They start EACH_S seconds apart. For each
line on stdin the process prints what it counted since the last one, as JSON, until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from checker.daemon.startup import raise_file_limit
from client import words
from client.config import load_config
from client.link import Link
from client.run import Runner

LATE_S = 2.0
"""An answer that took longer is late. The client itself waits 8 s at least."""
LOOK_EVERY_S = 0.1


@dataclass(slots=True, kw_only=True)
class Count:
    """What all clients of this process saw."""

    beats: int = 0
    """Answered."""
    late: int = 0
    worst_s: float = 0.0
    lost: int = 0
    """Tunnels that ended, whoever ended them."""
    failed: int = 0
    """Logins that failed."""
    own_lag_s: float = 0.0
    """By how much this process itself was late, at worst: its clients share a core."""


class Counted(Runner):
    """A client that counts."""

    def __init__(self, config: Path, counts: list[Count]) -> None:
        super().__init__(load_config(config))
        self.counts = counts
        self.beat_at: float | None = None
        self.was_up = False

    def with_counters(self, event: words.Event, link: Link) -> tuple[words.Event, ...]:  # type: ignore[override]  # it is static there
        self.note(event, self.counts[-1])
        return Runner.with_counters(event, link)

    def note(self, event: words.Event, count: Count) -> None:
        match event:
            case words.Answered() if self.beat_at is not None:
                took_s = time.monotonic() - self.beat_at
                self.beat_at = None
                count.beats += 1
                count.late += took_s > LATE_S
                count.worst_s = max(count.worst_s, took_s)
            case words.Failed():
                count.failed += 1
            case _:
                pass

    def carry_out(self, action: words.Action, link: Link, group: asyncio.TaskGroup) -> None:
        if isinstance(action, words.Beat) and self.beat_at is None:
            self.beat_at = time.monotonic()
        super().carry_out(action, link, group)

    async def show(self) -> None:
        is_up = self.machine.view().state is not words.State.CONNECTING
        if self.was_up and not is_up:
            self.counts[-1].lost += 1
            self.beat_at = None
        self.was_up = is_up
        await super().show()


async def report(counts: list[Count]) -> None:
    """Answer each line on stdin."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(asdict(counts[-1])), flush=True)
        counts.append(Count())


async def watch_lag(counts: list[Count]) -> None:
    """Note how late this process is."""
    while True:
        due = time.monotonic() + LOOK_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
        counts[-1].own_lag_s = max(counts[-1].own_lag_s, time.monotonic() - due)


async def main(each_s: float, configs: list[Path]) -> None:
    raise_file_limit()
    counts = [Count()]
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(report(counts))
        group.create_task(watch_lag(counts))
        for config in configs:
            group.create_task(Counted(config, counts).run(), name=config.stem)
            await asyncio.sleep(each_s)
            loop.remove_signal_handler(signal.SIGTERM)  # each client took it for itself


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    asyncio.run(main(float(sys.argv[1]), [Path(text) for text in sys.argv[2:]]))
