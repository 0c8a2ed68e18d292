"""A letter at a real gateway: it ends what it aims at, once, and both logs say who asked."""

from __future__ import annotations

import os
import pwd
from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.far_acts import FarAct, act_at, send
from checker.daemon.letters import may_bring
from checker.fleet.letter_box import hand_over
from checker.model import Aim, EventKind, NodeName, Outcome, Port, ProcessId, Status, Verb
from checker.model.action import GatewayVerb
from checker.model.gateway_id import GatewayId
from checker.signatures import KEY_FILE
from checker.state.store import open_reader
from tests.fleet.homes import Signer, signer
from tests.letters import GW1, GW2, answer, letter, made_of_fleet, signed
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signer:
    """Her key is at hand."""
    made = signer(tmp_path / "people", "anna")
    monkeypatch.setenv(KEY_FILE, str(made.key))
    return made


@pytest.fixture
def gw1(own_gateway: Gateway, anna: Signer) -> Gateway:
    """A gateway where anna may act; its daemon can end without its sshd."""
    made_of_fleet(own_gateway.layout, GW1, anna.line)
    own_gateway.start_sshd()
    own_gateway.serve()
    return own_gateway


@pytest.fixture
def gw2(tmp_path: Path, anna: Signer) -> Layout:
    """Where anna sits."""
    layout = home_layout(tmp_path / "gw2")
    made_of_fleet(layout, GW2, anna.line)
    return layout


def aim_at(device: Device, session: ProcessId | None) -> Aim:
    return Aim(node=NodeName(device.node), port=Port(device.ports[0]), session=session)


def texts(layout: Layout) -> list[str]:
    """The events about acts at other gateways, and who did them."""
    with closing(open_reader(layout.state)) as reader:
        found = [event for event in reader.events() if event.kind is EventKind.ACT]
    return [f"{event.actor}: {event.text}" for event in found]


def test_a_kill_by_letter_ends_the_process_that_was_seen_and_no_other(
    gw1: Gateway, gw2: Layout, anna: Signer
) -> None:
    aimed, other = (gw1.add(gw1.service().target) for _ in range(2))
    for device in (aimed, other):
        gw1.connect(device)
    first, kept = gw1.await_up(aimed), gw1.await_up(other)
    brought: list[bytes] = []

    def via(gateway: GatewayId, content: bytes) -> bytes:
        assert gateway == GW1
        brought.append(content)
        return hand_over(gw1.layout, content)

    wanted = FarAct(gateway=GW1, verb=Verb.KILL, aims=(aim_at(aimed, first), aim_at(other, first)))
    killed, left_alone = act_at(gw2, wanted, via)

    port = aimed.ports[0]
    ended = f"sshd {first.pid} ended, port {port} is free"
    assert killed == Outcome(node=NodeName(aimed.node), port=Port(port), done=True, sentence=ended)
    assert is_gone(first)
    assert not left_alone.done
    assert "is held by another process now" in left_alone.sentence
    assert not is_gone(kept)
    (event,) = gw1.events(aimed, EventKind.KILL)
    assert event.actor.startswith("anna (SHA256:")
    assert event.actor.endswith(") via gw2")
    assert texts(gw1.layout)[0] == f"{event.actor}: kill: {ended}"
    assert [text.partition("): ")[2] for text in texts(gw2)][::2] == [
        "kill is asked of gw1",
        f"kill at gw1: {ended}",
    ]

    gw1.connect(aimed)
    second = gw1.await_up(aimed, after=first)
    (content,) = brought
    again = answer(hand_over, gw1.layout, content)
    gw1.stop()
    gw1.serve()
    after_a_restart = answer(hand_over, gw1.layout, content)

    assert again == after_a_restart
    assert [one["sentence"] for one in again["outcomes"]] == [ended, left_alone.sentence]
    assert not is_gone(second)
    assert not is_gone(kept)
    assert len(texts(gw1.layout)) == 2


def test_a_letter_does_no_more_than_a_local_operator(
    gw1: Gateway, gw2: Layout, anna: Signer
) -> None:
    device = gw1.add(gw1.service().target)
    gw1.connect(device)
    session = gw1.await_up(device)

    def said(verb: Verb, aim: Aim) -> Outcome:
        wanted = FarAct(gateway=GW1, verb=verb, aims=(aim,))
        (outcome,) = act_at(gw2, wanted, lambda _, content: hand_over(gw1.layout, content))
        return outcome

    assert said(Verb.PROBE, aim_at(device, session)).done
    seen_down = said(Verb.RESET, aim_at(device, None))
    assert not seen_down.done
    assert "is held by another process now" in seen_down.sentence
    unknown = said(Verb.RESET, Aim(node=NodeName("nosuch"), port=Port(device.ports[0])))
    assert not unknown.done
    assert not is_gone(session)

    reset = said(Verb.RESET, aim_at(device, session))

    assert reset.done
    assert reset.sentence.endswith("strikes and flaps cleared")
    assert is_gone(session)
    gw1.await_status(device, Status.DOWN)


def test_a_gateway_drains_and_takes_nodes_again_by_letter(
    gw1: Gateway, gw2: Layout, anna: Signer
) -> None:
    device = gw1.add(gw1.service().target)
    leaving = gw1.connect(device, "hold", "first", "fake-1.0/ssh-9+moves")
    gw1.await_up(device)
    gw1.await_registered(device)

    def said(verb: GatewayVerb) -> str:
        wanted = FarAct(gateway=GW1, verb=verb)
        (outcome,) = act_at(gw2, wanted, lambda _, content: hand_over(gw1.layout, content))
        assert outcome.done, outcome
        assert (outcome.node, outcome.port) == ("", 0)
        return outcome.sentence

    assert said(GatewayVerb.DRAIN) == "it drains: 1 connection to go"
    assert leaving.ended() == 75
    again = said(GatewayVerb.DRAIN)
    assert again.startswith("it drains already")
    assert said(GatewayVerb.UNDRAIN) == "it takes nodes again"
    assert said(GatewayVerb.UNDRAIN) == "it did not drain"

    begun = next(one for one in gw1.events(kind=EventKind.GATEWAY) if "drains" in one.text)
    assert begun.actor.startswith("anna (SHA256:")
    assert begun.actor.endswith(") via gw2")
    assert texts(gw1.layout)[0] == f"{begun.actor}: drain: it drains: 1 connection to go"
    told = [text.partition("): ")[2] for text in texts(gw2)]
    assert told[:2] == ["drain is asked of gw1", "drain at gw1: it drains: 1 connection to go"]


def test_without_a_daemon_there_nothing_is_done(tmp_path: Path, anna: Signer) -> None:
    layout = home_layout(tmp_path / "gw1")
    made_of_fleet(layout, GW1, anna.line)
    asked = letter()

    (outcome,) = send(asked, signed(asked, anna.key), lambda _, one: hand_over(layout, one))

    assert outcome.sentence == ("nothing was done: gateway gw1 refused it: no daemon runs there")


def test_the_agent_may_bring_letters_and_no_other_account() -> None:
    agent, other = [user for user in pwd.getpwall() if user.pw_uid != os.geteuid()][:2]

    assert may_bring(agent.pw_uid, {os.geteuid()}, agent.pw_name)
    assert may_bring(os.geteuid(), {os.geteuid()}, agent.pw_name)
    assert not may_bring(other.pw_uid, {os.geteuid()}, agent.pw_name)
    assert not may_bring(other.pw_uid, {os.geteuid()}, "no-such-account")
