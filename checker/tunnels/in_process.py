"""Build a gateway in this process, on the state that is there, and write back what it did."""

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
from checker.state.ledger import Ledger
from checker.state.store import StateError, StateFile, open_reader, open_store
from checker.tunnels.gateway import Gateway

T = TypeVar("T")


def open_best(path: Layout) -> tuple[StateFile | None, StateFile | None]:
    """The state file for writing, and for reading: what of both can be had."""
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
    """Build a gateway on what is there, use it, and write down what came of it. Raises
    CheckerError.
    """
    config = load_config(layout.config)
    writer, reader = await asyncio.to_thread(open_best, layout)
    ledger = Ledger(layout, writer)
    try:
        if reader is not None:
            # without its history it does its work all the same
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
            spool.leave(layout.spool, ledger.take())
        else:
            await ledger.flush()
        for file in {writer, reader} - {None}:
            assert file is not None
            file.close()
