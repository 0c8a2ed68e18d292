"""What the verbs `mute`, `unmute` and `mutes` do."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from checker.cli.acts import aims_of, readable_unregistered
from checker.cli.answers import say_json
from checker.cli.common import existing_registry
from checker.cli.dialog import narrate, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.mute_lines import (
    listed_json,
    mute_rows,
    muted_line,
    selectors_named,
    selectors_with_filter,
)
from checker.cli.selection import confirm_many, refuse_neither
from checker.config.layout import Layout, refuse_missing
from checker.control.client import operator_name
from checker.control.mute_targets import rows_to_mute
from checker.control.muting import change_mutes_through, mutes_of
from checker.model import (
    InvalidValue,
    Mute,
    MuteChange,
    Selector,
    parse_mute_end,
    parse_why,
    selector_json,
)
from checker.output import aligned, say
from checker.registry.nodes import Registry
from checker.rows.mutes import RowMutes
from checker.rows.row import Row


def mute(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry, now = existing_registry(layout), time.time()
    until, why = asked_until(args, now), asked_why(args)
    rows = rows_to_mute(registry)
    mutes = tuple(
        Mute(selector=selector, until=until, why=why, by=operator_name(), at=now)
        for selector in selectors_asked_for(args, layout, registry)
    )
    counts = [count(mute, rows, now) for mute in mutes]
    before = {mute.selector: mute for mute in existing_mutes(layout, now)}
    if not args.dry_run:
        confirm_many(args, "mute them", plan_of(args, mutes, rows, now), ends=False)
        note = change_mutes_through(layout, MuteChange(add=mutes))
        if note:
            warn(note)
    if args.json:
        listed = [listed_json(*one) for one in zip(mutes, counts, strict=True)]
        say_json(dry_run=args.dry_run, mutes=listed)
        return ExitCode.OK
    for mute, number in zip(mutes, counts, strict=True):
        line = muted_line(mute, before.get(mute.selector), number)
        say(f"would mute {line}" if args.dry_run else line)
    return ExitCode.OK


def asked_until(args: argparse.Namespace, now: float) -> float:
    """When the mute ends: the last word. Raises InvalidValue."""
    if not args.words:
        raise InvalidValue("say whom to mute and until when: mute office 2h --why 'new roof'")
    return parse_mute_end(args.words[-1], now)


def asked_why(args: argparse.Namespace) -> str:
    """Raises InvalidValue."""
    if args.why is None:
        raise InvalidValue("say why, for whoever misses the alerts: --why 'new roof'")
    return parse_why(args.why)


def selectors_asked_for(
    args: argparse.Namespace, layout: Layout, registry: Registry
) -> tuple[Selector, ...]:
    """The selectors that the words or the filter ask for. Raises CheckerError."""
    words = args.words[:-1]
    refuse_neither(args, words, "nodes")
    if args.filter is not None:
        rows_to_mute(registry, args.filter)
        return (Selector(filter_text=args.filter),)
    unregistered = readable_unregistered(layout, registry)
    names = {*registry.nodes, *registry.broken, *(device.node for device, _ in unregistered)}
    found = [
        selector
        for word in words
        for selector in (
            [Selector(node=word)]
            if word in names
            else [
                Selector(node=aim.node, port=aim.port)
                for aim in aims_of([word], registry, unregistered)
            ]
        )
    ]
    return tuple(dict.fromkeys(found))


def plan_of(
    args: argparse.Namespace, mutes: Sequence[Mute], rows: Sequence[Row], now: float
) -> list[str]:
    """What is asked about: each node that was named, or each forward that the filter matches."""
    if args.filter is None:
        return [f"mute {mute.selector}" for mute in mutes]
    chosen = RowMutes(mutes, now)
    return [f"mute {row.seen.node}:{row.seen.port}" for row in rows if chosen.muting(row)]


def count(mute: Mute, rows: Sequence[Row], now: float) -> int:
    """How many of the rows it silences."""
    chosen = RowMutes((mute,), now)
    return sum(chosen.muting(row) is not None for row in rows)


def existing_mutes(layout: Layout, now: float) -> tuple[Mute, ...]:
    """The mutes that have not ended; a warning if the file is broken."""
    mutes, trouble = mutes_of(layout, now)
    if trouble:
        warn(trouble)
    return mutes


def unmute(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    if sum((bool(args.words), args.filter is not None, args.all)) != 1:
        raise InvalidValue("say what to unmute: nodes, or --filter TEXT, or --all")
    now = time.time()
    mutes = existing_mutes(layout, now)
    if args.all:
        selectors = [mute.selector for mute in mutes]
    elif args.filter is not None:
        selectors = selectors_with_filter(args.filter, mutes)
    else:
        selectors = [each for word in args.words for each in selectors_named(word, mutes)]
    selectors = list(dict.fromkeys(selectors))
    if selectors and not args.dry_run:
        note = change_mutes_through(layout, MuteChange(remove=tuple(selectors)))
        if note:
            warn(note)
    if args.json:
        say_json(dry_run=args.dry_run, unmuted=[selector_json(each) for each in selectors])
    else:
        for selector in selectors:
            say(f"would unmute {selector}" if args.dry_run else f"{selector}: no longer muted")
        if not selectors:
            narrate("nothing was muted")
    warn_of_other_mutes(layout, selectors, now)
    return ExitCode.OK


def warn_of_other_mutes(layout: Layout, selectors: Sequence[Selector], now: float) -> None:
    """Warn about nodes that another mute still silences."""
    names = {selector.node for selector in selectors if selector.node}
    left = RowMutes((m for m in mutes_of(layout, now)[0] if m.selector not in selectors), now)
    if not names or not left:
        return
    for row in rows_to_mute(existing_registry(layout)):
        other = left.muting(row) if row.seen.node in names else None
        if other:
            warn(f"{row.seen.node}:{row.seen.port} is still muted, by {other.selector}")


def show_mutes(args: argparse.Namespace, layout: Layout) -> ExitCode:
    now = time.time()
    rows = rows_to_mute(existing_registry(layout))
    mutes = sorted(existing_mutes(layout, now), key=lambda mute: mute.until)
    counts = [count(mute, rows, now) for mute in mutes]
    if args.json:
        say_json(mutes=[listed_json(*one) for one in zip(mutes, counts, strict=True)])
    elif mutes:
        say(aligned(mute_rows(mutes, counts, now)))
    else:
        narrate("nothing is muted")
    return ExitCode.OK
