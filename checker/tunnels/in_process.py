"""Run a gateway in this process, without a daemon, on the state file that it finds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.linux.clock import uptime_s
from checker.registry.last_good import read_known
from checker.state import spool
from checker.state.errors import StateError
from checker.state.ledger import Ledger
from checker.state.store import StateFile, open_reader, open_store
from checker.tunnels.gateway import Gateway

T = TypeVar("T")


def open_best(path: Layout) -> tuple[StateFile | None, StateFile | None]:
    """Open the state file for writing and reading; None for what is not possible."""
    try:
        store = open_store(path.state)
    except StateError:
        store = None
    else:
        return store, store
    try:
        return None, open_reader(path.state)
    except StateError:
        return None, None


async def with_gateway(layout: Layout, use: Callable[[Gateway], Awaitable[T]]) -> T:
    """Build a gateway, use it, and write what it saw to the state file or the spool.

    Raises CheckerError.
    """
    config = load_config(layout.config)
    writer, reader = await asyncio.to_thread(open_best, layout)
    ledger = Ledger(layout, writer)
    try:
        if reader is not None:
            # it works without its history too
            with contextlib.suppress(StateError):
                ledger.load(reader)
        registry = await asyncio.to_thread(read_known, layout)
        gateway = Gateway(
            layout, config, ledger, registry, swept_since_s=await asyncio.to_thread(uptime_s)
        )
        async with asyncio.TaskGroup() as group:
            lateness = group.create_task(gateway.watcher.lateness.run(), name="lateness")
            try:
                return await use(gateway)
            finally:
                lateness.cancel()
    finally:
        if writer is None:
            spool.leave(layout.spool, ledger.pending.batch())
        else:
            await ledger.flush()
        for file in {writer, reader} - {None}:
            assert file is not None
            file.close()
