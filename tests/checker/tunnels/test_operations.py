"""What an operator does to a forward: whose session is killed, and what the outcome says."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from checker.model import Aim, EventKind, Flaps, NodeName, Port, ProcessId, Status, Verb
from checker.tunnels.operations import Operations
from tests.checker.tunnels.gateways import Held, held
from tests.strategies import free_port


def aims(one: Held, session: ProcessId | None = None) -> list[Aim]:
    """Both forwards of the node, as the operator saw them."""
    return [Aim(node=one.node.name, port=port, session=session) for port in one.node.ports]


async def test_one_kill_of_a_connection_frees_all_its_forwards(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        first, second = await Operations(one.gateway).act(
            Verb.KILL, aims(one, one.session), "alice"
        )

        assert one.holder.wait(150) == -signal.SIGTERM

    pid, (port, other) = one.holder.pid, one.node.ports
    assert (first.done, first.sentence) == (True, f"sshd {pid} ended, port {port} is free")
    assert second.done
    assert second.sentence == (
        f"sshd {pid} ended with another of its forwards, port {other} is free"
    )
    assert len(one.events(EventKind.KILL)) == 1
    assert one.events(EventKind.KILL)[0].endswith("; asked for by alice")
    assert one.gateway.ledger.flaps[one.node.name].count == 1


async def test_another_session_than_the_operator_saw_is_left_alone(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        seen = replace(one.session, start_ticks=one.session.start_ticks - 1)

        first, _ = await Operations(one.gateway).act(Verb.KILL, aims(one, seen), "alice")

        assert one.holder.poll() is None
    assert not first.done
    assert first.sentence == (
        f"port {one.node.ports[0]} is held by another process now ({one.holder.pid}): left alone"
    )


async def test_a_reset_kills_and_clears_strikes_and_losses(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        ledger = one.gateway.ledger
        for forward in one.node.forwards:
            ledger.put(replace(ledger.tunnel(forward), strikes=1, failures=3))
        ledger.put_flaps(one.node.name, Flaps(count=4, last_at=1.0))

        first, _ = await Operations(one.gateway).act(Verb.RESET, aims(one), "alice")

        assert one.holder.wait(150) == -signal.SIGTERM
    tunnel = ledger.tunnel(one.node.forwards[0])
    assert first.done
    assert first.sentence.endswith("; strikes and flaps cleared")
    assert (tunnel.status, tunnel.strikes, tunnel.failures, tunnel.verdict) == (
        Status.DOWN,
        0,
        0,
        0,
    )
    assert ledger.flaps[one.node.name] == Flaps()


async def test_a_probe_reports_the_status(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.holder.kill()
        one.holder.wait(150)

        first, _ = await Operations(one.gateway).act(Verb.PROBE, aims(one), "alice")

    assert (first.done, first.sentence) == (True, "down: nobody listens")


async def test_a_forward_that_the_registry_does_not_have_is_named(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        port = Port(free_port())
        (no_directory,) = await Operations(one.gateway).act(
            Verb.KILL, [Aim(node=NodeName("club"), port=port)], "alice"
        )
        (no_port,) = await Operations(one.gateway).act(
            Verb.KILL, [Aim(node=one.node.name, port=port)], "alice"
        )

    assert no_directory.sentence == (
        f"the registry cannot be read: there is no directory {one.gateway.layout.nodes}"
    )
    assert no_port.sentence == f"office has no port {port}"


async def test_an_empty_port_has_nothing_to_kill(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.holder.kill()
        one.holder.wait(150)

        first, _ = await Operations(one.gateway).act(Verb.KILL, aims(one), "alice")

    assert (first.done, first.sentence) == (False, f"nobody listens on port {one.node.ports[0]}")
