"""The order of rows by what they are sorted by. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reversi_tui.rows.sort_values import SortValue


def in_order(
    places: Sequence[int], values: Sequence[SortValue], *, backwards: bool = False
) -> list[int]:
    """The places, sorted by what is there: ties as they were, unknown values last."""
    known = [at for at in places if values[at] is not None]
    known.sort(key=values.__getitem__, reverse=backwards)  # type: ignore[arg-type]
    unknown = len(known) < len(places)
    return known + [at for at in places if values[at] is None] if unknown else known
