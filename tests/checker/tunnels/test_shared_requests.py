"""Requests with the shared key, to a gateway in this process."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.daemon.schedule import Schedule
from checker.model import (
    EventKind,
    Port,
    PortRanges,
    SharedKey,
)
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import REFUSALS, Gateway
from checker.tunnels.requests import Requests
from checker.wire import ANY_NODE, Asked
from tests.checker.tunnels.shared_registry import ON, REGISTRY, stranger
from tests.strategies import (
    free_port,
)


def test_the_sweep_watches_unregistered_devices_too() -> None:
    schedule = Schedule(20.0)

    schedule.use(REGISTRY, 0.0, [stranger().forward, stranger("x", 50001).forward])

    assert schedule.forwards[Port(50010)].node == "stranger"
    assert schedule.forwards[Port(50001)].node == "owned"
    schedule.use(REGISTRY, 1.0)
    assert Port(50010) not in schedule.at


class Door:
    """A gateway in this process, on a home of its own, and what is said to it with the shared
    key.
    """

    def __init__(self, home: Path, settings: SharedKey) -> None:
        layout = home_layout(home)
        layout.nodes.mkdir()
        config = Config(tunnel_user=current_user(), shared_key=settings)
        self.ledger = Ledger(layout, None)
        self.gateway = Gateway(layout, config, self.ledger, Registry())

    async def ask(self, command: str) -> tuple[str, int]:
        reply = await Requests(self.gateway).answer(
            Asked(node=ANY_NODE, peer="192.0.2.1 5", command=command), None
        )
        return reply.answer, reply.exit_status


async def test_a_flood_of_invented_names_is_logged_as_often_as_one_node(
    tmp_path: Path,
) -> None:
    port = free_port()
    door = Door(tmp_path, replace(ON, ports=PortRanges((range(port, port + 1),))))

    answers = {await door.ask(f"n{number} {port} x") for number in range(200)}
    refused = {await door.ask(f"n{number} 1 x") for number in range(3 * REFUSALS.burst)}

    assert answers == {("1", 0)}
    assert refused == {("0", 77)}
    assert (door.ledger.tunnels, door.ledger.sightings.by_port, door.ledger.registrations) == (
        {},
        {},
        {},
    )
    assert len(door.ledger.pending.events) < REFUSALS.burst + REFUSALS.a_minute


async def test_a_listener_of_no_session_is_neither_listed_nor_killed(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        door = Door(tmp_path, replace(ON, ports=PortRanges((range(port, port + 1),))))

        answers = [await door.ask(f"n{number} {port} SSH") for number in range(2)]

    assert answers == [("60", 0)] * 2
    assert not door.ledger.sightings.by_port
    assert not [event for event in door.ledger.pending.events if event.kind is EventKind.KILL]


async def test_without_the_setting_every_request_is_refused(tmp_path: Path) -> None:
    assert await Door(tmp_path, SharedKey()).ask("office 50010 SSH") == ("0", 77)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("Roof 3 50010 SSH", "'Roof 3' looks like a name with a space"),
        ("Roof Top 50010 SSH", "'Roof Top' looks like a name with a space"),
        (f"{'x' * 65} 50010 SSH", "longer than 64 characters"),
    ],
)
async def test_the_log_says_if_a_name_is_at_fault(tmp_path: Path, words: str, says: str) -> None:
    door = Door(tmp_path, ON)

    answer, status = await door.ask(words)

    assert (answer, status) in {("0", 77), ("0", 64)}
    (event,) = door.ledger.pending.events
    assert (event.kind, says in event.text) == (EventKind.REFUSED, True)


@pytest.mark.parametrize("name", ["Office_Router", "check", "hold", "\N{HIRAGANA LETTER A}"])
async def test_any_name_without_a_space_is_answered(tmp_path: Path, name: str) -> None:
    port = free_port()
    door = Door(tmp_path, replace(ON, ports=PortRanges((range(port, port + 1),))))

    assert await door.ask(f"{name} {port} SSH-2.0") == ("1", 0)


@pytest.mark.parametrize(
    ("words", "status"), [("version", 0), ("check", 77), ("claim x", 77), ("hold x", 77), ("", 64)]
)
async def test_only_the_originals_words_are_answered(
    tmp_path: Path, words: str, status: int
) -> None:
    assert (await Door(tmp_path, ON).ask(words))[1] == status
