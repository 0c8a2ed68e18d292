"""The devices that asked to become nodes, as the state file has them."""

from __future__ import annotations

from collections.abc import Iterable

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import NAME_PATTERN, Applicant, InvalidValue, fingerprint
from checker.registry.enrolments import Enrolments, read_enrolments
from checker.registry.host_key_value import parse_host_key
from checker.registry.reading import read_registry
from checker.state.store import read_applicants


def applicants(layout: Layout) -> tuple[Applicant, ...]:
    """All that asked lately, also those that were rejected, the oldest first; none if no daemon ran
    yet. Raises StateError.

    Without a daemon, the state file still has those that were accepted, or whose enrolment was
    ended, since the last one ran. They are left out, and so is what no daemon of ours wrote: its
    account is not ours.
    """
    return true_ones(layout, read_applicants(layout.state))


def true_ones(layout: Layout, found: Iterable[Applicant]) -> tuple[Applicant, ...]:
    """Those among the applicants of a state file that are sound, and still ask."""
    sound = tuple(filter(is_sound, found))
    if not sound:
        return ()
    try:
        there = read_enrolments(layout.enrolments)
        asking = still_asking(sound, there)
        if not any(there.accepted(one.fingerprint) for one in asking):
            return asking
        nodes = read_registry(layout.nodes).nodes.values()
    except ConfigError:
        return sound
    keys = {key for node in nodes for key in node.public_keys}
    return tuple(one for one in asking if one.public_key not in keys)


def still_asking(found: Iterable[Applicant], there: Enrolments) -> tuple[Applicant, ...]:
    """Leave out those whose enrolment was ended. Those that were accepted may be nodes, or ask
    again since their node was removed.
    """
    known = {*there.found, *there.broken}
    return tuple(one for one in found if one.enrolment in known)


def removed_before(layout: Layout, chosen: Iterable[Applicant]) -> tuple[Applicant, ...]:
    """Those of the devices that wait that were accepted once: their nodes were removed since.
    Raises ConfigError.
    """
    there = read_enrolments(layout.enrolments)
    return tuple(one for one in chosen if there.accepted(one.fingerprint))


def is_sound(one: Applicant) -> bool:
    """Return whether it is as we write it, so that it can be shown."""
    texts = (one.said, one.peer, one.enrolment)
    try:
        keys = [parse_host_key(key) for key in (one.public_key, *one.host_keys)]
    except InvalidValue:
        return False
    return (
        fingerprint(keys[0]) == one.fingerprint
        and NAME_PATTERN.match(one.name) is not None
        and all(text.isprintable() for text in texts)
    )


def waiting(layout: Layout) -> tuple[Applicant, ...]:
    """Those of them that wait for an answer. Raises StateError."""
    return tuple(one for one in applicants(layout) if not one.is_rejected)
