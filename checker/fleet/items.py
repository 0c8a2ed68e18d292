"""What a gateway says about its state file, item by item, as it travels. Pure.

An item is a list: its kind, its key, and its values; without values it is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from checker.fleet.values import (
    instant_of,
    instant_or_none,
    list_of,
    number_or_none,
    text_of,
    whole_of,
)
from checker.model import (
    InvalidValue,
    NodeName,
    Place,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    Unregistered,
    parse_expect,
    parse_name,
)

TUNNEL, REGISTRATION, UNREGISTERED = "t", "r", "u"
Key = tuple[str | int, ...]
"""The kind, and what tells items of this kind apart."""
MOST_PORT = 65535
MOST_SECONDS = 1 << 31


@dataclass(slots=True, kw_only=True)
class Items:
    """Items, parsed."""

    tunnels: list[Tunnel] = field(default_factory=list)
    forgotten: list[Place] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    ended: list[tuple[NodeName, ProcessId]] = field(default_factory=list)
    unregistered: list[Unregistered] = field(default_factory=list)
    gone: list[Port] = field(default_factory=list)
    """Ports of devices that are not in the registry, and are gone."""
    keys: set[Key] = field(default_factory=set)
    """Of those that are there."""
    refused: int = 0
    """Items that are not as we write them."""


def tunnel_key(place: Place) -> Key:
    return (TUNNEL, *place)


def registration_key(one: Registration) -> Key:
    return (REGISTRATION, one.node, one.session.pid, one.session.start_ticks)


def unregistered_key(one: Unregistered) -> Key:
    return (UNREGISTERED, one.port)


def tunnel_values(one: Tunnel) -> list[Any]:
    session = one.session
    return [
        one.status.value,
        one.detail,
        one.latency_ms,
        session.pid if session else None,
        session.start_ticks if session else None,
        one.peer,
        one.since,
        one.probed_at,
        one.checked_at,
        one.failures,
        one.kills,
        one.strikes,
        one.verdict,
        one.bytes_total,
        one.answer,
        one.due_s,
        *(() if one.held_until is None else (one.held_until,)),
    ]


def registration_values(one: Registration) -> list[Any]:
    return [one.instance, one.peer, one.registered_at, one.client, one.moves, one.home]


def unregistered_values(one: Unregistered) -> list[Any]:
    return [one.node, str(one.expect), one.first_at, one.last_at, one.calls_itself]


def item_text(key: Key, values: list[Any] | None) -> str:
    """Render an item; None: it is gone."""
    parts = [*key] if values is None else [*key, values]
    return json.dumps(parts, separators=(",", ":"))


def parse_items(many: Iterable[Any]) -> Items:
    """Parse items. Those that are not as we write them are counted and left out, as are those of a
    kind that only a later version knows.
    """
    found = Items()
    for one in many:
        try:
            parse_item(found, one)
        except InvalidValue:
            found.refused += 1
    return found


def parse_item(found: Items, parts: Any) -> None:
    """Raises InvalidValue."""
    match parts:
        case ["t", node, port, *rest]:
            place = name_of(node), port_of(port)
            if rest:
                found.tunnels.append(tunnel_of(place, list_of(rest[0])))
                found.keys.add(tunnel_key(place))
            else:
                found.forgotten.append(place)
        case ["r", node, pid, ticks, *rest]:
            session = ProcessId(pid=whole_of(pid), start_ticks=whole_of(ticks))
            if rest:
                one = registration_of(name_of(node), session, list_of(rest[0]))
                found.registrations.append(one)
                found.keys.add(registration_key(one))
            else:
                found.ended.append((name_of(node), session))
        case ["u", port, *rest]:
            if rest:
                device = unregistered_of(port_of(port), list_of(rest[0]))
                found.unregistered.append(device)
                found.keys.add(unregistered_key(device))
            else:
                found.gone.append(port_of(port))
        case _:
            found.refused += 1


def name_of(value: Any) -> NodeName:
    """Raises InvalidValue."""
    return parse_name(text_of(value, 128))


def port_of(value: Any) -> Port:
    """Raises InvalidValue."""
    return Port(whole_of(value, 1, MOST_PORT))


def session_of(pid: Any, ticks: Any) -> ProcessId | None:
    """Raises InvalidValue."""
    if pid is None:
        return None
    return ProcessId(pid=whole_of(pid), start_ticks=whole_of(ticks))


def tunnel_of(place: Place, values: list[Any]) -> Tunnel:
    """Parse the values of a tunnel; more of them are of a later version. Raises InvalidValue."""
    if len(values) < 16:
        raise InvalidValue("a tunnel has too few values")
    return Tunnel(
        node=place[0],
        port=place[1],
        status=status_of(values[0]),
        detail=text_of(values[1]),
        latency_ms=number_or_none(values[2]),
        session=session_of(values[3], values[4]),
        peer=None if values[5] is None else text_of(values[5], 128),
        since=instant_or_none(values[6]),
        probed_at=instant_or_none(values[7]),
        checked_at=instant_or_none(values[8]),
        failures=whole_of(values[9]),
        kills=whole_of(values[10]),
        strikes=whole_of(values[11]),
        verdict=whole_of(values[12], 0, MOST_SECONDS),
        bytes_total=None if values[13] is None else whole_of(values[13]),
        answer=text_of(values[14]),
        due_s=number_or_none(values[15]),
        held_until=instant_or_none(values[16]) if len(values) > 16 else None,
    )


def status_of(value: Any) -> Status:
    """Return the status; a later version's is unknown. Raises InvalidValue."""
    word = text_of(value, 32)
    known = {one.value: one for one in Status if one is not Status.BROKEN}
    return known.get(word, Status.UNKNOWN)


def registration_of(node: NodeName, session: ProcessId, values: list[Any]) -> Registration:
    """Raises InvalidValue."""
    if len(values) < 6:
        raise InvalidValue("a registration has too few values")
    return Registration(
        node=node,
        session=session,
        instance=text_of(values[0], 128),
        peer=text_of(values[1], 128),
        registered_at=instant_of(values[2]),
        client=text_of(values[3], 128),
        moves=values[4] is True,
        home=text_of(values[5], 64),
    )


def unregistered_of(port: Port, values: list[Any]) -> Unregistered:
    """Raises InvalidValue."""
    if len(values) < 5:
        raise InvalidValue("a device has too few values")
    return Unregistered(
        port=port,
        node=name_of(values[0]),
        expect=parse_expect(text_of(values[1])),
        first_at=instant_of(values[2]),
        last_at=instant_of(values[3]),
        calls_itself=text_of(values[4], 256),
    )
