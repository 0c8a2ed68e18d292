"""Run the benchmark of scale: the gateway in namespaces of its own, which needs root."""

from __future__ import annotations

from bench.apart import apart
from bench.figures import Figure
from bench.scale.rows import rows
from bench.setting import Scale


async def many(scale: Scale) -> list[Figure]:
    """Measure every figure. Raises DemoFailed."""
    shown = await rows(scale.console)
    return [*await apart("bench.scale", scale, "30,000 registered nodes"), *shown]
