"""Acts on a tunnel that another real gateway holds, over a real bus."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker.control.post import post_of
from checker.model import Aim, EventKind, NodeName, Port
from checker.model.gateway_id import GatewayId
from tests.attack.test_socket import NOBODY, SPEAK
from tests.fleet.homes import signer
from tests.fleet.pairs import GW1, GW2, Pair, pair
from tests.letters import letter, signed
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(
        os.geteuid() != 0, reason="two gateways on one machine need two accounts of tunnels"
    ),
]


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, mode_of: Callable[[str], Mode]
) -> Iterator[Pair]:
    anna = signer(tmp_path_factory.mktemp("people"), "anna")
    with pair(mode_of("root"), mode_of("root-for-tunnel-user"), anna) as found:
        yield found


def both_logs(fleet: Pair, device: Device) -> tuple[list[str], list[str]]:
    """What the logs of gw1 and gw2 say about acts, the newest first."""
    first, second = (
        [f"{one.actor}: {one.text}" for one in fleet.acts(gateway, device)]
        for gateway in (fleet.gw1, fleet.gw2)
    )
    return first, second


@pytest.mark.parametrize("verb", ["kill", "reset"])
def test_a_tunnel_held_at_the_other_gateway_is_ended_from_here(fleet: Pair, verb: str) -> None:
    device, session = fleet.connected()
    place = f"{device.node}:{device.ports[0]}"

    probed = fleet.say("probe", device.node)
    would = fleet.say(verb, device.node, "--dry-run")
    assert (would.returncode, would.stdout) == (0, f"{place} at gw2: would {verb}\n"), would.stderr
    assert not is_gone(session)
    done = fleet.say(verb, "--filter", f"node:{device.node}", "--json")

    assert (probed.returncode, probed.stdout) == (0, f"{place} at gw2: up\n"), probed.stderr
    ended = f"sshd {session.pid} ended, port {device.ports[0]} is free"
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)["outcomes"]
    assert (outcome["gateway"], outcome["done"]) == ("gw2", True)
    assert outcome["sentence"].startswith(ended)
    until(lambda: is_gone(session), "it ends")
    here, there = both_logs(fleet, device)
    (event,) = fleet.gw2.events(device, EventKind.KILL)
    assert event.actor.startswith("anna (SHA256:")
    assert event.actor.endswith(") via gw1")
    who = event.actor.removesuffix(" via gw1")
    assert f"{who}: {verb} is asked of gw2" in here
    assert any(text.startswith(f"{who}: {verb} at gw2: {ended}") for text in here)
    assert any(text.startswith(f"{event.actor}: {verb}: {ended}") for text in there)


def test_without_a_key_nothing_is_asked_and_the_way_is_said(fleet: Pair) -> None:
    device, session = fleet.connected()

    done = fleet.gw1.run("kill", device.node)
    tried = fleet.gw1.run("kill", "--filter", f"node:{device.node}", "--dry-run")

    for one in (done, tried):
        assert (
            "at gw2: nothing was done: gateway gw2 acts only on your signature; bring your SSH"
            " agent (SSH_AUTH_SOCK" in one.stdout
        )
    assert done.returncode == 1
    assert not is_gone(session)
    assert not fleet.acts(fleet.gw2, device)


def test_a_gateways_own_identity_signs_no_act(fleet: Pair, tmp_path: Path) -> None:
    device, session = fleet.connected()
    identity = fleet.gw1.layout.fleet / "identity"
    public = identity.with_name("identity.pub").read_text(encoding="ascii")
    mine = fleet.gw1.layout.fleet / "allowed_signers"
    before = mine.read_text(encoding="utf-8")
    mine.write_text(f"{before}gw1 {public}", encoding="utf-8")  # its root may write what he wants

    done = fleet.say("kill", device.node, key=identity)
    mine.write_text(before, encoding="utf-8")

    assert done.returncode == 1
    assert (
        "at gw2: nothing was done: gateway gw2 refused it: no signature of gw1 counts for acts"
        " here" in done.stdout
    )
    assert not is_gone(session)


@pytest.mark.parametrize(
    ("whose", "clause"),
    [
        pytest.param(GW2, "cannot be reached\n", id="there"),
        pytest.param(GW1, "cannot be reached: no agent runs here; start it with:", id="here"),
    ],
)
def test_an_agent_that_is_gone_is_said(fleet: Pair, whose: GatewayId, clause: str) -> None:
    device, session = fleet.connected()
    agent = fleet.agents[whose]
    agent.send_signal(signal.SIGKILL)
    agent.wait(150)

    done = fleet.say("reset", device.node)

    assert done.returncode == 1
    assert f"at gw2: nothing was done: gateway gw2 {clause}" in done.stdout
    assert not is_gone(session)
    fleet.start_agent(whose)


def test_an_account_outside_the_operators_group_sends_nothing(fleet: Pair) -> None:
    device, session = fleet.connected()
    aim = Aim(node=NodeName(device.node), port=Port(device.ports[0]), session=session)
    good = signed(letter(aim, gateway=GW2, via=GW1), fleet.anna.key)
    request = {"gateway": GW2, "letter": base64.b64encode(good).decode()}

    said = fleet.gw1.python_as(NOBODY, SPEAK, str(fleet.gw1.layout.post), json.dumps(request))

    assert said.stdout is not None
    assert json.loads(said.stdout.read()) == {
        "schema": 1,
        "nobody": "was not asked: only root may send letters to other gateways here: use sudo",
    }
    assert not is_gone(session)


def test_a_letter_that_is_played_again_ends_nothing_twice(fleet: Pair) -> None:
    device, session = fleet.connected()
    aim = Aim(node=NodeName(device.node), port=Port(device.ports[0]), session=session)
    good = signed(letter(aim, gateway=GW2, via=GW1), fleet.anna.key)
    bring = post_of(fleet.gw1.layout)

    first = bring(GW2, good)
    fleet.gw2.connect(device)
    second = fleet.gw2.await_up(device, after=session)
    again = bring(GW2, good)

    assert json.loads(first)["outcomes"][0]["done"]
    assert again == first
    assert not is_gone(second)
    assert len(fleet.acts(fleet.gw2, device)) == 1


def test_many_silent_callers_keep_no_operator_waiting(fleet: Pair) -> None:
    device, _ = fleet.connected()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            peer = stack.enter_context(socket.socket(socket.AF_UNIX))
            peer.connect(str(fleet.gw1.layout.post))
            peer.send(b"{")

        done = fleet.say("probe", device.node)

    assert done.returncode == 0, done.stdout
