"""The use cases in this process, for when no daemon answers: a dead daemon never costs a node its
tunnel.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from checker import spool
from checker.beats import uptime_s
from checker.config import Layout, find_layout, load_config
from checker.control import Aim, Outcome, Verb
from checker.gateway import Gateway
from checker.holders import session_above
from checker.last_good import read_known
from checker.ledger import Ledger
from checker.model import CheckerError
from checker.store import StateError, StateFile, open_reader, open_store
from checker.wire import Asked, Reply

T = TypeVar("T")
UNAVAILABLE = 69


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


def act_alone(
    layout: Layout, verb: Verb, aims: Sequence[Aim], operator: str
) -> tuple[Outcome, ...]:
    """An operator's action without a daemon, by this process's own rights. Raises CheckerError."""

    async def use(gateway: Gateway) -> tuple[Outcome, ...]:
        return tuple(await gateway.act(verb, aims, operator))

    return asyncio.run(with_gateway(layout, use))


def answer_alone(layout: Layout, asked: Asked) -> Reply:
    """A node's request without a daemon. Raises CheckerError."""
    caller = session_above(os.getppid(), os.geteuid())

    async def use(gateway: Gateway) -> Reply:
        return await gateway.answer(asked, caller)

    return asyncio.run(with_gateway(layout, use))


def main(words: Sequence[str] | None = None) -> None:
    """The gate's other half: `python -m checker.alone [--home DIR] [--key WHICH] --node NAME`."""
    parser = argparse.ArgumentParser(prog="checker.alone")
    parser.add_argument("--home")
    parser.add_argument("--key", default="")
    parser.add_argument("--node", required=True)
    arguments = parser.parse_args(words)
    # stderr is the node's; events tell the admin
    logging.getLogger().addHandler(logging.NullHandler())
    asked = Asked(
        node=arguments.node,
        peer=" ".join(os.environ.get("SSH_CONNECTION", "").split(" ")[:2]),
        command=os.environ.get("SSH_ORIGINAL_COMMAND", ""),
        key=arguments.key,
    )
    try:
        reply = answer_alone(find_layout(arguments.home, {}), asked)
    except CheckerError as error:
        reply = Reply(answer="0", complaint=str(error), exit_status=UNAVAILABLE)
    if reply.complaint:
        print(f"reversi: {reply.complaint}", file=sys.stderr)
    if "\0" in reply.answer:
        words = reply.answer.split("\0")
        os.execv(words[0], words)  # noqa: S606 - the beat loop, whose words we made
    print(reply.answer, flush=True)
    sys.exit(reply.exit_status)


if __name__ == "__main__":
    main()
