"""A gateway that refuses connections: how long a bundle waits. No network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import EACH_SHELL, Box
from tests.system.shell.limited import limited_client
from tests.system.shell.running import bundle, set_answer
from tests.system.shell.stand_ins import CLIENT, program, programs
from tests.system.waiting import until

pytestmark = pytest.mark.shell
SLEEP = """#!/bin/sh
case $1 in 0 | 1) exec busybox sleep "$1" ;; esac
printf '%s\\n' "$1" >>"${0%/*}/sleep.log"
"""
"""Notes how long it should sleep, and sleeps for no more than a beat."""
REFUSED = "ssh: connect to host gw port 22: Connection refused\r\n"
TIMED_OUT = "ssh: connect to host gw port 22: Connection timed out\r\n"
DROPBEAR_REFUSED = (
    "dbclient: Connection to root@gw:22 exited: Connect failed: Error connecting: Connection"
    " refused\n"
)
BUSY = "kex_exchange_identification: Connection closed by remote host\r\n"
TWO = """#!/bin/sh
case ${1:-} in -V) printf '%s\\n' OpenSSH_9.2p1 >&2; exit ;; esac
case $* in
*' one '*) printf '%s\\n' 'ssh: connect to host one port 22: Connection refused' >&2 ;;
*) printf '%s\\n' 'kex_exchange_identification: Connection closed by remote host' >&2 ;;
esac
exit 255
"""
"""A client for two gateways: the first refuses connections, the second closes them."""


def waits(box: Box, count: int) -> list[int]:
    """The seconds of the first waits of two seconds or more."""
    log = box.folder / "programs/sleep.log"

    def found() -> list[int] | None:
        seconds = [int(line) for line in log.read_text().split()] if log.exists() else []
        return seconds[:count] if len(seconds) >= count else None

    return until(found, f"{count} waits", within_s=60)


def start_refused(box: Box, said: str) -> None:
    program(box.folder / "programs", "sleep", SLEEP)
    set_answer(box, "refusal", said)
    box.start(bundle(box, retry="15"))


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_refused_bundle_waits_half_a_minute_to_a_minute(box: Box) -> None:
    start_refused(box, REFUSED)

    found = waits(box, 20)

    assert max(found) <= 60
    assert min(found[-12:]) >= 30
    assert len(set(found[-12:])) > 3
    assert box.state()["error"].endswith(REFUSED.strip())
    box.stop()


@pytest.mark.parametrize("said", [TIMED_OUT, DROPBEAR_REFUSED], ids=["timed-out", "dropbear"])
def test_other_words_for_a_refusal_are_known(box: Box, said: str) -> None:
    if said == DROPBEAR_REFUSED:
        dropbear = CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2022.83").replace("255", "1")
        program(box.folder / "programs", "ssh", dropbear)
    start_refused(box, said)

    assert min(waits(box, 20)[-12:]) >= 30
    box.stop()


def test_a_gateway_that_closes_connections_is_tried_again_sooner(box: Box) -> None:
    start_refused(box, BUSY)

    assert max(waits(box, 20)) <= 15
    box.stop()


def test_one_gateway_that_fails_otherwise_shortens_the_wait_for_all(box: Box) -> None:
    program(box.folder / "programs", "ssh", TWO)
    program(box.folder / "programs", "sleep", SLEEP)
    box.start(bundle(box, "one:22", "two:22", retry="15"))

    assert max(waits(box, 20)) <= 15
    box.stop()


def test_bundles_behind_a_limited_address_all_come_up(
    tmp_path: Path, busybox: Path, request: pytest.FixtureRequest
) -> None:
    """With times scaled from 30 s and a minute: a window of 4 s, and waits of up to 8."""
    client = limited_client(tmp_path / "tries", window_s=4.0)
    boxes = []
    for number, shell in enumerate((("dash",), ("busybox", "ash"), ("bash", "--posix"))):
        folder = tmp_path / f"box {number}"
        box = Box(folder, shell, path=[folder / "programs", busybox])
        request.addfinalizer(box.close)
        programs(folder / "programs")
        program(folder / "programs", "ssh", client)
        box.start(bundle(box, retry="2"))
        boxes.append(box)

    until(
        lambda: [box.state().get("state") for box in boxes] == ["up"] * 3,
        "all three are up",
        within_s=90,
    )

    for box in boxes:
        box.stop()
