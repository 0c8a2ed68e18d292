"""Drain a gateway through its daemon, follow it, and say how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checker.config.layout import Layout
from checker.control.client import ask, operator_name
from checker.model import NodeName
from checker.model.drain import Drain, DrainProgress, Leaver, progress_from
from checker.output import clock

NAMED = 8
"""Most nodes that a sentence names."""


def begin_drain(layout: Layout) -> DrainProgress:
    """Tell all nodes that are connected now to leave. Raises DaemonAbsent, NotAllowed."""
    return progress_of(layout, {"verb": "drain"})


def end_drain(layout: Layout) -> DrainProgress:
    """Take all nodes again. Raises DaemonAbsent, NotAllowed."""
    return progress_of(layout, {"verb": "undrain"})


def drain_progress(layout: Layout, *, again: bool = False) -> DrainProgress:
    """How far the drain is; without one, or `again`: whom it would end. Raises DaemonAbsent,
    NotAllowed.
    """
    return progress_of(layout, {"verb": "draining", "again": again})


def progress_of(layout: Layout, request: dict[str, Any]) -> DrainProgress:
    answer = ask(layout, {**request, "operator": operator_name()})
    return progress_from(answer["progress"])


def plan_lines(leavers: Sequence[Leaver]) -> list[str]:
    """What the drain does to each connection, a line each."""
    return [f"{way_of(one)}{carried_clause(one.carried)}" for one in leavers]


def way_of(one: Leaver) -> str:
    if one.moves:
        return f"tell {one.node} to use another gateway"
    if one.beats:
        return f"tell {one.node} to wait for up to 15 s, and end its connection"
    return f"end the connection of {one.node}, which asks for no verdict"


def carried_clause(carried: int) -> str:
    if not carried:
        return ""
    return f"; {counted(carried, 'connection')} through it {'is' if carried == 1 else 'are'} open"


def counted(count: int, noun: str) -> str:
    """The number with its noun, which takes an s in the plural."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def question(leavers: Sequence[Leaver]) -> str:
    """What to ask before a drain; says how much traffic it may cut."""
    busy = [one for one in leavers if one.carried]
    if not busy:
        return "drain this gateway"
    through = sum(one.carried for one in busy)
    verb = "carries" if len(busy) == 1 else "carry"
    return (
        f"drain this gateway, though {len(busy):,} of {len(leavers):,} {verb} traffic now"
        f" ({counted(through, 'open connection')})"
    )


def progress_line(progress: DrainProgress) -> str:
    """How far the drain is, in one line."""
    failed = f", {progress.failed:,} could not be ended" if progress.failed else ""
    gone = f"{progress.moved:,} moved, {progress.waiting:,} told to wait, {progress.ended:,} ended"
    return f"{gone}{failed}, {len(progress.leavers):,} left"


def here_lines(progress: DrainProgress) -> Iterator[str]:
    """Say who is connected all the same, and why; nothing if nobody is."""
    stayed = progress.stayed
    if stayed:
        yield (
            f"{counted(len(stayed), 'device')} {'is' if len(stayed) == 1 else 'are'} still here, as"
            f" no other gateway took {'it' if len(stayed) == 1 else 'them'}: {named(stayed)}"
        )


def named(nodes: Sequence[NodeName]) -> str:
    more = len(nodes) - NAMED
    return ", ".join(nodes[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def draining_sentence(drain: Drain) -> str:
    """That the gateway drains, and how to end that."""
    return (
        f"this gateway drains since {clock(drain.at)} ({drain.by}): it tells its nodes to use"
        " another gateway; to end that, run: sudo reversi-checker undrain"
    )
