"""Who is logged in to the tunnel user's account now, and could not log in again after `init`. Pure.

sshd asks about a key only at login. So a device whose key will no longer be accepted keeps its
tunnel until the connection breaks, and is gone then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An sshd session of the tunnel user."""

    peer: str = ""
    """The address that it comes from; empty if not known."""
    ports: tuple[int, ...] = ()
    """Where it listens."""
    key: str = ""
    """The fingerprint of its key, by sshd's log; empty if not known."""

    def __str__(self) -> str:
        where = f" on port {', '.join(map(str, self.ports))}" if self.ports else ""
        return f"{self.peer or 'an unknown address'}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """Who is logged in, and what opens the account now and after `init`. Keys are fingerprints."""

    found: tuple[Login, ...] = ()
    is_ours: bool = False
    """Whether our key file is in force already."""
    now: frozenset[str] | None = None
    """The keys that open the account now; if our key file is in force, only the shared ones. None:
    not known.
    """
    shared_then: frozenset[str] = frozenset()
    own_then: frozenset[str] = frozenset()
    """Keys of nodes and of enrolments."""
    shared_ports_then: frozenset[int] = frozenset()
    own_ports_then: frozenset[int] = frozenset()
    """Ports of nodes with a key of their own."""
    ports_of: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """The ports that each key of a node opens, by its fingerprint."""
    places: tuple[tuple[str, Path], ...] = ()
    """Where each of the keys `now` is, if it is in a file that is not ours."""
    leave: bool = False
    """Whether the admin agreed to leave devices behind."""


def has_lost_key(login: Login, logins: Logins) -> bool:
    """Return whether no key line will accept the login's key, as far as we know."""
    then = logins.shared_then | logins.own_then
    if login.key:
        return login.key not in then
    return logins.now is None or not logins.now <= then


def lost_ports(login: Login, logins: Logins) -> tuple[int, ...]:
    """Return the ports of the login that its key will not open.

    Once our key file is in force, a port that belongs to a node is the registry's affair.
    """
    if login.key in logins.own_then:
        own = frozenset(login.ports) if logins.is_ours else logins.ports_of.get(login.key, ())
        return tuple(port for port in login.ports if port not in own)
    open_then = logins.shared_ports_then | (logins.own_ports_then if logins.is_ours else set())
    return tuple(port for port in login.ports if port not in open_then)


def is_judged(login: Login, logins: Logins) -> bool:
    """Return whether the login concerns us. Once our key file is in force, only logins with the
    shared key do: what the registry takes from a node, its commands have said.
    """
    if not logins.is_ours:
        return True
    if login.key:
        return login.key in (logins.now or ())
    return bool(login.ports) and not logins.own_ports_then.issuperset(login.ports)


def without_key(logins: Logins) -> tuple[Login, ...]:
    """Return the logins whose key will not be accepted."""
    return tuple(
        login for login in logins.found if is_judged(login, logins) and has_lost_key(login, logins)
    )


def without_port(logins: Logins) -> tuple[Login, ...]:
    """Return the logins whose key will be accepted, but not for all of their ports."""
    return tuple(
        login
        for login in logins.found
        if is_judged(login, logins)
        and not has_lost_key(login, logins)
        and lost_ports(login, logins)
    )


def clauses(logins: Logins, user: str) -> Iterator[str]:
    """Say who will be left behind, and what `init` needs to take them along."""
    if lost := without_key(logins):
        keys = sorted({login.key for login in lost} - {""})
        places = {str(path) for key, path in logins.places if key in keys or not keys}
        files = sorted(places) or ["FILE"]
        named = f" ({', '.join(keys)})" if keys else ""
        yield (
            f"{devices(lost)} {'is' if len(lost) == 1 else 'are'} logged in as {user} with a key"
            f" that will not be accepted again{named}: {listed(lost)}; take them along with:"
            f" {' '.join(f'--shared-key {file}' for file in files)}"
        )
    registered = [login for login in without_port(logins) if login.key in logins.own_then]
    for login in registered:
        missing = ", ".join(map(str, lost_ports(login, logins)))
        yield (
            f"the node of the device at {login} does not have port {missing}, and so the device"
            " will not get it again; add it: reversi-checker node forward add NODE PORT=HOST:PORT"
        )
    if lost := tuple(one for one in without_port(logins) if one not in registered):
        ports = sorted({port for login in lost for port in lost_ports(login, logins)})
        yield (
            f"{devices(lost)} will not get {'this port' if len(ports) == 1 else 'these ports'}"
            f" again: {', '.join(map(str, ports))} ({listed(lost)}); name all ports of the fleet"
            " with --shared-ports; if they are among those of new nodes, go on with --leave-behind"
            " and import these nodes at once"
        )


def lost_keys(logins: Logins, user: str) -> Iterator[str]:
    """Say which keys that open the account now will not, though nobody is logged in with them: a
    device may be away.
    """
    then = logins.shared_then | logins.own_then
    used = {login.key for login in logins.found}
    lost = [f"{key} ({path})" for key, path in logins.places if key not in then and key not in used]
    if lost:
        yield (
            f"a device that logs in as {user} with one of these keys will be rejected from now on:"
            f" {', '.join(dict.fromkeys(lost))}; to let it in, add its key with --shared-key"
        )


def devices(logins: tuple[Login, ...]) -> str:
    return "1 device" if len(logins) == 1 else f"{len(logins)} devices"


def listed(logins: tuple[Login, ...]) -> str:
    """Name the logins, each once, the first few."""
    names = list(dict.fromkeys(map(str, sorted(logins, key=lambda one: (one.ports, one.peer)))))
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{rest}"
