"""Run the benchmark of herds in namespaces of its own; needs root."""

from __future__ import annotations

from bench.apart import apart
from bench.figures import Figure
from bench.setting import Scale


async def herd(scale: Scale) -> list[Figure]:
    """Measure both kinds of restart, and a wave. Raises DemoFailed."""
    return await apart("bench.herd", scale, "herd: restart with many real nodes")
