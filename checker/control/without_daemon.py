"""Do in this process what an operator wants, if no daemon runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from checker.config.layout import Layout
from checker.model import Aim, Outcome, Verb
from checker.tunnels.gateway import Gateway
from checker.tunnels.in_process import with_gateway
from checker.tunnels.operations import Operations


def act(layout: Layout, verb: Verb, aims: Sequence[Aim], operator: str) -> tuple[Outcome, ...]:
    """Act on each forward, in order, with the rights of this process. Raises CheckerError."""

    async def use(gateway: Gateway) -> tuple[Outcome, ...]:
        return tuple(await Operations(gateway).act(verb, aims, operator))

    return asyncio.run(with_gateway(layout, use))
