"""Take over what lies in the inbox, as root: `python -m checker.fleet.apply`.

systemd starts it when something lies there. Whoever brought it is not believed: each entry is
verified again, by the signers that root allowed.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Sequence

from checker import journal
from checker.config.layout import SYSTEM, Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.client import Control
from checker.control.notices import EVENTS_AT_ONCE
from checker.fleet.desk import Desk
from checker.fleet.following import follow_cards
from checker.fleet.inbox import read_inbox, throw_away
from checker.fleet.said import Said
from checker.fleet.screening import Proofs, Screen
from checker.fleet.sealed import Sealed
from checker.haproxy.publish import tell_haproxy
from checker.model import CheckerError, Event, EventKind, NodeName
from checker.registry.entry_files import forget_old_tombstones
from checker.registry.lock import locked
from checker.registry.nodes import Registry

MOST_TROUBLES = 20
"""In one run: whoever may write into the inbox must not fill the log."""


def apply(layout: Layout, *batches: Sequence[Sealed], now: float | None = None) -> tuple[Said, ...]:
    """Take what may be taken of these, and of those that were left out before; return what was
    done, and why the rest was not. Raises ConfigError.
    """
    now = time.time() if now is None else now
    config = config_of(layout)
    proofs = Proofs(layout=layout)
    screens = [screened(config, proofs, many) for many in batches]
    with locked(layout):
        desk = Desk(layout=layout, config=config, now=now, proofs=proofs)
        desk.consider(sealed for one in screens for sealed in one.kept)
        desk.look_at_left_out()
        desk.carry_out()
        forget_old_tombstones(layout, now)
    said = tuple(bounded(desk.said, sum(one.left for one in screens)))
    log(layout, said, now, desk.renamed)
    if config.fleet is not None:
        follow_cards(layout, config.fleet)
    about_proxy = tuple(haproxy_troubles(layout, desk)) if any(one.node for one in said) else ()
    log(layout, about_proxy, now)
    return (*said, *about_proxy)


def haproxy_troubles(layout: Layout, desk: Desk) -> Iterable[Said]:
    """Bring HAProxy in line with what was taken; yield why it could not be."""
    note = tell_haproxy(layout, Registry(nodes=desk.offered))
    if note is not None and note.is_warning:
        yield Said(text=note.text, is_trouble=True)


def screened(config: Config, proofs: Proofs, many: Sequence[Sealed]) -> Screen:
    """Sort what came in one batch. Raises CheckerError."""
    screen = Screen(proofs=proofs, is_signing=config.fleet is None or config.fleet.signed)
    screen.sort(many)
    return screen


def rehearse(layout: Layout, many: Sequence[Sealed]) -> tuple[Said, ...]:
    """Return what `apply` would decide about these; do nothing. Raises ConfigError."""
    desk = Desk(
        layout=layout,
        config=config_of(layout),
        now=time.time(),
        proofs=Proofs(layout=layout),
        is_dry=True,
    )
    desk.consider(many)
    desk.rehearse()
    return tuple(desk.said)


def config_of(layout: Layout) -> Config:
    """Return the settings of a gateway in a fleet. Raises ConfigError."""
    config = load_config(layout.config)
    if config.fleet is None:
        raise ConfigError(
            layout.config, "has no [fleet]; begin with: reversi-checker fleet init ID"
        )
    return config


def bounded(said: Iterable[Said], left: int) -> Iterable[Said]:
    """Keep all that was done, and the first troubles. `left`: how many more there were."""
    count = left
    for one in said:
        count += one.is_trouble
        if not one.is_trouble or count - left <= MOST_TROUBLES:
            yield one
    if count > MOST_TROUBLES:
        yield Said(text=f"{count - MOST_TROUBLES} more were left out", is_trouble=True)


def log(
    layout: Layout,
    said: Sequence[Said],
    now: float,
    renamed: Sequence[tuple[NodeName, NodeName]] = (),
) -> None:
    """Write the events, and have the daemon read the registry."""
    events = [
        Event(
            at=now,
            kind=EventKind.REGISTRY,
            text=one.text,
            node=one.node,
            port=one.port,
            actor=one.actor or "fleet",
        )
        for one in said
    ]
    for at in range(0, len(events), EVENTS_AT_ONCE):
        Control(layout=layout).report(events[at : at + EVENTS_AT_ONCE], () if at else renamed)


def apply_inbox(layout: Layout) -> tuple[Said, ...]:
    """Take over what lies in the inbox, and then remove it there: whoever waits for that can look
    at the result. Raises ConfigError, and leaves it there.
    """
    taken = read_inbox(layout, time.time())
    try:
        said = apply_each(layout, taken.batches)
    except CheckerError:
        raise
    except BaseException:
        throw_away(taken.paths)  # it must not stop us again
        raise
    throw_away(taken.paths)
    troubles = tuple(Said(text=text, is_trouble=True) for text in taken.troubles)
    log(layout, troubles, time.time())
    return (*troubles, *said)


def apply_each(layout: Layout, batches: Sequence[Sequence[Sealed]]) -> tuple[Said, ...]:
    """Take these batches together; if one of them meets a bug, the others by themselves. Raises
    ConfigError.
    """
    if not batches:
        return ()
    try:
        return apply(layout, *batches)
    except CheckerError:
        raise
    except Exception as error:
        if len(batches) > 1:
            return tuple(said for one in batches for said in apply_each(layout, [one]))
        logging.getLogger(__name__).exception("a bug in reversi")
        kind = type(error).__name__
        text = f"a batch of {len(batches[0])} entries was thrown away: a bug in reversi ({kind})"
        return (Said(text=text, is_trouble=True),)


def sentence(said: Said) -> str:
    place = f"{said.node or ''}{f':{said.port}' if said.port else ''}"
    return f"{place}: {said.text}" if place else said.text


def main() -> None:
    """Take over what lies in this machine's inbox. End with 1 if something is left there: systemd
    then waits before it starts us again.
    """
    journal.start_logging(logging.INFO)
    try:
        for said in apply_inbox(SYSTEM):
            level = logging.WARNING if said.is_trouble else logging.INFO
            journal.write(f"reversi: {sentence(said)}", level)
    except CheckerError as error:
        journal.write(f"reversi: {error}", logging.WARNING)
        sys.exit(1)
    left = (one for one in (SYSTEM.inbox, SYSTEM.from_bus) if one.is_dir() and any(one.iterdir()))
    sys.exit(1 if any(left) else 0)


if __name__ == "__main__":
    main()
