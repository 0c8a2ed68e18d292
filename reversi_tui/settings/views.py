"""Named views: filter, order, columns and groups that one key shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from checker.model import CheckerError, InvalidValue
from checker.nearest import did_you_mean

LONGEST_NAME = 32
DIGITS = tuple("123456789")
Order = tuple[str, bool]
"""The id of a column, and whether the order is reversed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedView:
    """One way to look at the table. It leaves columns and order alone unless it names them."""

    name: str
    key: str = ""
    """Textual's name for it; empty: the view is only in the palette."""
    filter_text: str = ""
    sort: Order | None = None
    columns: tuple[str, ...] = ()
    faults_only: bool = False
    grouped: bool = False
    tip: str = ""
    """What a shipped view shows; empty for the operator's own."""


SHIPPED = (
    NamedView(name="all", key="1", tip="All rows: no filter, no groups"),
    NamedView(
        name="faults",
        key="2",
        sort=("status", False),
        faults_only=True,
        tip="What is not up, worst first",
    ),
    NamedView(
        name="flapping",
        key="3",
        filter_text="flaps:>0",
        sort=("flaps", True),
        columns=("node", "port", "status", "flaps", "kills", "since", "answer", "day", "client"),
        tip="What was lost lately, most often first",
    ),
    NamedView(
        name="slow",
        key="4",
        filter_text="latency:>200",
        sort=("latency", True),
        columns=("node", "port", "status", "latency", "target", "since", "peer", "client"),
        tip="What answers after more than 200 ms, slowest first",
    ),
    NamedView(
        name="out on purpose",
        key="5",
        filter_text="is:disabled|expired",
        tip="Disabled and expired nodes",
    ),
    NamedView(
        name="versions",
        key="6",
        sort=("client", False),
        columns=("node", "client", "status", "since", "peer", "tags", "instance"),
        tip="Which program each device runs, by version",
    ),
)


def merged(views: Iterable[NamedView]) -> tuple[NamedView, ...]:
    """Let a later view take the place of an earlier one with its name."""
    return tuple({view.name: view for view in views}.values())


def described(view: NamedView) -> dict[str, Any]:
    """The view as a table of console.toml, without its name; what is not set is not there."""
    sort = view.sort and f"{'-' if view.sort[1] else ''}{view.sort[0]}"
    found = {
        "key": view.key,
        "filter": view.filter_text,
        "sort": sort,
        "columns": list(view.columns),
        "faults": view.faults_only,
        "group": view.grouped,
    }
    return {key: value for key, value in found.items() if value}


def settings_of(view: NamedView) -> dict[str, Any]:
    """What the view sets, by the names of the fields of Preferences."""
    found: dict[str, Any] = {
        "filter_text": view.filter_text,
        "faults_only": view.faults_only,
        "grouped": view.grouped,
    }
    if view.sort:
        found["sort_by"], found["backwards"] = view.sort
    return {**found, "columns": view.columns} if view.columns else found


class UnknownView(CheckerError):
    """A view that does not exist."""

    def __init__(self, name: str, views: Iterable[NamedView]) -> None:
        names = [view.name for view in views]
        hint = did_you_mean(name, names) or ";"
        super().__init__(f"there is no view {name[:40]!r}{hint} views are: {', '.join(names)}")


def view_called(name: str, views: Iterable[NamedView]) -> NamedView:
    """Raises UnknownView."""
    views = tuple(views)
    found = next((view for view in views if view.name == name), None)
    if found is None:
        raise UnknownView(name, views)
    return found


def summary(view: NamedView) -> str:
    """What it shows, in one line."""
    if view.tip:
        return view.tip
    parts = [
        f"filter {view.filter_text}" if view.filter_text else "",
        "faults only" if view.faults_only else "",
        "grouped" if view.grouped else "",
        f"sort {described(view)['sort']}" if view.sort else "",
        f"columns {' '.join(view.columns)}" if view.columns else "",
    ]
    return ", ".join(filter(None, parts)) or "all rows"


def parse_view_name(text: str) -> str:
    """Raises InvalidValue."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidValue(
            f"{text[:40]!r} cannot be the name of a view; write 1 to {LONGEST_NAME} characters"
        )
    return name


def with_keys_free(
    views: Iterable[NamedView], taken: Mapping[str, str]
) -> tuple[tuple[NamedView, ...], tuple[str, ...]]:
    """The views, without keys that something else has; and a sentence for each of the operator's
    own that lost its key. `taken` says who has a key. Own views choose before shipped ones.
    """
    views = tuple(views)
    owners, kept, remarks = dict(taken), dict[str, NamedView](), []
    for view in sorted(views, key=lambda view: bool(view.tip)):
        owner = owners.get(view.key) if view.key else None
        if owner is not None and not view.tip:
            remarks.append(
                f"view {view.name!r} has no key: {view.key!r} is for {owner}; give it another one"
            )
        kept[view.name] = view if owner is None else replace(view, key="")
        if view.key:
            owners.setdefault(view.key, f"view {view.name!r}")
    return tuple(kept[view.name] for view in views), tuple(remarks)


def key_for(name: str, views: Iterable[NamedView], taken: Iterable[str]) -> str:
    """The key of the view that is saved: the one that it had, else the first free digit; empty if
    none is free.
    """
    views = tuple(views)
    before = next((view.key for view in views if view.name == name), "")
    used = {*(view.key for view in views), *taken}
    return before or next((digit for digit in DIGITS if digit not in used), "")


def called(views: Iterable[NamedView], now: NamedView) -> str:
    """The name of the view that shows what `now` shows; empty if none does. `now` names columns
    and order; views may leave them open.
    """
    for view in views:
        if (
            (view.filter_text, view.faults_only, view.grouped)
            == (now.filter_text, now.faults_only, now.grouped)
            and view.sort in (None, now.sort)
            and view.columns in ((), now.columns)
        ):
            return view.name
    return ""
