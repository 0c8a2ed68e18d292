"""What nodes ask and what they are answered, by a gateway in this process."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from checker import __version__
from checker.linux.processes import may_look
from checker.model import EventKind, NodeName, Status
from checker.tunnels.rate_limits import Over
from checker.tunnels.requests import Requests
from checker.wire import MALFORMED, NOT_YOURS, OK, PROTOCOL, TRY_LATER, Asked, Reply
from tests.checker.sshd.sessions import identity, listening, session
from tests.checker.tunnels.gateways import Held, gateway_of, held
from tests.strategies import node


def asked(command: str, name: str = "office") -> Asked:
    return Asked(node=name, peer="192.0.2.2 4000", command=command)


async def answer(one: Held, command: str) -> Reply:
    return await Requests(one.gateway).answer(asked(command), one.session)


@pytest.mark.parametrize(
    ("command", "name", "status", "complaint"),
    [
        pytest.param("reboot", "office", MALFORMED, "say one of", id="another word"),
        pytest.param("check", "club", NOT_YOURS, "is not registered", id="another node"),
        pytest.param("check", "torn", NOT_YOURS, "its file at the gateway cannot be", id="broken"),
        pytest.param("check", "shut", NOT_YOURS, "may not listen: disabled", id="disabled"),
        pytest.param("check 20099", "office", NOT_YOURS, "is not a port of node", id="no port"),
        pytest.param("club 20010 SSH", "office", NOT_YOURS, "belongs to node office", id="no name"),
        pytest.param("hold box", "office", MALFORMED, "must come through sshd", id="no session"),
        pytest.param(
            "hold box", "shut", NOT_YOURS, "may not listen: disabled", id="hold, disabled"
        ),
        pytest.param("hold a/b", "office", MALFORMED, "hold takes one", id="a malformed hold"),
    ],
)
async def test_what_is_refused_is_answered_zero_or_to_hold_nothing_and_logged(
    command: str, name: str, status: int, complaint: str, tmp_path: Path
) -> None:
    gateway = gateway_of(tmp_path, node())
    shut = replace(node("shut", 2, ports=(20011,)), enabled=False)
    registry = gateway.registry.with_node(shut)
    gateway.registry = replace(registry, broken=frozenset({NodeName("torn")}))

    reply = await Requests(gateway).answer(asked(command, name), None)

    assert (reply.answer, reply.exit_status) == ("" if command == "hold box" else "0", status)
    assert complaint in reply.complaint
    (event,) = gateway.ledger.pending.events
    assert event.kind is EventKind.REFUSED
    assert "from 192.0.2.2:4000" in event.text


async def test_the_version_needs_no_probe(tmp_path: Path) -> None:
    reply = await Requests(gateway_of(tmp_path, node())).answer(asked("version"), None)

    assert reply == Reply(answer=f"{PROTOCOL} {__version__}")


async def test_a_check_probes_all_forwards_of_the_node(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        reply = await answer(one, "check")

        rows = [one.gateway.ledger.tunnel(forward) for forward in one.node.forwards]
    assert reply == Reply(answer="0")
    assert {row.status for row in rows} == {Status.UP}
    assert all(row.checked_at is not None for row in rows)


@pytest.mark.parametrize(
    ("word", "status"), [("office", OK), ("Office_1", OK), ("Office_2", NOT_YOURS)]
)
async def test_the_originals_request_names_the_node_or_what_its_device_calls_itself(
    tmp_path: Path, word: str, status: int
) -> None:
    with held(tmp_path) as one:
        one.gateway.take(replace(one.node, calls_itself="Office_1"))
        reply = await answer(one, f"{word} {one.node.ports[0]}")

    assert (reply.answer, reply.exit_status) == ("0", status)


async def test_a_hold_registers_the_connection_and_becomes_its_beat_loop(tmp_path: Path) -> None:
    with held(tmp_path, instance="before") as one:
        requests = Requests(one.gateway)
        reply = await requests.answer(asked("hold box reversi/1.0"), one.session)

        registration = one.gateway.ledger.registrations[one.session]
    assert (reply.answer, reply.exit_status) == ("", OK)
    assert reply.becomes[0] == "/bin/sh"
    assert reply.becomes[1].endswith("/checker/hold.sh")
    assert f"{one.holder.pid}." in reply.becomes[4]
    assert (registration.instance, registration.client) == ("box", "reversi/1.0")
    assert len(registration.inodes) == 2
    assert one.events(EventKind.HOLD) == ["reversi/1.0, instance box connected from 192.0.2.2:4000"]


@pytest.mark.skipif(not may_look(), reason="only root sees which process owns a socket")
async def test_new_connections_that_hold_cost_no_search_of_all_sessions(tmp_path: Path) -> None:
    with ExitStack() as stack:
        gateway = gateway_of(tmp_path, node())
        owners, requests = gateway.watcher.holders.owners, Requests(gateway)
        for number in range(3):
            listener = stack.enter_context(listening())
            device = node(f"device{number}", number, ports=(listener.getsockname()[1],))
            gateway.take(device)
            caller = identity(stack.enter_context(session(tmp_path, listener)).pid)
            listener.close()

            reply = await requests.answer(asked("hold box", device.name), caller)
            judgement = await gateway.settle(device.forwards[0])

            assert (reply.exit_status, judgement.tunnel.session) == (OK, caller)
            assert gateway.ledger.registrations[caller].inodes
        assert owners.searches == 0

        await requests.answer(asked("hold box", "device0"), caller)
        assert owners.searches == 0, "the first device's connection is known"


@pytest.mark.skipif(not may_look(), reason="only root sees which process owns a socket")
async def test_a_port_that_an_unknown_connection_holds_is_searched_for_once(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.gateway.ledger.registrations.clear()
        other = replace(one.session, start_ticks=one.session.start_ticks - 1)
        replies = [await Requests(one.gateway).answer(asked("hold box"), other) for _ in range(3)]

        assert [reply.exit_status for reply in replies] == [NOT_YOURS] * 3
        assert one.gateway.watcher.holders.owners.searches == 1


async def test_a_hold_says_whether_its_client_moves_beside_its_name(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        await answer(one, "hold box reversi/1.0+moves-gw2")

        registration = one.gateway.ledger.registrations[one.session]
    assert (registration.client, registration.moves, registration.home) == (
        "reversi/1.0",
        True,
        "gw2",
    )
    assert one.events(EventKind.HOLD) == ["reversi/1.0, instance box connected from 192.0.2.2:4000"]


async def test_a_hold_at_a_gateway_that_drains_must_go_elsewhere_once(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.gateway.sent_away.begin()

        first = await answer(one, "hold box reversi/1.0+moves")
        assert one.session in one.gateway.sent_away.refused
        second = await answer(one, "hold box reversi/1.0+moves")

    assert (first.answer, first.exit_status, first.becomes) == ("", TRY_LATER, ())
    assert "this gateway drains" in first.complaint
    assert second.becomes
    assert not one.gateway.sent_away.refused, "it may stay by now"
    assert not one.events(EventKind.REFUSED)


async def test_a_beat_is_answered_with_the_wait_of_a_drain_until_the_next_hold(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as one:
        one.gateway.sent_away.waits[one.node.name] = 9

        waits = await answer(one, "beat")
        await answer(one, "hold box")
        after = await answer(one, "beat")

    assert (waits.answer, after.answer) == ("9", "0")


async def test_a_hold_is_refused_while_another_connection_holds_the_ports(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        other = replace(one.session, start_ticks=one.session.start_ticks - 1)

        reply = await Requests(one.gateway).answer(asked("hold box"), other)

    assert reply.exit_status == NOT_YOURS
    assert "another live connection of node office holds its ports" in reply.complaint


async def test_a_claim_of_the_same_instance_kills_the_stale_connection_at_once(
    tmp_path: Path,
) -> None:
    with held(tmp_path, instance="box") as one:
        reply = await Requests(one.gateway).answer(asked("claim box"), None)

        assert one.holder.wait(150) == -signal.SIGTERM
    assert reply == Reply(answer="0")
    (killed,) = one.events(EventKind.KILL)
    assert killed.endswith("; claimed by a new connection of the same instance")


async def test_a_claim_of_another_instance_leaves_a_healthy_connection_alone(
    tmp_path: Path,
) -> None:
    with held(tmp_path, instance="other") as one:
        reply = await Requests(one.gateway).answer(asked("claim box"), None)

        assert one.holder.poll() is None
    assert int(reply.answer) > 0
    assert one.events(EventKind.CLONE)


async def test_the_connection_that_claims_keeps_the_ports_that_it_holds(tmp_path: Path) -> None:
    with held(tmp_path, instance="box") as one:
        reply = await answer(one, "claim box")

        assert one.holder.poll() is None
    assert reply == Reply(answer="0")


def test_a_request_over_the_limit_is_put_off_and_logged_when_an_event_is_due(
    tmp_path: Path,
) -> None:
    gateway = gateway_of(tmp_path, node())
    requests = Requests(gateway)

    due = requests.put_off(asked("check"), Over(why="ask less often", untold=3))
    not_due = requests.put_off(asked("check"), Over(why="ask less often"))
    hold = requests.put_off(asked("hold box a/b+moves"), Over(why="ask less often"))

    assert due == not_due == Reply(answer="0", complaint="ask less often", exit_status=TRY_LATER)
    assert hold == replace(due, answer="")
    (event,) = gateway.ledger.pending.events
    assert event.text.startswith("refused 3 request(s), this one from 192.0.2.2:4000")
