"""Where each row is in the order that the screen shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from checker.rows.row import Key

NOWHERE = -1


class Places(Mapping[Key, int]):
    """The place in the order, by key. It is made with every sort of all rows, and then asked about
    a few of them: to make a dict would take longer than all else.
    """

    def __init__(self, order: Sequence[Key], at: Mapping[Key, int], places: Sequence[int]) -> None:
        """`places` are those of all rows, NOWHERE if they are not shown, and `at` says where each
        key is in it.
        """
        self.order, self.at, self.places = order, at, places

    def __getitem__(self, key: Key) -> int:
        place = self.places[self.at[key]]
        if place == NOWHERE:
            raise KeyError(key)
        return place

    def __iter__(self) -> Iterator[Key]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)
