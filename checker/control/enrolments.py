"""Make and end enrolments: keys with which devices ask to become nodes."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from checker.config.layout import Layout
from checker.control.client import Control, operator_name
from checker.control.expectations import USUAL
from checker.control.notices import Report, warn
from checker.model import (
    ENROLS,
    OPEN,
    Enrolment,
    Event,
    EventKind,
    ForwardRequest,
    InvalidValue,
    KeyType,
    Node,
    NodeName,
    fingerprint,
    parse_public_key,
)
from checker.output import clock
from checker.registry.authorized_keys import gate_command
from checker.registry.enrolling import EnrolmentExists, end_enrolment, make_enrolment
from checker.registry.enrolments import read_enrolments
from checker.registry.key_lines import MARK
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.sshd.keygen import make_host_key, make_key_pair
from checker.state.errors import StateMissing
from checker.state.store import open_reader

CONSONANTS, VOWELS = "bdfghklmnprstvz", "aeiou"
SYLLABLES = 3


def random_id(taken: Collection[str]) -> str:
    """A short word that can be said, and that no enrolment has."""
    while True:
        letters = (secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(SYLLABLES))
        word = "".join(letters)
        if word not in taken:
            return word


def requests_like(node: Node) -> tuple[ForwardRequest, ...]:
    """What a node has, without its ports. Raises InvalidValue if it has nothing."""
    if not node.lasting:
        raise InvalidValue(f"node {node.name} has no forward; name another node, or use --forward")
    return tuple(
        ForwardRequest(
            port=None, target=forward.target, expect=forward.expect, public=forward.public
        )
        for forward in node.lasting
    )


def blind_notes(requests: Iterable[ForwardRequest]) -> Iterator[str]:
    """A sentence for each forward of which no response is expected, and none was named."""
    for request in requests:
        if request.expect != OPEN or request.says_expect:
            continue
        usual = USUAL.get(request.target.port)
        advice = (
            f"port {request.target.port} usually answers with {usual}: write --forward"
            f" {shlex.quote(f'{request.target},{usual}')}"
            if usual
            else f"if it answers with something, write --forward {request.target},EXPECT"
        )
        yield (
            f"no response is expected of {request.target} (`open`), so a tunnel that hangs is not"
            f" noticed; {advice}"
        )


def without_ports(requests: Sequence[ForwardRequest]) -> tuple[ForwardRequest, ...]:
    """The requests, of which none may name a gateway port. Raises InvalidValue."""
    for request in requests:
        if request.port is not None:
            raise InvalidValue(
                f"port {request.port} can belong to one node only, and an enrolment makes many;"
                f" write --forward {request.target}, and each node gets a port of its own"
            )
    return tuple(requests)


def refuse_known(layout: Layout, id_: str) -> None:
    """Raise EnrolmentExists if there is one, even a broken one."""
    known = read_enrolments(layout.enrolments)
    if id_ in known.found or id_ in known.broken:
        raise EnrolmentExists(id_)


def begin_enrolment(layout: Layout, wanted: Enrolment, kind: KeyType, report: Report) -> Enrolment:
    """Make a key for the enrolment, and let it in; without an id, it gets one. Raises
    EnrolmentExists, CheckerError.
    """
    refuse_known(layout, wanted.id)  # before a key is made, which may take a minute
    known = read_enrolments(layout.enrolments)
    id_ = wanted.id or random_id({*known.found, *known.broken})
    private, public = make_key_pair(f"{MARK}{ENROLS}{id_}", kind)
    enrolment = replace(wanted, id=id_, public_key=parse_public_key(public))
    if layout.home is not None:
        with locked(layout):
            make_host_key(layout.host_key)
    make_enrolment(layout, enrolment, private, gate_command(layout))
    many = f"{enrolment.uses} uses" if enrolment.uses else "any number of uses"
    how = ", accepts by itself" if enrolment.is_auto else ""
    log(layout, f"enrolment {id_} made: until {clock(enrolment.expires)}, {many}{how}", report)
    return enrolment


def stop_enrolment(layout: Layout, id_: str, report: Report) -> None:
    """End it: its key opens nothing any more, and its applicants are forgotten. Raises
    UnknownEnrolment, CheckerError.
    """
    end_enrolment(layout, id_, gate_command(layout))
    log(layout, f"enrolment {id_} ended", report)


def log(layout: Layout, text: str, report: Report) -> None:
    """Write an event, and have the daemon read the registry."""
    event = Event(at=time.time(), kind=EventKind.REGISTRY, text=text, actor=operator_name())
    trouble = Control(layout=layout).report((event,))
    if trouble:
        warn(report, [f"done, but the event could not be written: {trouble}"])


def unaware(layout: Layout, registry: Registry, enrolment: Enrolment) -> tuple[NodeName, ...]:
    """The nodes that the enrolment made and that never came: their devices may not know yet that
    they were accepted. Raises StateError.
    """
    made = [
        node
        for node in registry.nodes.values()
        if any(fingerprint(key) in enrolment.accepted for key in node.public_keys)
    ]
    if not made:
        return ()
    try:
        with closing(open_reader(layout.state)) as state:
            came = {tunnel.node for tunnel in state.tunnels() if tunnel.checked_at is not None}
            came |= {one.node for one in state.registrations()}
    except StateMissing:
        came = set()
    return tuple(node.name for node in made if node.name not in came)
