"""The columns and values that a filter's words can be completed to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from checker.model import EventKind
from checker.rows.cells import safe
from checker.rows.event_filter import DAYS, GATEWAY
from checker.rows.event_lines import Line
from checker.rows.fields import FIELDS
from checker.rows.grammar import IS
from checker.rows.row import Moment, Row
from checker.rows.states import STATES
from reversi_tui.rows.counts import BOUNDS, values_of

TAG = "tag"
COLUMNS = (
    *(TAG if field.id == "tags" else field.id for field in FIELDS if field.id != "trend"),
    IS,
)
"""The names before a colon, in the order of the table's columns."""
OF_EVENTS = ("kind", "actor", "at", "text")
FIXED: dict[str, tuple[str, ...]] = {
    IS: tuple(STATES),
    **{name: tuple(f">{bound}" for bound in bounds) for name, bounds in BOUNDS.items()},
    **dict.fromkeys(OF_EVENTS, ()),
}
"""Values that need no look at the rows, by the id of a field."""
FIXED_OF_EVENTS: dict[str, tuple[str, ...]] = {
    **{name: values for name, values in FIXED.items() if name != "actor"},
    "kind": tuple(kind.value for kind in EventKind),
    "at": (*DAYS, "<1h", "<1d", "<7d"),
}
LONGEST = 60
"""Characters; a longer value is not offered."""


def is_offered(value: str) -> bool:
    """Whether it is short, and can be quoted."""
    return 0 < len(value) <= LONGEST and '"' not in value


class Vocabulary:
    """Gathers the values of a column when it is asked for them, once until `renew`."""

    columns: tuple[str, ...] = COLUMNS
    fixed: Mapping[str, tuple[str, ...]] = FIXED

    def __init__(self, rows: Callable[[], Collection[Row]], moment: Callable[[], Moment]) -> None:
        self.rows, self.moment = rows, moment
        self.gathered: dict[str, tuple[str, ...]] = {}

    def renew(self) -> None:
        """Look at the rows again."""
        self.gathered.clear()

    def known(self, field: str) -> tuple[str, ...]:
        """The values as far as they need no look at the rows, by the id of the field."""
        return self.fixed.get(field, self.gathered.get(field, ()))

    def values(self, field: str) -> tuple[str, ...]:
        """The values in order, without those that are not offered, by the id of the field."""
        if field in self.fixed:
            return self.fixed[field]
        if field not in self.gathered:
            found = (value for value in set(self.all_values(field)) if is_offered(value))
            self.gathered[field] = tuple(sorted(found))
        return self.gathered[field]

    def all_values(self, field: str) -> Iterable[str]:
        moment = self.moment()
        return (value for row in self.rows() for value in values_of(field, row, moment))


class EventVocabulary(Vocabulary):
    """The same for the event log: events have columns of their own."""

    columns = (*OF_EVENTS, *COLUMNS)
    fixed = FIXED_OF_EVENTS

    def __init__(
        self,
        rows: Callable[[], Collection[Row]],
        moment: Callable[[], Moment],
        lines: Callable[[], Sequence[Line]],
    ) -> None:
        """`lines` are those in memory."""
        super().__init__(rows, moment)
        self.lines = lines

    def all_values(self, field: str) -> Iterable[str]:
        if field == "actor":
            return (safe(event.actor) for event, _ in self.lines())
        found = super().all_values(field)
        if field == GATEWAY:
            return (*found, *(gateway for _, gateway in self.lines()))
        if field != "node":
            return found
        return (*found, *(safe(event.node) for event, _ in self.lines()))
