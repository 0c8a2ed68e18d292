"""Acts on many forwards: a few requests to the daemon at a time, so that none takes too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from checker.model import Aim, Outcome

AT_ONCE = 8
"""Requests under way at the same time, as in the console."""
IN_ONE_REQUEST = 3
"""The daemon acts on these in turn; a probe that ends in a kill may take a quarter of a minute."""
Act = Callable[[Sequence[Aim]], tuple[Outcome, ...]]


def requests_for(aims: Sequence[Aim]) -> tuple[tuple[Aim, ...], ...]:
    """Divide the aims into requests, in their order; forwards of one node come together."""
    found: list[tuple[Aim, ...]] = []
    for _, group in groupby(aims, key=lambda aim: aim.node):
        own = tuple(group)
        found += [own[at : at + IN_ONE_REQUEST] for at in range(0, len(own), IN_ONE_REQUEST)]
    return tuple(found)


def act_on_many(act: Act, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
    """Call `act` for parts of the aims, several at once; the outcomes in the order of the aims.
    Raises what `act` raises; what has not begun by then is not begun.
    """
    from concurrent.futures import ThreadPoolExecutor  # slow to load

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="act") as pool:
        futures = [pool.submit(act, part) for part in requests_for(aims)]
        try:
            return tuple(outcome for future in futures for outcome in future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
