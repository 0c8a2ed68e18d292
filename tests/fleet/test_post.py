"""Letters over a real bus: they arrive, their answers are proved, and nobody else's counts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from checker.control.bringing import NobodyThere
from checker.control.far_acts import send
from checker.control.post import post_of
from checker.model import Verb
from checker.model.gateway_id import GatewayId
from tests.fleet.buses import Station, stations, until_connected
from tests.fleet.homes import Signer
from tests.letters import GW2, letter, signed
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    folder = tmp_path_factory.mktemp("post")
    with stations(folder, ("gw1", "gw2")) as found:
        until_connected(found)
        yield found


def anna(station: Station) -> Signer:
    return Signer(name="anna", key=station.home.parent / "people" / "anna")


def test_a_letter_reaches_the_daemon_of_the_other_gateway(fleet: list[Station]) -> None:
    gw1, _ = fleet
    asked = letter(gateway=GW2, verb=Verb.PROBE, via=gw1.id)
    content = signed(asked, anna(gw1).key)

    answer = post_of(gw1.layout)(GW2, content)

    assert json.loads(answer) == {
        "schema": 1,
        "refused": "no daemon runs there",
        "nonce": asked.nonce,
    }


def test_a_gateway_that_nobody_knows_is_not_asked(fleet: list[Station]) -> None:
    gw1, _ = fleet

    with pytest.raises(NobodyThere, match="has no card here that counts"):
        post_of(gw1.layout)(GatewayId("gw7"), b"")


def test_that_nobody_is_there_is_said_at_once(fleet: list[Station]) -> None:
    gw1, gw2 = fleet
    assert gw2.agent is not None
    gw2.agent.terminate()
    gw2.agent.wait(30)
    asked = letter(gateway=GW2, verb=Verb.PROBE, via=gw1.id)
    content = signed(asked, anna(gw1).key)

    began = time.monotonic()
    (outcome,) = send(asked, content, post_of(gw1.layout))

    assert outcome.sentence == "nothing was done: gateway gw2 cannot be reached"
    assert time.monotonic() - began < 30  # the answer is waited for longer
    gw2.start_agent()
    until(
        lambda: "no daemon" in send(asked, content, post_of(gw1.layout))[0].sentence,
        "gw2 answers again",
    )
