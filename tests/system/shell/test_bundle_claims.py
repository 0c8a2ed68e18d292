"""When a bundle claims, and what follows from a refused forward. No network."""

from __future__ import annotations

import pytest

from tests.bundles import EACH_SHELL, Box
from tests.system.shell.running import bundle, requests, set_answer, verbs
from tests.system.shell.stand_ins import CLIENT, TAKEN, program
from tests.system.shell.test_bundle_order import SOME, away
from tests.system.waiting import until

pytestmark = pytest.mark.shell
OLD_DROPBEAR = CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2014.63")


def newer(old_dropbear: str) -> str:
    """Return a stand-in that knows the option to end if a forward is refused."""
    return old_dropbear.replace(
        "exit 1 ;; esac", "printf '%s\\n' ExitOnForwardFailure; exit 1 ;; esac"
    )


DROPBEAR = newer(OLD_DROPBEAR)
DROPBEAR_TAKEN = (
    "\ndbclient: Connection to root@gw:22 exited: Remote TCP forward request failed (port 20022 ->"
    " 127.0.0.1:22)\n"
)


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_first_connection_does_not_claim_and_the_next_one_does(box: Box) -> None:
    box.start(bundle(box))
    box.await_state("up")
    assert verbs(box) == ["hold"]

    box.client("ssh").kill()
    until(lambda: box.log().count("up, at") >= 2, "it is up again")

    assert verbs(box) == ["hold", "claim", "hold"]
    box.stop()


@pytest.mark.parametrize(
    ("client", "said", "status"),
    [
        pytest.param(CLIENT, TAKEN, "255", id="openssh"),
        pytest.param(DROPBEAR, DROPBEAR_TAKEN, "1", id="dropbear"),
    ],
)
def test_a_refused_forward_leads_to_a_claim_without_a_wait(
    box: Box, client: str, said: str, status: str
) -> None:
    program(box.folder / "programs", "ssh", client.replace("exit 255", f"exit {status}"))
    set_answer(box, "taken", said)

    box.start(bundle(box, retry="3600"))

    box.await_state("up")
    assert verbs(box) == ["hold", "claim", "hold"]
    assert box.log().count("sh:") == 0
    box.stop()


def test_a_client_that_stays_without_its_forwards_always_claims(box: Box) -> None:
    program(box.folder / "programs", "ssh", OLD_DROPBEAR)

    box.start(bundle(box))

    box.await_state("up")
    assert verbs(box) == ["claim", "hold"]
    box.stop()


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(SOME, id="openssh"),
        pytest.param(newer(SOME.replace("OpenSSH_9.2p1", "Dropbear v2022.83")), id="dropbear"),
    ],
)
def test_at_another_gateway_it_does_not_claim(box: Box, client: str) -> None:
    program(box.folder / "programs", "ssh", client)
    box.start(bundle(box, "one:22", "two:22"))
    box.await_state("up")

    away(box, "one")
    box.client("ssh").kill()
    until(lambda: box.state().get("gateway") == "two:22", "it is elsewhere")
    until(lambda: box.log().count("up, at") >= 2, "it is up")

    assert [line.split()[0] for line in requests(box)] == ["one", "one", "two"]
    assert verbs(box) == ["hold", "claim", "hold"]
    box.stop()


def test_a_forward_that_is_refused_after_a_claim_backs_off(box: Box) -> None:
    program(box.folder / "programs", "ssh", CLIENT.replace("|| rm -f", "|| true"))
    set_answer(box, "taken", TAKEN)

    box.start(bundle(box))

    until(lambda: len(requests(box)) >= 5, "two rounds")
    assert verbs(box)[:5] == ["hold", "claim", "hold", "claim", "hold"]
    box.await_state("waiting", saying="port forwarding failed")
    box.stop()


def test_a_gateway_that_prints_the_words_of_a_refusal_is_not_believed(box: Box) -> None:
    set_answer(box, "status", "1")
    set_answer(box, "refusal", TAKEN)

    box.start(bundle(box))

    until(lambda: len(requests(box)) >= 2, "two tries")
    assert "claim" not in verbs(box)
    box.stop()
