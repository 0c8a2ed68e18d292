"""Answer devices that ask with an enrolment's key, as `checker.tunnels.applying` decides.

Only a daemon does. Applicants are kept in memory and in the state file; what is kept changes only
if a device is new, or was not heard for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from checker.model import (
    Applicant,
    Enrolment,
    EventKind,
    Node,
    NodeName,
    enrolment_of,
    fingerprint,
    printable,
)
from checker.registry.enrolments import Enrolments
from checker.registry.nodes import Registry
from checker.tunnels.applying import Known, Refused, decide, over
from checker.tunnels.gateway import Gateway
from checker.tunnels.rate_limits import EventRate
from checker.wire import (
    MALFORMED,
    NOT_YOURS,
    TRY_LATER,
    Asked,
    Malformed,
    Reply,
    parse_enrol,
    refusal,
    render_enrol_answer,
)

PUT_OFF_TOLD_EVERY_S = 60.0
"""Shortest time between two events about devices of one enrolment that must ask later."""
AGAIN_AFTER_S = 30.0
"""Until a device that could not be accepted by itself is tried again."""


def without_daemon() -> Reply:
    """Answer every request of an enrolment's key where nothing can be kept."""
    return refusal("no daemon runs at the gateway; ask again later", TRY_LATER)


class EnrolRequests:
    """The requests of devices that want to become nodes, and what is known of these devices."""

    def __init__(self, gateway: Gateway, refuse: Callable[[Asked, str, int], Reply]) -> None:
        self.gateway = gateway
        self.refuse = refuse
        self.applicants = gateway.ledger.applicants
        self.enrolments: Enrolments | None = None
        """None: not read yet."""
        self.indexed: Registry | None = None
        """The registry of which `by_key` is an index."""
        self.by_key: Mapping[str, Node] = {}
        self.accepted: frozenset[str] = frozenset()
        self.answering: frozenset[str] = frozenset()
        """Ids of the enrolments whose key opens anything."""
        self.newcomers = EventRate()
        self.put_off_at: dict[str, float] = {}
        """When an event said last that devices must ask later, by enrolment; monotonic."""
        self.tried_at: dict[str, float] = {}
        """When an applicant was last tried to be accepted by itself, by fingerprint; monotonic."""

    def answer(self, asked: Asked) -> Reply:
        """Answer a request; only `enrol` can be said with such a key."""
        try:
            request = parse_enrol(asked.command)
        except Malformed as error:
            is_other = not asked.command.lstrip(" ").startswith("enrol")
            why = "an enrolment's key opens nothing else; " if is_other else ""
            return self.refuse(asked, f"{why}{error}", NOT_YOURS if is_other else MALFORMED)
        if self.enrolments is None:
            return without_daemon()
        id_ = enrolment_of(asked.node) or ""
        if id_ in self.enrolments.broken:
            why = f"the file of enrolment {id_} at the gateway cannot be read"
            return self.refuse(asked, why, TRY_LATER)
        enrolment = self.enrolments.found.get(id_)
        if enrolment is None:
            return self.refuse(asked, f"enrolment {printable(id_)} has ended", NOT_YOURS)
        now, peer = time.time(), printable(asked.peer.partition(" ")[0])
        decision = decide(enrolment, request, self.known(now), peer=peer, now=now)
        if isinstance(decision, Refused):
            return self.refused(asked, decision, enrolment)
        if decision.put is not None:
            self.applicants.put(decision.put)
            if decision.is_new:
                self.log_newcomer(decision.put, enrolment)
        return Reply(answer=render_enrol_answer(decision.answer))

    def refused(self, asked: Asked, decision: Refused, enrolment: Enrolment) -> Reply:
        """Refuse, and log it; of the many that must only ask later, one a minute."""
        if decision.exit_status == TRY_LATER:
            now = time.monotonic()
            if (
                now - self.put_off_at.get(enrolment.id, -PUT_OFF_TOLD_EVERY_S)
                < PUT_OFF_TOLD_EVERY_S
            ):
                return refusal(decision.why, TRY_LATER)
            self.put_off_at[enrolment.id] = now
        return self.refuse(asked, decision.why, decision.exit_status)

    def known(self, now: float) -> Known:
        """Return what decides about a device that asks at `now` (Unix seconds)."""
        registry, there = self.gateway.registry, self.enrolments or Enrolments()
        if self.indexed is not registry:
            self.indexed = registry
            self.by_key = {key: one for one in registry.nodes.values() for key in one.public_keys}
        found = there.found.values()
        return Known(
            by_key=self.by_key,
            other_keys=(
                *(one.public_key for one in found),
                *self.gateway.config.shared_key.public_keys,
            ),
            accepted=self.accepted,
            names=registry.nodes.keys() | registry.broken
            if registry.broken
            else registry.nodes.keys(),
            broken=registry.broken,
            open_enrolments=frozenset(one.id for one in found if not one.why_closed(now)),
            applicants=self.applicants.by_fingerprint,
        )

    def use(self, enrolments: Enrolments) -> None:
        """Use these from now on; log which of them take no device any more."""
        before, now = self.enrolments, time.time()
        self.enrolments = enrolments
        self.gateway.enrolling = {
            fingerprint(one.public_key): one.id for one in enrolments.found.values()
        }
        self.accepted = frozenset(
            print_ for one in enrolments.found.values() for print_ in one.accepted
        )
        for one in enrolments.found.values():
            old = before.found.get(one.id) if before else None
            if old and one.is_used_up and not old.is_used_up:
                self.log(f"enrolment {one.id} takes no device any more: {one.why_closed(now)}", one)

    def has_lapsed(self, now: float) -> bool:
        """Return whether the key of an enrolment began or ceased to open anything since this was
        asked last; log each that is over by now (Unix seconds).
        """
        found = self.enrolments.found if self.enrolments else {}
        answering = frozenset(one.id for one in found.values() if one.answers(now))
        for id_ in self.answering - answering:
            if one := found.get(id_):
                why = one.why_closed(now)
                self.log(f"the key of enrolment {id_} opens nothing any more: {why}", one)
        changed, self.answering = answering != self.answering, answering
        return changed

    def follow(self) -> None:
        """Forget the applicants that became nodes, or were not heard for a day. Log those that
        nobody accepted but the gateway itself: of the others, the operator's command has said it.
        """
        if self.enrolments is None or not self.applicants.by_fingerprint:
            return
        now = time.time()
        known, there = self.known(now), self.enrolments
        gone = over(known, (*there.found, *there.broken), now)
        for one in gone:
            node = known.by_key.get(one.public_key)
            enrolment = there.found.get(one.enrolment)
            if node and enrolment and enrolment.is_auto and one.fingerprint in self.accepted:
                text = f"accepted by itself: {one.origin}"
                self.log(text, enrolment, node=node.name)
        self.applicants.drop([one.fingerprint for one in gone])
        self.tried_at = {
            one: at for one, at in self.tried_at.items() if one in self.applicants.by_fingerprint
        }

    def due(self, now: float) -> list[Applicant]:
        """Return the applicants that should be accepted without an operator, and were not tried
        lately; note that they are tried at `now` (monotonic). Of one whose node was removed, an
        operator must decide.
        """
        found = self.enrolments.found if self.enrolments else {}
        open_ = {
            one.id for one in found.values() if one.is_auto and not one.why_closed(time.time())
        }
        due = [
            one
            for one in self.applicants.by_fingerprint.values()
            if one.enrolment in open_
            and not one.is_rejected
            and one.fingerprint not in self.accepted
            and now - self.tried_at.get(one.fingerprint, -AGAIN_AFTER_S) >= AGAIN_AFTER_S
        ]
        self.tried_at |= dict.fromkeys((one.fingerprint for one in due), now)
        return due

    def reject(
        self, fingerprints: Sequence[str], operator: str
    ) -> tuple[list[NodeName], list[str]]:
        """Reject these applicants; return the names of those that waited, and the fingerprints that
        belong to none that does.
        """
        rejected: list[NodeName] = []
        unknown: list[str] = []
        for print_ in fingerprints:
            one = self.applicants.by_fingerprint.get(print_)
            if one is None or one.is_rejected:
                unknown.append(print_)
                continue
            self.applicants.put(replace(one, is_rejected=True))
            rejected.append(one.name)
            self.gateway.ledger.log_event(
                EventKind.REGISTRY,
                f"rejected: {one.origin}, by enrolment {one.enrolment}",
                node=one.name,
                actor=operator,
            )
        return rejected, unknown

    def log_newcomer(self, one: Applicant, enrolment: Enrolment) -> None:
        """Log that a device asks, unless too many did lately."""
        if not self.newcomers.allows(time.monotonic()):
            return
        own = "" if one.said == one.name else f", which calls itself {printable(one.said)}"
        advice = (
            ""
            if enrolment.is_auto
            else f"; to let it in: reversi-checker node accept {one.name}@{one.fingerprint}"
        )
        text = f"a device asks to become node {one.name}{own}: {one.origin}{advice}"
        self.log(text, enrolment, node=one.name)

    def log(self, text: str, enrolment: Enrolment, *, node: NodeName | None = None) -> None:
        self.gateway.ledger.log_event(
            EventKind.REGISTRY, text, node=node, actor=f"enrolment {enrolment.id}"
        )
