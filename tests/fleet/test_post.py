"""Letters over a real bus: they arrive, their answers are proved, and nobody else's counts."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.control.bringing import NobodyThere
from checker.control.far_acts import send
from checker.control.post import post_of
from checker.fleet.bus import connect
from checker.fleet.bus_config import EDITOR, READER
from checker.fleet.bus_files import bus_folder
from checker.fleet.card_files import card_named, card_path
from checker.fleet.identity import own_identity
from checker.fleet.sayings import ACT, ask_subject
from checker.fleet.sending import send as send_letter
from checker.model import Outcome, Verb
from checker.model.gateway_id import GatewayId
from checker.model.letter import Letter, nonce_in
from tests.fleet.buses import Station, program, stations, until_connected
from tests.fleet.homes import Signer, make_home
from tests.fleet.test_bus import login, open_the_doors, thief_at
from tests.letters import AIM, GW2, letter, signed
from tests.system.waiting import until

if TYPE_CHECKING:
    from nats.aio.msg import Msg

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    folder = tmp_path_factory.mktemp("post")
    with stations(folder, ("gw1", "gw2", "gw3")) as found:
        until_connected(found)
        yield found


def anna(station: Station) -> Signer:
    return Signer(name="anna", key=station.home.parent / "people" / "anna")


def test_a_letter_reaches_the_daemon_of_the_other_gateway(fleet: list[Station]) -> None:
    gw1 = fleet[0]
    asked = letter(gateway=GW2, verb=Verb.PROBE, via=gw1.id)
    content = signed(asked, anna(gw1).key)

    answer = post_of(gw1.layout)(GW2, content)

    assert json.loads(answer) == {
        "schema": 1,
        "refused": "no daemon runs there",
        "nonce": asked.nonce,
    }


def test_a_gateway_that_nobody_knows_is_not_asked(fleet: list[Station]) -> None:
    gw1 = fleet[0]

    with pytest.raises(NobodyThere, match="has no card here that counts"):
        post_of(gw1.layout)(GatewayId("gw7"), b"")


def test_that_nobody_is_there_is_said_at_once(fleet: list[Station]) -> None:
    gw1, gw2, _ = fleet
    assert gw2.agent is not None
    gw2.agent.terminate()
    gw2.agent.wait(150)
    asked = letter(gateway=GW2, verb=Verb.PROBE, via=gw1.id)
    content = signed(asked, anna(gw1).key)

    began = time.monotonic()
    (outcome,) = send(asked, content, post_of(gw1.layout))

    assert outcome.sentence == "nothing was done: gateway gw2 cannot be reached"
    assert time.monotonic() - began < 60  # the answer is waited for longer
    gw2.start_agent()
    until(
        lambda: "no daemon" in send(asked, content, post_of(gw1.layout))[0].sentence,
        "gw2 answers again",
    )


def test_what_a_stolen_member_answers_does_not_count(fleet: list[Station]) -> None:
    gw1, gw2, stolen = fleet
    open_the_doors(stolen)
    until_connected(fleet)

    assert gw2.agent is not None
    try:
        outcome, heard = asyncio.run(answered_by(stolen, gw1, gw2))
    finally:
        gw2.agent.send_signal(signal.SIGCONT)

    assert outcome.sentence == ("nothing was done: gateway gw2 refused it: no daemon runs there"), (
        "as gw2 itself says"
    )
    assert heard == 2, "the thief hears each letter, and answers it"
    log = (gw1.home / "agent.log").read_text(encoding="utf-8")
    assert "somebody on the bus speaks for gateway gw2 without its key" in log
    assert gw2.agent.poll() is None


async def answered_by(stolen: Station, gw1: Station, gw2: Station) -> tuple[Outcome, int]:
    """Send two letters to gw2; a thief answers the second with a lie, with what gw2 answered the
    first, and with what a server says if nobody is there.
    """
    agent = gw2.agent
    assert agent is not None
    client = await thief_at(stolen)
    subject = ask_subject(GW2, ACT)
    identity = own_identity(stolen.layout)
    recorded: list[bytes] = []
    heard = 0

    async def record(message: Msg) -> None:
        recorded.append(message.data)

    async def answer(message: Msg) -> None:
        nonlocal heard
        heard += 1
        done = {"node": AIM.node, "port": AIM.port, "done": True, "sentence": "killed"}
        lie = {"schema": 1, "nonce": nonce_in(message.data), "outcomes": [done]}
        await client.publish(message.reply, identity.sealed(subject, json.dumps(lie).encode()))
        await client.publish(message.reply, b"", headers={"Status": "503"})
        for old in recorded:
            await client.publish(message.reply, old)
        await client.flush(timeout=150)
        await asyncio.sleep(0.5)  # its answers come first; the outcome does not depend on it
        agent.send_signal(signal.SIGCONT)

    await client.subscribe(subject, cb=answer)
    await client.subscribe("_INBOX.>", cb=record)
    await client.flush(timeout=150)
    outcomes: list[Outcome] = []
    for _ in range(2):
        asked = letter(gateway=GW2, via=gw1.id)
        content = signed(asked, anna(gw1).key)
        agent.send_signal(signal.SIGSTOP)  # the thief is faster
        outcomes += await asyncio.to_thread(send, asked, content, post_of(gw1.layout))
    await client.close()
    return outcomes[-1], heard


@pytest.mark.parametrize(("user", "is_heard"), [(READER, False), (EDITOR, True)])
def test_a_reader_of_the_bus_cannot_even_ask_for_an_act(
    fleet: list[Station], user: str, *, is_heard: bool
) -> None:
    gw1 = fleet[0]
    asked = letter(gateway=GW2, via=gw1.id)
    content = signed(asked, anna(gw1).key)

    async def ask() -> bool:
        refused = asyncio.Event()

        async def note(error: Exception) -> None:
            if "permissions violation for publish" in str(error).lower():
                refused.set()

        bus = await connect(login(gw1, user), user)
        bus.client._error_cb = note
        asking = asyncio.create_task(send_letter(bus, GW2, identity_of(gw1, GW2), content))
        said_no = asyncio.create_task(refused.wait())
        async with asyncio.timeout(150):
            await asyncio.wait((asking, said_no), return_when=asyncio.FIRST_COMPLETED)
        was_answered = asking.done()
        asking.cancel()
        said_no.cancel()
        await bus.close()
        return was_answered

    assert asyncio.run(ask()) is is_heard


def identity_of(station: Station, id_: GatewayId) -> str:
    """The identity on a gateway's card."""
    return card_named(station.layout, id_).card.identity


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        (READER, "with reader.password this machine only watches; to act, copy editor.password of"),
        (EDITOR, "gateway gw2 refused it: no daemon runs there"),
    ],
)
def test_a_machine_that_only_watches_acts_with_the_password_of_an_editor(
    fleet: list[Station], tmp_path: Path, user: str, sentence: str
) -> None:
    gw1 = fleet[0]
    home = make_home(tmp_path, "laptop", anna(gw1))
    layout = home_layout(home)
    cards = [str(card_path(one.layout, one.id)) for one in fleet]
    assert run(["--home", str(home), "fleet", "join", *cards]) == 0
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f"bus_port = {login(gw1, user).port}\n")
    bus_folder(layout).mkdir()
    shutil.copy(bus_folder(gw1.layout) / f"{user}.password", bus_folder(layout))
    words = [sys.executable, "-m", "checker", "--home", str(home), "fleet", "serve", "--watch"]
    asked = letter(gateway=GW2, via=GatewayId("laptop"))
    content = signed(asked, anna(gw1).key)

    with program(words, home, home / "agent.log"):
        said = until(lambda: heard(layout, asked, content, sentence), "what comes of it")

    assert said.startswith("nothing was done: ")


def heard(layout: Layout, asked: Letter, content: bytes, sentence: str) -> str:
    """What comes of a letter, once it has this sentence: the agent must get onto the bus first."""
    said = send(asked, content, post_of(layout))[0].sentence
    return said if sentence in said else ""
