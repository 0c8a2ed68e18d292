"""Accept and reject devices that ask to become nodes, for the console and the command line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from checker.config.layout import Layout
from checker.control import rejecting
from checker.control.client import DaemonAbsent, NotAllowed, operator_name
from checker.control.many_nodes import Failure, parts_of
from checker.control.matching import NothingMatches, refuse_blank
from checker.control.muting import OldDaemon
from checker.control.notices import Report, log_changes, warn
from checker.haproxy.publish import tell_haproxy
from checker.model import Applicant, Event, EventKind, Node, Note, lacks_pin
from checker.registry.accepting import accept as register
from checker.registry.authorized_keys import gate_command
from checker.registry.enrolments import read_enrolments
from checker.registry.freed_ports import read_freed_or_none
from checker.registry.lock import is_ours
from checker.state.rows import Batch
from checker.state.store import open_store

GONE = "it no longer waits"
UNPINNED = (
    "hostkey is expected, but the device sent no host key to compare with; once its tunnel is up,"
    " run: reversi-checker node pin"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The nodes that were made, and why the others were not."""

    nodes: tuple[Node, ...]
    failures: tuple[Failure, ...] = ()


def matching(layout: Layout, found: Sequence[Applicant], text: str) -> tuple[Applicant, ...]:
    """Those that the filter shows; it sees their enrolment's tags and note. Raises NothingMatches,
    InvalidValue, MistakenFilter, ConfigError.
    """
    from checker.rows.applicants import pending_row  # slow to load
    from checker.rows.claims import forget
    from checker.rows.mistakes import check_filter, why_nothing
    from checker.rows.row import Moment

    refuse_blank(text)
    if not found:
        raise NothingMatches("no device waits to be accepted")
    enrolments = read_enrolments(layout.enrolments).found
    rows = [pending_row(one, enrolments.get(one.enrolment)) for one in found]
    moment = Moment(now=time.time(), every_s=1.0)
    wanted = check_filter(text, rows, moment)
    shown = tuple(one for one, row in zip(found, rows, strict=True) if wanted.shows(row, moment))
    forget(row.key for row in rows)
    if not shown:
        raise NothingMatches(why_nothing(text, rows, moment))
    return shown


def accept(layout: Layout, chosen: Sequence[Applicant], report: Report) -> Accepted:
    """Make a node of each; one that fails stops no other. Raises CheckerError if none could be
    tried.
    """
    freed, _ = read_freed_or_none(layout.nodes, time.time())
    done = register(layout, chosen, gate_command(layout))
    nodes = tuple(node for _, node in done.accepted)
    if nodes:
        tell(layout, done.accepted, report)
    ports = [port for node in nodes for port in node.ports if port in freed]
    warn(report, [f"no other port is left: {freed[port].sentence}" for port in ports])
    warn(report, [f"{node.name}: {UNPINNED} {node.name}" for node in nodes if lacks_pin(node)])
    for id_ in done.used_up:
        report(Note(f"enrolment {id_} has no use left, and takes no device any more"))
    failures = tuple(Failure(name=one.name, why=str(error)) for one, error in done.failed)
    return Accepted(nodes=nodes, failures=failures)


def tell(layout: Layout, made: Sequence[tuple[Applicant, Node]], report: Report) -> None:
    """Inform daemon, event log and HAProxy about new nodes."""
    clauses = [
        (
            node.name,
            forward.port,
            (
                f"added: to {forward.target}, expecting {forward.expect}; {one.origin}, by"
                f" enrolment {one.enrolment}"
            ),
        )
        for one, node in made
        for forward in node.forwards
    ]
    for part in parts_of(clauses):
        log_changes(layout, part, report)
    about_proxy = tell_haproxy(layout)
    if about_proxy is not None:
        report(about_proxy)


def reject(layout: Layout, chosen: Sequence[Applicant]) -> tuple[Failure, ...]:
    """Let each be answered that it was rejected; those that no longer wait. Raises NotAllowed,
    DaemonAbsent, OldDaemon, StateError.
    """
    try:
        _, unknown = rejecting.reject(layout, [one.fingerprint for one in chosen])
    except DaemonAbsent:
        if not is_ours(layout):
            raise
        unknown = reject_in_state(layout, chosen)
    except NotAllowed as error:
        if str(error).startswith("a malformed request"):
            raise OldDaemon from error
        raise
    return tuple(Failure(name=one.name, why=GONE) for one in chosen if one.fingerprint in unknown)


def reject_in_state(layout: Layout, chosen: Sequence[Applicant]) -> list[str]:
    """Write it into the state file, which no daemon uses now; the fingerprints of those that do not
    wait. Raises StateError.
    """
    now, wanted = time.time(), {one.fingerprint for one in chosen}
    with contextlib.closing(open_store(layout.state)) as store:
        known = [one for one in store.applicants() if not one.is_rejected]
        there = [one for one in known if one.fingerprint in wanted]
        store.write(
            Batch(
                applicants=[replace(one, is_rejected=True) for one in there],
                events=[rejection(one, operator_name(), now) for one in there],
            )
        )
    return sorted(wanted.difference(one.fingerprint for one in there))


def rejection(one: Applicant, operator: str, now: float) -> Event:
    return Event(
        at=now,
        kind=EventKind.REGISTRY,
        text=f"rejected: {one.origin}, by enrolment {one.enrolment}",
        node=one.name,
        actor=operator,
    )
