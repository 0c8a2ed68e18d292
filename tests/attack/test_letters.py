"""Letters, against a stolen member of the fleet.

It has the bus, the agent's account and its own identity key, and no operator's key.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from checker.fleet.letter_box import hand_over
from checker.model import Aim, NodeName, Port, ProcessId, Verb
from checker.model.letter import MOST_BYTES
from checker.signatures import REGISTRY
from tests.attack.test_socket import NOBODY, SPEAK
from tests.fleet.homes import Signer, signer
from tests.letters import GW1, GW2, answer, letter, made_of_fleet, signed
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import Gateway, gateway_at
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """A gateway of a fleet, a tunnel of it, and the keys of people and machines."""

    gateway: Gateway
    device: Device
    session: ProcessId
    anna: Signer
    ben: Signer
    """He may sign entries, and not act."""
    carol: Signer
    """She could act until root removed her."""
    identity: Signer
    """A gateway's key, which its thief has, under anna's name."""

    @property
    def aim(self) -> Aim:
        return Aim(
            node=NodeName(self.device.node),
            port=Port(self.device.ports[0]),
            session=self.session,
        )

    def answer(self, content: bytes) -> str:
        """Why the letter was refused."""
        return str(answer(hand_over, self.gateway.layout, content)["refused"])

    def lives(self) -> bool:
        return not is_gone(self.session)


@pytest.fixture(scope="module")
def attacked(usual: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    people = tmp_path_factory.mktemp("people")
    anna, ben, carol, identity = (
        signer(people, name) for name in ("anna", "ben", "carol", "identity")
    )
    only_registry = ben.line.replace(",reversi-act", "")
    with gateway_at(usual) as gateway:
        made_of_fleet(gateway.layout, GW1, anna.line, only_registry)
        gateway.up()
        device = gateway.add(gateway.service().target)
        connection = gateway.connect(device, "hold", "main")
        yield Attacked(
            gateway=gateway,
            device=device,
            session=gateway.await_up(device),
            anna=anna,
            ben=ben,
            carol=carol,
            identity=identity,
        )
        assert connection.beat() == 0


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) >= 1
    return content.replace(old, new, 1)


def made_new(at: Attacked) -> bytes:
    """A letter of an hour ago, with the present time written over."""
    then = int(time.time()) - 3600
    content = signed(letter(at.aim, at=then), at.anna.key)
    return changed(content, f'"at":{then}'.encode(), f'"at":{int(time.time())}'.encode())


Forge = Callable[[Attacked], bytes]
FORGED: dict[str, tuple[Forge, str]] = {
    "by a gateway's identity key": (
        lambda at: signed(letter(at.aim), at.identity.key),
        "no signature of anna counts for acts here",
    ),
    "by an identity key that names itself": (
        lambda at: signed(letter(at.aim, by="gw2"), at.identity.key),
        "no signature of gw2 counts",
    ),
    "by a signer who was removed": (
        lambda at: signed(letter(at.aim, by="carol"), at.carol.key),
        "no signature of carol counts",
    ),
    "by a signer who may not act": (
        lambda at: signed(letter(at.aim, by="ben"), at.ben.key),
        "no signature of ben counts",
    ),
    "by a signer in another's name": (
        lambda at: signed(letter(at.aim), at.ben.key),
        "no signature of anna counts",
    ),
    "with a signature for the registry": (
        lambda at: signed(letter(at.aim), at.anna.key, REGISTRY),
        "no signature of anna counts",
    ),
    "for another gateway": (
        lambda at: signed(letter(at.aim, gateway=GW2), at.anna.key),
        "it is for gateway gw2, and this is gw1",
    ),
    "for another gateway, turned to this one": (
        lambda at: changed(
            signed(letter(at.aim, gateway=GW2, via=None), at.anna.key), b'"gw2"', b'"gw1"'
        ),
        "no signature of anna counts",
    ),
    "an old one": (
        lambda at: signed(letter(at.aim, at=int(time.time()) - 3600), at.anna.key),
        "only 60 s are allowed",
    ),
    "an old one made new": (
        made_new,
        "no signature of anna counts",
    ),
    "one of the future": (
        lambda at: signed(letter(at.aim, at=int(time.time()) + 3600), at.anna.key),
        "only 60 s are allowed",
    ),
    "a reset made a kill": (
        lambda at: changed(signed(letter(at.aim, verb=Verb.RESET), at.anna.key), b"reset", b"kill"),
        "no signature of anna counts",
    ),
    "with another PID": (
        lambda at: changed(
            signed(letter(replace(at.aim, session=replace(at.session, pid=4194304))), at.anna.key),
            b"4194304",
            str(at.session.pid).encode(),
        ),
        "no signature of anna counts",
    ),
    "without a signature": (
        lambda at: signed(letter(at.aim), at.anna.key).partition(b"\n")[0] + b"\n",
        "it has no signature of ssh-keygen",
    ),
    "with a signature that is cut": (
        lambda at: signed(letter(at.aim), at.anna.key)[:-120],
        "it has no signature of ssh-keygen",
    ),
    "with an unknown key": (
        lambda at: changed(signed(letter(at.aim), at.anna.key), b"{", b'{"all":true,'),
        "it says more than this version knows",
    ),
    "too long": (lambda at: b"x" * (MOST_BYTES + 1), "it is too long for a letter"),
    "deep": (lambda at: b"[" * MOST_BYTES, "it is not a letter"),
    "nothing": (lambda at: b"", "it is not a letter"),
}


@pytest.mark.parametrize(("forge", "why"), FORGED.values(), ids=FORGED.keys())
def test_nothing_is_done_about_a_forged_letter(attacked: Attacked, forge: Forge, why: str) -> None:
    assert why in attacked.answer(forge(attacked))
    assert attacked.lives()


def test_a_crowd_of_forgeries_leaves_few_events(attacked: Attacked) -> None:
    content = signed(letter(attacked.aim, gateway=GW2), attacked.anna.key)

    for _ in range(100):
        attacked.answer(content)

    told = [one for one in attacked.gateway.events() if "a letter from another" in one.text]
    assert len(told) < 100
    assert attacked.lives()


def test_another_account_may_not_even_bring_a_letter(attacked: Attacked) -> None:
    if not attacked.gateway.mode.is_privileged:
        pytest.skip("only root can run a program as nobody")
    good = base64.b64encode(signed(letter(attacked.aim), attacked.anna.key)).decode()

    def said(request: dict[str, object]) -> str:
        socket = str(attacked.gateway.layout.socket)
        process: subprocess.Popen[str] = attacked.gateway.python_as(
            NOBODY, SPEAK, socket, json.dumps(request)
        )
        assert process.stdout is not None
        return str(json.loads(process.stdout.read())["error"])

    assert said({"verb": "letter", "content": good}) == (
        "only the agent of the fleet may bring letters"
    )
    aim = {"node": attacked.device.node, "port": attacked.device.ports[0], "pid": None}
    assert "only root may kill" in said({"verb": "kill", "aims": [aim], "operator": "anna"})
    assert attacked.lives()
