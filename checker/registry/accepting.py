"""Make nodes of applicants: many at once, with one key file; one that fails stops no other."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.model import (
    Applicant,
    CheckerError,
    Enrolment,
    Forward,
    ForwardRequest,
    InvalidValue,
    Node,
    NodeName,
    Port,
    PortRanges,
    expects_ssh,
    fingerprint,
    is_device_itself,
    parse_name,
    printable,
)
from checker.registry.enrolment_pins import hand_on_pins
from checker.registry.enrolments import (
    Enrolments,
    KeyEnrols,
    UnknownEnrolment,
    read_enrolments,
    write_enrolment,
)
from checker.registry.free_name import free_name, name_of_word
from checker.registry.host_key_value import parse_device_key, parse_host_key
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.many_changes import change_all
from checker.registry.nodes import (
    KeyTaken,
    NameTaken,
    PortsUsedUp,
    Registry,
    SharedKeyTaken,
    free_ports,
)
from checker.registry.publications import unbindable
from checker.registry.reading import node_path, read_registry

BEST_FIRST = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
"""Which of a device's host keys is pinned: OpenSSH's client prefers these types in this order."""


MOST_REASONS = 5
"""Different ones that are logged when devices were tried to be accepted."""


class TakesNone(CheckerError):
    """The enrolment takes no device any more, or needs an operator for each."""

    def __init__(self, enrolment: str, why: str) -> None:
        super().__init__(f"enrolment {enrolment} takes no device: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What became of each applicant, in their order."""

    accepted: tuple[tuple[Applicant, Node], ...] = ()
    failed: tuple[tuple[Applicant, CheckerError], ...] = ()
    used_up: tuple[str, ...] = ()
    """Ids of the enrolments whose last use was taken now."""


def failures_in(done: Acceptance) -> list[str]:
    """Return a sentence for each reason why devices were not accepted, with one of them as an
    example: who asks with many keys must not fill the log.
    """
    reasons = Counter(str(error) for _, error in done.failed)
    first = {str(error): one for one, error in reversed(done.failed)}
    found = []
    for why, count in reasons.most_common(MOST_REASONS):
        more = f", and {count - 1} more" if count > 1 else ""
        found.append(f"{printable(first[why].fingerprint)} is not accepted: {why}{more}")
    return found


def accept(
    layout: Layout,
    applicants: Sequence[Applicant],
    command: GateCommand,
    *,
    by_itself: bool = False,
) -> Acceptance:
    """Register a node for each of the applicants. Takes the lock. Raises ConfigError if the
    registry or the key file cannot be used; then nothing is changed.

    Uses, end and forwards come from the enrolment's own file. `by_itself`: nobody was asked, so
    only enrolments that say so (`--auto`) take devices, none whose node was removed since, and a
    name that is taken is numbered.
    """
    now = time.time()
    with locked(layout):
        registry, enrolments = read_registry(layout.nodes), read_enrolments(layout.enrolments)
        desk = Desk(
            layout=layout,
            registry=registry,
            enrolments=enrolments,
            shared=frozenset(load_config(layout.config).shared_key.public_keys),
            ports=load_config(layout.config).policy.ports,
            now=now,
            by_itself=by_itself,
        )
        failed: list[tuple[Applicant, CheckerError]] = []
        for applicant in applicants:
            try:
                desk.take(applicant)
            except CheckerError as error:
                failed.append((applicant, error))
        failed += register(layout, desk, command)
    order = [one.fingerprint for one in applicants]
    return Acceptance(
        accepted=tuple(desk.taken),
        failed=tuple(sorted(failed, key=lambda pair: order.index(pair[0].fingerprint))),
        used_up=tuple(
            id_
            for id_, one in desk.enrolments_after.items()
            if one.is_used_up and not enrolments.found[id_].is_used_up
        ),
    )


@dataclass(slots=True, kw_only=True)
class Desk:
    """Takes one applicant after the other, and knows what the earlier ones were given."""

    layout: Layout
    registry: Registry
    enrolments: Enrolments
    shared: frozenset[str]
    ports: PortRanges
    now: float
    by_itself: bool
    taken: list[tuple[Applicant, Node]] = field(default_factory=list)
    enrolments_after: dict[str, Enrolment] = field(default_factory=dict)
    keys: dict[str, NodeName] = field(init=False)
    names: set[NodeName] = field(init=False)
    free: Iterator[Port] = field(init=False)

    def __post_init__(self) -> None:
        nodes = self.registry.nodes.values()
        self.keys = {key: node.name for node in nodes for key in node.public_keys}
        self.names = {*self.registry.nodes, *self.registry.broken}
        self.free = iter(free_ports(self.registry, (), self.ports))

    def take(self, given: Applicant) -> None:
        """Make the applicant a node, or raise CheckerError: then it is as if it had not asked."""
        applicant = checked(given)
        enrolment = self.enrolment_for(applicant.enrolment)
        self.refuse_key(applicant)
        if self.by_itself and applicant.fingerprint in enrolment.accepted:
            raise TakesNone(enrolment.id, "its node was removed since; an operator must decide")
        name = self.name_for(applicant)
        forwards = tuple(self.forward(name, one, applicant) for one in enrolment.forwards)
        node = Node(
            name=name,
            public_key=applicant.public_key,
            forwards=forwards,
            added_at=int(self.now),
            tags=enrolment.tags,
            note=enrolment.note,
        )
        if trouble := unbindable(node, ()):
            raise trouble
        self.taken.append((given, node))
        self.keys[node.public_key] = name
        self.names.add(name)
        self.enrolments_after[enrolment.id] = with_accepted(
            enrolment, applicant.fingerprint, int(self.now)
        )

    def enrolment_for(self, id_: str) -> Enrolment:
        """Return the enrolment, as the earlier applicants left it. Raises CheckerError if it takes
        no device.
        """
        if id_ in self.enrolments.broken:
            raise TakesNone(id_, self.enrolments.broken[id_])
        found = self.enrolments_after.get(id_) or self.enrolments.found.get(id_)
        if found is None:
            raise UnknownEnrolment(id_, self.enrolments.found)
        why = found.why_closed(self.now)
        if self.by_itself and not found.is_auto:
            why = "it needs an operator for each"
        if why:
            raise TakesNone(id_, why)
        return found

    def refuse_key(self, applicant: Applicant) -> None:
        """Raises KeyTaken, KeyEnrols, SharedKeyTaken."""
        if applicant.public_key in self.keys:
            raise KeyTaken(self.keys[applicant.public_key])
        if applicant.public_key in self.shared:
            raise SharedKeyTaken(applicant.name)
        for one in self.enrolments.found.values():
            if one.public_key == applicant.public_key:
                raise KeyEnrols(one.id)

    def name_for(self, applicant: Applicant) -> NodeName:
        """Return the node's name. Raises NameTaken: an operator has agreed to that name only."""
        is_usual = not self.by_itself or applicant.name == name_of_word(applicant.name)
        if is_usual and not self.is_taken(applicant.name):
            return applicant.name
        if not self.by_itself:
            raise NameTaken(applicant.name)
        return free_name(applicant.said, self.is_taken)

    def is_taken(self, name: NodeName) -> bool:
        return name in self.names or os.path.lexists(node_path(self.layout, name))

    def forward(self, name: NodeName, request: ForwardRequest, applicant: Applicant) -> Forward:
        """Return a forward on the next free port. Raises PortsUsedUp."""
        port = next(self.free, None)
        if port is None:
            raise PortsUsedUp(self.ports)
        made = Forward(
            node=name,
            port=port,
            target=request.target,
            expect=request.expect,
            public=request.public,
        )
        is_its_own = is_device_itself(made.target.host) and expects_ssh(made)
        return replace(made, host_key=best_of(applicant.host_keys)) if is_its_own else made


def checked(given: Applicant) -> Applicant:
    """Return the applicant with values that may be written: another account wrote the state file.
    Raises InvalidValue.
    """
    key = parse_device_key(given.public_key)
    if fingerprint(key) != given.fingerprint:
        raise InvalidValue(f"the key of {given.name[:80]!r} is not the one of its fingerprint")
    return replace(
        given, name=parse_name(given.name), public_key=key, host_keys=tuple(sound(given.host_keys))
    )


def sound(host_keys: Sequence[str]) -> Iterator[str]:
    """Yield the host keys that can be pinned."""
    for one in host_keys:
        try:
            yield parse_host_key(one)
        except InvalidValue:
            continue


def best_of(host_keys: Sequence[str]) -> str:
    """Return the host key to pin; empty if there is none."""
    kinds = {one.partition(" ")[0]: one for one in reversed(host_keys)}
    return next((kinds[kind] for kind in (*BEST_FIRST, *kinds) if kind in kinds), "")


def with_accepted(enrolment: Enrolment, print_: str, now: int) -> Enrolment:
    """Return the enrolment after it accepted the device with this fingerprint."""
    known = dict.fromkeys((*enrolment.accepted, print_))
    return replace(enrolment, accepted=tuple(known), accepted_at=now)


def register(
    layout: Layout, desk: Desk, command: GateCommand
) -> list[tuple[Applicant, CheckerError]]:
    """Write what the desk has taken; return what could not be written, and forget it there.

    Enrolments come first: a device that was only counted asks again, but one that was registered
    and not counted would never learn of it. Raises ConfigError.
    """
    if not desk.taken:
        return []
    for one in desk.enrolments_after.values():
        write_enrolment(layout, one)
    try:
        failed = change_all(
            layout, [node for _, node in desk.taken], command, registry=desk.registry
        )
    except BaseException:
        lost_nodes = [pair for pair in desk.taken if not node_path(layout, pair[1].name).exists()]
        give_back(layout, desk, {one.fingerprint for one, _ in lost_nodes})
        raise
    lost = [(one, failed[node.name]) for one, node in desk.taken if node.name in failed]
    if lost:
        desk.taken = [(one, node) for one, node in desk.taken if node.name not in failed]
        give_back(layout, desk, {one.fingerprint for one, _ in lost})
    hand_on_pins(layout, [(one.enrolment, node.name) for one, node in desk.taken])
    return [*lost]


def give_back(layout: Layout, desk: Desk, prints: set[str]) -> None:
    """Take these fingerprints out of the enrolments that have just counted them. Raises
    ConfigError.
    """
    for id_, after in desk.enrolments_after.items():
        before = desk.enrolments.found[id_]
        kept = tuple(one for one in after.accepted if one in before.accepted or one not in prints)
        since = after.accepted_at if len(kept) > len(before.accepted) else before.accepted_at
        desk.enrolments_after[id_] = replace(after, accepted=kept, accepted_at=since)
        write_enrolment(layout, desk.enrolments_after[id_])
