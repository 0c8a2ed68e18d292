"""How late the loop of this process is."""

from __future__ import annotations

import asyncio
import time

from checker.tunnels.loop_lag import Lateness


async def test_a_loop_that_was_blocked_knows_how_late_it_was() -> None:
    lateness = Lateness()
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(lateness.run())
        await asyncio.sleep(0)
        began = time.monotonic()
        time.sleep(0.6)  # noqa: ASYNC251 - this starves the loop
        late_s = lateness.worst_since(began)
        ticking.cancel()

    assert 0.2 < late_s < 30
    assert Lateness().worst_since(time.monotonic()) < 0.2
