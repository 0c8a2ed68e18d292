"""The console and `--once` with 30,000 rows."""

from __future__ import annotations

import dataclasses

from bench.console import gateway_of, once, starts, writer
from bench.console_large import FIRST_ROWS_S
from bench.console_plan import ConsolePlan
from bench.figures import Figure, spread


async def rows(plan: ConsolePlan) -> list[Figure]:
    """Measure the first rows, and `--once --json`. `console` measures keys and bytes."""
    async with gateway_of(plan.large) as setting, writer(setting) as state:
        await state.send("sweep")
        took_s = await starts(setting, setting.commands[0], plan.starts)
    shown = await once(
        dataclasses.replace(plan, once_nodes=plan.large, once_runs=max(2, plan.starts))
    )
    return [
        Figure(
            what=f"console, {plan.large:,} rows: first rows",
            measured=spread(took_s, "s", 2),
            target=f"<= {FIRST_ROWS_S:g} s",
            met=max(took_s) <= FIRST_ROWS_S,
        ),
        dataclasses.replace(shown, target="", met=None),
    ]
