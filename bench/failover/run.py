"""Run the benchmark of failover in namespaces of its own; needs root."""

from __future__ import annotations

from bench.apart import apart
from bench.figures import Figure
from bench.setting import Scale


async def failover(scale: Scale) -> list[Figure]:
    """Measure a silent death, a repair, and an orderly stop. Raises DemoFailed."""
    return await apart("bench.failover", scale, "failover: one of two gateways dies")
