"""Reads all rows at once: the registry and the state file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from checker.config.layout import Layout, has_mirrors, is_there
from checker.model import Applicant, Node, NodeName, Tunnel, Unregistered, by_place, seen_at
from checker.output import today
from checker.registry.snapshot import copied_nodes
from checker.rows.from_registry import Broken, barred_words, broken_row, device_row, forward_row
from checker.rows.row import NOTHING_MORE, Key, Known, Row, Whereabouts
from checker.state.errors import StateMissing
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_reader

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView

Registered = tuple[Mapping[NodeName, Node], tuple[Broken, ...], tuple[str, ...]]
"""The registry's nodes, its broken files, and sentences for standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromState:
    """What the state file has."""

    tunnels: Mapping[Key, Tunnel]
    unregistered: tuple[Unregistered, ...] = ()
    applicants: tuple[Applicant, ...] = ()
    known: Mapping[Key, Known]
    sweep: Sweep | None = None
    where: Mapping[Key, Whereabouts] = field(default_factory=dict)
    """In a fleet, which gateway's rows these are."""
    gateways: tuple[GatewayView, ...] = ()
    """Those of the fleet, this one first; empty: it is in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the registry and the state file have."""

    rows: tuple[Row, ...]
    unregistered: Mapping[Key, Unregistered]
    broken: tuple[Broken, ...]
    applicants: tuple[Applicant, ...]
    """As the state file has them, rejected ones too; they are not among the rows."""
    sweep: Sweep | None
    remarks: tuple[str, ...]
    """Sentences for standard error."""
    gateways: tuple[GatewayView, ...] = ()
    """Those of the fleet, this one first; empty: the rows are only this one's."""


def read_all(layout: Layout, *, behind: bool, now: float, only_here: bool = False) -> Found:
    """Read the registry and the state file; `behind`: with all that is known about each row;
    `only_here`: without what other gateways of the fleet saw.

    Raises StateError if the state file cannot be read; a missing one is a remark.
    """
    return with_state(layout, registered(layout), behind=behind, now=now, only_here=only_here)


def with_state(
    layout: Layout, said: Registered, *, behind: bool, now: float, only_here: bool = False
) -> Found:
    """Join what the registry says with the state file, and in a fleet with those of the other
    gateways. Raises StateError.
    """
    nodes, broken, remarks = said
    has_others = not only_here and are_others(layout)
    try:
        keys = (
            {(name, forward.port) for name, node in nodes.items() for forward in node.forwards}
            if behind
            else set()
        )
        seen = read_state(layout, keys, now, has_sums=not has_others)
    except StateMissing as error:
        if not has_others:  # else this machine only watches the others
            remarks = (*remarks, f"the daemon was never started here: {error}")
        seen = FromState(tunnels={}, known={})
    if has_others:
        seen = with_others(layout, seen, now, behind=behind)
        remarks = (*remarks, *filter(None, (one.sentence(now) for one in seen.gateways)))
    rows = (*registered_rows(layout, nodes, seen), *map(broken_row, broken))
    if not rows:
        remarks = (*remarks, no_nodes(layout))
    ports = {row.seen.port for row in rows}
    unregistered = {
        (each.node, each.port): each
        for each in seen.unregistered
        if each.node not in nodes and each.port not in ports
    }
    rows += tuple(
        in_place(
            device_row(each, seen_at(key, seen.tunnels), seen.known.get(key, NOTHING_MORE)), seen
        )
        for key, each in unregistered.items()
    )
    return Found(
        rows=with_mutes(layout, rows, now),
        unregistered=unregistered,
        broken=broken,
        applicants=seen.applicants,
        sweep=seen.sweep,
        remarks=remarks,
        gateways=seen.gateways,
    )


def are_others(layout: Layout) -> bool:
    """Whether rows of other gateways of a fleet are here. Raises ConfigError."""
    if not has_mirrors(layout):
        return False
    from checker.control.fleet_rows import own_id  # only a fleet needs it

    return own_id(layout) is not None


def with_others(layout: Layout, here: FromState, now: float, *, behind: bool) -> FromState:
    """Add what the other gateways of the fleet saw. Raises StateError, ConfigError."""
    from checker.control.fleet_rows import (
        known_everywhere,
        seen_everywhere,
    )  # only a fleet needs it

    every_s = here.sweep.every_s if here.sweep else 0.0
    seen = seen_everywhere(layout, here.tunnels, every_s, now)
    if seen is None:
        return here
    return replace(
        here,
        tunnels=seen.tunnels,
        where=seen.where,
        gateways=seen.gateways,
        unregistered=(*here.unregistered, *seen.unregistered),
        known=known_everywhere(layout, seen, here.known, now) if behind else here.known,
    )


def in_place(row: Row, seen: FromState) -> Row:
    """The row, with the gateway that it is from."""
    return replace(row, where=seen.where.get(row.key)) if seen.where else row


def with_mutes(layout: Layout, rows: tuple[Row, ...], now: float) -> tuple[Row, ...]:
    """The rows, each with the mute that silences it."""
    if not is_there(layout.mutes):
        return rows
    from checker.rows.mutes import RowMutes  # on most gateways nothing is muted
    from checker.state.mutes import read_mutes

    mutes = RowMutes(read_mutes(layout.mutes).mutes, now)
    if not mutes:
        return rows
    return tuple(replace(row, mute=mutes.muting(row)) for row in rows)


def registered(layout: Layout) -> Registered:
    """The registry's nodes, from the daemon's copy if that is good; its broken files, and a
    sentence for each.
    """
    nodes = copied_nodes(layout)
    if nodes is not None:
        return nodes, (), ()
    from checker.registry.last_good import read_known

    registry = read_known(layout)
    return registry.nodes, registry.broken_files, registry.problems


def read_state(layout: Layout, keys: Collection[Key], now: float, *, has_sums: bool) -> FromState:
    """The state file; if `keys` has any, with what else is known about rows; `has_sums`: with their
    hours and days, too. Raises StateError.
    """
    state = open_reader(layout.state)
    try:
        tunnels = by_place(state.tunnels())
        return FromState(
            tunnels=tunnels,
            unregistered=state.unregistered(),
            applicants=state.applicants(),
            sweep=state.last_sweep(),
            known=known_behind(state, {*keys, *tunnels}, now, has_sums=has_sums) if keys else {},
        )
    finally:
        state.close()


def known_behind(
    state: StateFile, keys: Collection[Key], now: float, *, has_sums: bool
) -> Mapping[Key, Known]:
    """What else is known about each row. Raises StateError."""
    from checker.control.background import Background  # a plain table needs nothing of it

    background = Background(has_sums=has_sums)
    background.poll(state, now, keys)
    return {key: background.known(key) for key in keys}


def registered_rows(
    layout: Layout, nodes: Mapping[NodeName, Node], seen: FromState
) -> tuple[Row, ...]:
    barred = barred_words(nodes, today())
    reasons, where = reasons_of(layout, barred), seen.where
    return tuple(
        forward_row(
            forward,
            node,
            seen_at((name, forward.port), seen.tunnels),
            seen.known.get((name, forward.port), NOTHING_MORE),
            barred=barred.get(name, ""),
            why=reasons.get(name, ""),
            where=where.get((name, forward.port)) if where else None,
        )
        for name, node in nodes.items()
        for forward in node.forwards
    )


def reasons_of(layout: Layout, barred: Mapping[NodeName, str]) -> Mapping[NodeName, str]:
    """Why nodes are disabled, as far as somebody said."""
    if "disabled" not in barred.values():
        return {}
    from checker.registry.reasons import read_reasons  # most gateways have no disabled node

    return read_reasons(layout, barred)


def no_nodes(layout: Layout) -> str:
    """What to do if there are no nodes."""
    home = f" --home {layout.home}" if layout.home else ""
    return (
        f"no nodes yet; add one with: reversi-checker{home} node add NAME --forward"
        " 127.0.0.1:22,banner:SSH-2.0 --client-config FILE"
    )
