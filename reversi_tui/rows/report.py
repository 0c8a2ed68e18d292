"""What the reader reports: changed rows, the gateway's health, a row's past: pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from checker.model import Event, Machine, Usage, Watched, is_future, printable
from checker.model.last_seen import LastSeen
from checker.rows.cells import bytes_text
from checker.rows.row import Key, Row, age_text
from checker.state.rows import Sweep

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView


class Daemon(StrEnum):
    """The daemon, as far as known."""

    UNASKED = "..."
    RUNNING = "running"
    UNREACHABLE = "no answer"
    """It sweeps, but does not answer us."""
    ABSENT = "not running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of the gateway, and of our view of it."""

    daemon: Daemon = Daemon.UNASKED
    sweep: Sweep | None = None
    trouble: str = ""
    """Why the state file cannot be read now; the rows are the last ones read."""
    problems: tuple[str, ...] = ()
    """A sentence for each registry file that could not be read."""
    registry_read: bool = False
    logins_waiting: int | None = None
    """Connections to sshd that have not logged in yet; None: unknown."""
    disk_free_bytes: int | None = None
    """On the state file's disk; None: unknown."""
    machine: Machine | None = None
    """None: unknown."""
    draining: bool = False
    """Whether the gateway tells its nodes to use another one."""
    gateway: str = ""
    """This gateway's ID, if rows of others in its fleet are shown, too; else empty."""
    silent: tuple[GatewayView, ...] = ()
    """The gateways that are unreachable."""
    on_ipv6: frozenset[int] = frozenset()
    """Ports of the rows that listen on ::1, and not on 127.0.0.1."""


MOST_OF_TROUBLE = 600
"""Characters."""
LATE_S = 30.0
"""A running daemon marks its sweep every two seconds, if it keeps time."""


STEADY = 0.05
"""Free disk space that moved by a smaller share than this is shown as before."""


def steadied(before: int | None, now: int | None) -> int | None:
    """The free bytes to show: as before, unless they moved enough, so that neither the number nor
    its alarm flickers.
    """
    if before is None or now is None or abs(now - before) > STEADY * before:
        return now
    return before


def silence(health: Health, now: float) -> str:
    """That a running daemon writes nothing, as a sentence; empty if it does."""
    sweep = health.sweep
    if health.daemon is not Daemon.RUNNING or sweep is None:
        return ""
    late_s = now - sweep.swept_at
    if late_s <= LATE_S + sweep.every_s:
        return ""
    free = health.disk_free_bytes
    disk = "disk full?" if free is None else f"disk full? {bytes_text(free)} free"
    return f"the daemon runs but has written nothing for {age_text(late_s)} ({disk})"


def clock_went_back(health: Health, now: float) -> str:
    """That the gateway's clock was set back, as a sentence; empty if nothing shows it."""
    sweep = health.sweep
    if sweep is None or not is_future(sweep.swept_at, now):
        return ""
    ahead = age_text(sweep.swept_at - now)
    return f"the clock was set back: the last sweep is {ahead} in the future; its rows are stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the reader found since its last report."""

    changed: tuple[Row, ...] = ()
    keys: frozenset[Key] | None = None
    """Keys of all rows; None: the same as before."""
    health: Health
    deeds: tuple[Event, ...] = ()
    """Events that were written meanwhile, oldest first."""
    is_quiet: bool = False
    """Whether rows were only probed again: to paint this can wait for the clock's next tick."""
    probed: frozenset[Key] = frozenset()
    """Rows among `changed` that were only probed again: no status, reason or process is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The events of a row's node, and the row's uptime by day."""

    events: tuple[Event, ...] = ()
    """The newest last."""
    days: tuple[Watched, ...] = ()
    """The oldest first; without days that no daemon watched."""
    usage: Usage | None = None
    """What its sshd process uses; None: unknown."""
    last: LastSeen | None = None
    """Of a forward that is down; None: it is not."""
    registry: str = ""
    """The text of its node's registry file; empty: it cannot be read, or there is none."""


def trouble(health: Health, now: float, unseen: str) -> str:
    """What the operator must know before believing the rows; empty if nothing. `unseen`: why there
    are no rows, once the registry was read.
    """
    sentences = list(filter(None, (clock_went_back(health, now), silence(health, now))))
    sentences += [health.trouble] if health.trouble else []
    if health.problems:
        more = f" (and {len(health.problems) - 1} more)" if len(health.problems) > 1 else ""
        sentences.append(f"{health.problems[0]}{more}")
    if health.registry_read and unseen:
        sentences.append(unseen)
    return printable("; ".join(sentences), MOST_OF_TROUBLE)
