"""The order of rows: by what they are sorted by, and the one in which they are made. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from checker.rows.row import Key
from reversi_tui.rows.sort_values import SortValue

FEW = 0.1
"""A share of the rows whose order costs nothing."""


def in_order(
    places: Sequence[int], values: Sequence[SortValue], *, backwards: bool = False
) -> list[int]:
    """The places, sorted by what is there: ties as they were, unknown values last."""
    known = [at for at in places if values[at] is not None]
    known.sort(key=values.__getitem__, reverse=backwards)  # type: ignore[arg-type]
    unknown = len(known) < len(places)
    return known + [at for at in places if values[at] is None] if unknown else known


def as_listed(keys: AbstractSet[Key], listed: Mapping[Key, object]) -> Collection[Key]:
    """The keys; many of them in the order in which they are listed: that of a set is random, in
    which to make thousands of rows, and then to sort them, takes longer.
    """
    if len(keys) <= FEW * len(listed):
        return keys
    return [*filter(keys.__contains__, listed), *(keys - listed.keys())]
