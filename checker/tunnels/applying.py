"""Decide what a device is answered that asks to become a node. Pure.

An answer follows from the fingerprint of the key that the device sends, whatever it calls itself.
So a second request with the name or key of a registered node changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from checker.model import (
    MOST_APPLICANTS,
    Applicant,
    Enrolment,
    InvalidValue,
    Node,
    NodeName,
    fingerprint,
)
from checker.model.enrolment import FORGOTTEN_AFTER_S
from checker.registry.free_name import free_name
from checker.registry.host_key_value import parse_device_key, parse_host_key
from checker.wire import (
    MALFORMED,
    NOT_YOURS,
    TRY_LATER,
    Accepted,
    Enrol,
    EnrolAnswer,
    Rejected,
    Wait,
)

MOST_HOST_KEYS = 4
"""Of one device; sshd makes three."""
LEAST_WAIT_S = 30
AUTO_WAIT_S = 5
"""The same, if devices are accepted as they ask."""
LONGEST_WAIT_S = 600
"""With 1,000 applicants; so all of them together ask less than twice a second."""
NEW_WITHIN_S = 60.0
HEARD_EVERY_S = 60.0
"""An applicant that asks again sooner is not written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A request that changes nothing, and why."""

    why: str
    exit_status: int = NOT_YOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, and the applicant to keep, if it is new or changed."""

    answer: EnrolAnswer
    put: Applicant | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What decides about a device that asks."""

    by_key: Mapping[str, Node]
    """Each node by each of its own keys."""
    other_keys: Collection[str]
    """Keys that many devices may have: of enrolments, and the shared ones."""
    accepted: Collection[str]
    """Fingerprints of all devices that enrolments accepted."""
    names: Collection[NodeName]
    """Of all nodes, also of those with a broken file."""
    broken: Collection[NodeName]
    open_enrolments: Collection[str]
    """Ids of those that take devices now."""
    applicants: Mapping[str, Applicant]
    """By fingerprint."""


def decide(
    enrolment: Enrolment, asked: Enrol, known: Known, *, peer: str, now: float
) -> Answered | Refused:
    """Decide about one request, which came with the key of this enrolment from the address `peer`,
    at `now` (Unix seconds).
    """
    try:
        key = parse_device_key(asked.public_key)
    except InvalidValue as error:
        return Refused(why=str(error), exit_status=MALFORMED)
    if key in known.other_keys:
        return Refused(why="each device needs a key of its own: this one belongs to an enrolment")
    node = known.by_key.get(key)
    applicant = known.applicants.get(fingerprint(key))
    if node is not None:
        is_read = fingerprint(key) in known.accepted  # after the registry was
        if not is_read and applicant is not None and not applicant.is_rejected:
            return Answered(answer=wait(applicant, enrolment, known))
        return about_node(node, fingerprint(key), known)
    if applicant is not None and applicant.is_rejected:
        return Answered(answer=Rejected(), put=heard(applicant, now))
    closed = enrolment.why_closed(now)
    # the last use may be its own, and its node not read yet
    is_accepted = applicant is not None and applicant.fingerprint in known.accepted
    if closed and not is_accepted:
        return Refused(why=f"enrolment {enrolment.id} takes no device any more: {closed}")
    if applicant is not None:
        return about_applicant(applicant, enrolment, known, now)
    return about_newcomer(enrolment, replace(asked, public_key=key), known, peer, now)


def about_node(node: Node, print_: str, known: Known) -> Answered | Refused:
    """Answer a device whose key is registered: it learns its node only if an enrolment made it."""
    if print_ not in known.accepted:
        return Refused(why="that key is registered already, and not by an enrolment")
    if node.name in known.broken:
        return Refused(
            why=f"the file of node {node.name} at the gateway cannot be read", exit_status=TRY_LATER
        )
    return Answered(answer=Accepted(node.name, node.remote_forwards))


def about_applicant(
    applicant: Applicant, enrolment: Enrolment, known: Known, now: float
) -> Answered:
    """Answer a device that waits. It keeps what it first sent; only a name that a node has taken
    since, or an enrolment that takes no device any more, is replaced.
    """
    after = heard(applicant, now) or applicant
    if after.enrolment not in known.open_enrolments:
        after = replace(after, enrolment=enrolment.id)
    if after.name in known.names:
        after = replace(after, name=name_of(after, known))
    return Answered(answer=wait(after, enrolment, known), put=None if after == applicant else after)


def about_newcomer(
    enrolment: Enrolment, asked: Enrol, known: Known, peer: str, now: float
) -> Answered | Refused:
    """Take a new applicant, unless too many wait. Of one address at most as many may wait as places
    are free: whoever floods the gateway from there leaves room for others.
    """
    waiting = [one for one in known.applicants.values() if not one.is_rejected]
    if len(waiting) >= MOST_APPLICANTS:
        return Refused(
            why=f"{MOST_APPLICANTS} devices wait already for an answer", exit_status=TRY_LATER
        )
    here = network_of(peer)
    neighbours = [one for one in waiting if network_of(one.peer) == here]
    if len(neighbours) >= MOST_APPLICANTS - len(waiting):
        return Refused(
            why=(
                f"{len(neighbours)} devices from this address wait already for an answer; the other"
                " places are for other addresses"
            ),
            exit_status=TRY_LATER,
        )
    if len(newcomers(neighbours, enrolment, now)) >= enrolment.per_address:
        return Refused(
            why=(
                f"{enrolment.per_address} devices from this address asked within a minute, and have"
                " no answer yet"
            ),
            exit_status=TRY_LATER,
        )
    made = Applicant(
        enrolment=enrolment.id,
        name=NodeName(""),
        said=asked.name,
        public_key=asked.public_key,
        fingerprint=fingerprint(asked.public_key),
        host_keys=host_keys_in(asked.host_keys),
        peer=peer,
        first_at=now,
        last_at=now,
    )
    made = replace(made, name=name_of(made, known))
    return Answered(answer=wait(made, enrolment, known), put=made, is_new=True)


def newcomers(neighbours: Iterable[Applicant], enrolment: Enrolment, now: float) -> list[Applicant]:
    """Return who asked first within the last minute by this enrolment, of those that wait from one
    address.
    """
    return [
        one
        for one in neighbours
        # a clock that was set back must not keep an address out
        if one.enrolment == enrolment.id and 0 <= now - one.first_at < NEW_WITHIN_S
    ]


@lru_cache(4096)
def network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network, as a host has 2**64 addresses."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address


def host_keys_in(given: Iterable[str]) -> tuple[str, ...]:
    """Return the host keys that can be pinned, of each type the first; others are ignored, because
    they must not keep a device away.
    """
    found: dict[str, str] = {}
    for one in given:
        try:
            key = parse_host_key(one)
        except InvalidValue:
            continue
        found.setdefault(key.partition(" ")[0], key)
    return tuple(found.values())[:MOST_HOST_KEYS]


def name_of(applicant: Applicant, known: Known) -> NodeName:
    """Return a free name for the node that the device would become."""
    taken = {
        one.name
        for one in known.applicants.values()
        if not one.is_rejected and one.fingerprint != applicant.fingerprint
    }
    return free_name(applicant.said, lambda name: name in known.names or name in taken)


def heard(applicant: Applicant, now: float) -> Applicant | None:
    """Return the applicant as heard now; None if that was noted within the last minute."""
    is_noted = 0 <= now - applicant.last_at < HEARD_EVERY_S
    return None if is_noted else replace(applicant, last_at=now)


def wait(applicant: Applicant, enrolment: Enrolment, known: Known) -> Wait:
    """Return how long the device waits before it asks again: the longer, the more others wait."""
    count = sum(not one.is_rejected for one in known.applicants.values())
    least = AUTO_WAIT_S if enrolment.is_auto else LEAST_WAIT_S
    more = (LONGEST_WAIT_S - least) * min(count, MOST_APPLICANTS) // MOST_APPLICANTS
    return Wait(least + more, applicant.name, applicant.fingerprint)


def over(known: Known, there: Collection[str], now: float) -> list[Applicant]:
    """Return the applicants to forget: those whose key is a node's by now, that were not heard for
    a day, or whose enrolment is not `there` any more; and of the rejected ones, which must not fill
    the memory, those heard first.
    """
    gone = [
        one
        for one in known.applicants.values()
        if one.public_key in known.by_key
        or one.enrolment not in there
        or now - one.last_at > FORGOTTEN_AFTER_S
    ]
    prints = {one.fingerprint for one in gone}
    rejected = sorted(
        (a for a in known.applicants.values() if a.is_rejected and a.fingerprint not in prints),
        key=lambda one: one.last_at,
    )
    return [*gone, *rejected[: max(0, len(rejected) - MOST_APPLICANTS)]]
