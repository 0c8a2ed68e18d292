"""Nats-servers and agents hang and die while two clients keep tunnels: neither notices."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.control.fleet_rows import seen_everywhere
from checker.linux.processes import is_alive
from checker.model import Event, NodeName, Port, ProcessId
from checker.model.gateway_id import GatewayId
from checker.rows.gateways import SILENT_S
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.store import open_reader
from tests.fleet.buses import WITHIN_S, program
from tests.fleet.homes import signer
from tests.fleet.pairs import GW1, GW2, Pair, pair
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.waiting import until

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(
        os.geteuid() != 0, reason="two gateways on one machine need two accounts of tunnels"
    ),
]
QUIET_S = 8.0
"""A pulse comes every two seconds."""
Fault = Callable[[Pair], AbstractContextManager[None]]


@dataclass(kw_only=True)
class Kept:
    """Two tunnels at gw2: one of OpenSSH's client, which beats, and one of the Python client."""

    fleet: Pair
    beating: Connection
    client_log: Path
    sessions: dict[str, tuple[Device, ProcessId]]

    def untouched(self) -> tuple[Event, ...]:
        """Return what gw2's log says of nodes. Fail if a tunnel has another process than at the
        beginning, or if a client noticed anything.
        """
        for device, session in self.sessions.values():
            assert is_alive(session)
            assert self.fleet.gw2.tunnel(device).session == session
        assert self.beating.lives
        assert len(self.client_log.read_text(encoding="utf-8").splitlines()) == 1
        return tuple(one for one in self.fleet.gw2.events() if one.node)

    def stale(self, now: float) -> set[str]:
        """The nodes whose tunnels gw1 shows at gw2, and whose rows are stale at that time."""
        seen = seen_everywhere(self.fleet.gw1.layout, {}, 20.0, now)
        assert seen is not None
        where = {
            name: seen.where[NodeName(name), Port(device.ports[0])]
            for name, (device, _) in self.sessions.items()
        }
        return {name for name, one in where.items() if one.gateway == GW2 and one.is_cut_off}


def heard_at(fleet: Pair, at: GatewayId = GW1, of: GatewayId = GW2) -> float:
    """When the last pulse of one gateway came to the other one."""
    with closing(open_reader(mirror_path(fleet.at(at).layout, of))) as mirror:
        found = read_pulse(mirror)
    return found.heard_at if found else 0.0


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, mode_of: Callable[[str], Mode]
) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("people")
    anna = signer(folder, "anna")
    with pair(mode_of("root"), mode_of("root-for-tunnel-user"), anna) as fleet:
        first, session = fleet.connected()
        second = fleet.device("python")
        log = folder / "client.log"
        words = [sys.executable, "-m", "client", "run", "--config", str(second.config)]
        with program(words, folder, log), fleet.gw2.connections[0].beating(1.0):
            sessions = {first.node: (first, session)}
            sessions[second.node] = second, fleet.gw2.await_up(second)
            until(lambda: fleet.mirrored(second), "gw1 sees both", within_s=WITHIN_S)
            yield Kept(
                fleet=fleet,
                beating=fleet.gw2.connections[0],
                client_log=log,
                sessions=sessions,
            )


@contextmanager
def hung(process: subprocess.Popen[bytes]) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def dead(
    process: subprocess.Popen[bytes], start: Callable[[GatewayId], None], id_: GatewayId
) -> Iterator[None]:
    process.kill()
    process.wait()
    try:
        yield
    finally:
        start(id_)


FAULTS: dict[str, Fault] = {
    "nats-server hangs": lambda fleet: hung(fleet.buses[GW2]),
    "agent hangs": lambda fleet: hung(fleet.agents[GW2]),
    "nats-server dies": lambda fleet: dead(fleet.buses[GW2], fleet.start_bus, GW2),
    "agent dies": lambda fleet: dead(fleet.agents[GW2], fleet.start_agent, GW2),
}


def until_heard(fleet: Pair) -> None:
    before = heard_at(fleet)
    until(lambda: heard_at(fleet) > before, "gw1 hears gw2", within_s=WITHIN_S)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_tunnel_notices_and_the_rows_turn_stale_elsewhere(kept: Kept, fault: str) -> None:
    fleet = kept.fleet
    until_heard(fleet)
    assert kept.stale(time.time()) == set()
    before = kept.untouched()

    with FAULTS[fault](fleet):
        until(
            lambda: time.time() - heard_at(fleet) > QUIET_S, "gw1 hears nothing", within_s=WITHIN_S
        )

        assert kept.stale(heard_at(fleet) + SILENT_S + 1) == set(kept.sessions)
        assert kept.untouched() == before
        for device, _ in kept.sessions.values():
            assert device.verdict("check") == 0, "gw2 answers a new login as ever"
    until_heard(fleet)

    assert kept.stale(time.time()) == set()
    assert kept.untouched() == before


def test_with_no_bus_at_all_both_gateways_go_on(kept: Kept) -> None:
    fleet = kept.fleet
    until_heard(fleet)
    before = kept.untouched()
    for process in (*fleet.buses.values(), *fleet.agents.values()):
        process.kill()
        process.wait()

    said = until(
        lambda: one if "gw2 unreachable" in (one := fleet.say("status")).stderr else None,
        "gw1 says that gw2 cannot be reached",
        within_s=WITHIN_S,
    )
    late = fleet.gw2.add(fleet.gw2.service().target, name="late")
    fleet.gw2.connect(late)
    fleet.gw2.await_up(late)

    assert said.returncode == 1
    lines = {words[0]: line for line in said.stdout.splitlines() if (words := line.split())}
    for name in kept.sessions:
        assert "up (stale)" in lines[name]
    assert not [one for one in kept.untouched() if one not in before and one.node != "late"]
    for id_ in (GW1, GW2):
        fleet.start_bus(id_)
        fleet.start_agent(id_)
    until_heard(fleet)
    until(lambda: fleet.mirrored(late), "gw1 learns what came meanwhile", within_s=WITHIN_S)
    assert kept.stale(time.time()) == set()
