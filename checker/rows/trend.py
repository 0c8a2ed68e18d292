"""The last latencies of a forward as a line of small bars. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

SAMPLES = 60
"""How many latencies are kept."""
BARS = "▁▂▃▄▅▆▇█"
NO_ANSWER = "×"


def trend_text(latencies_ms: Iterable[float]) -> str:
    """A bar for each latency, the newest last, and a sign for a probe without an answer (NaN).

    The lowest bar is the fastest answer, the highest the slowest, or twice the fastest if all are
    faster: what is steady is quiet.
    """
    found = tuple(latencies_ms)
    known = [latency for latency in found if not math.isnan(latency)]
    if not known:
        return NO_ANSWER * len(found)
    low = min(known)
    span = max(max(known) - low, low, 1.0)
    return "".join(
        NO_ANSWER if math.isnan(latency) else BARS[int((latency - low) / span * (len(BARS) - 1))]
        for latency in found
    )
