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
BUSY = {
    "OpenSSH 7": "ssh_exchange_identification: Connection closed by remote host\r\n",
    "OpenSSH 8": "kex_exchange_identification: Connection closed by remote host\r\n",
    "OpenSSH 9.2": (
        "kex_exchange_identification: read: Connection reset by peer\r\n"
        "Connection reset by 192.0.2.1 port 22\r\n"
    ),
    "OpenSSH 10": "Connection closed by UNKNOWN port 65535\r\n",
    "dropbear": "\ndbclient: Connection to root@gw:22 exited: Remote closed the connection\n",
}
"""What clients say if the gateway accepts a connection and closes it."""
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

    return until(found, f"{count} waits")


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
        use_dropbear(box)
    start_refused(box, said)

    assert min(waits(box, 20)[-12:]) >= 30
    box.stop()


def use_dropbear(box: Box) -> None:
    dropbear = CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2022.83").replace("255", "1")
    program(box.folder / "programs", "ssh", dropbear)


@pytest.mark.parametrize("said", BUSY.values(), ids=BUSY)
def test_a_busy_gateway_is_left_alone_for_up_to_a_minute(box: Box, said: str) -> None:
    if said == BUSY["dropbear"]:
        use_dropbear(box)
    start_refused(box, said)

    found = waits(box, 30)

    assert 15 < max(found) <= 60
    assert min(found[-20:]) < 30, "with full jitter"
    box.stop()


@pytest.mark.parametrize("said", ["No route to host", "Connection timed out"])
def test_a_round_of_several_gateways_waits_at_most_fifteen_seconds(box: Box, said: str) -> None:
    program(box.folder / "programs", "sleep", SLEEP)
    set_answer(box, "refusal", f"ssh: connect to host gw port 22: {said}\r\n")
    box.start(bundle(box, "one:22", "two:22", retry="15"))

    assert max(waits(box, 12)) <= 15
    box.stop()


def test_a_gateway_that_is_away_does_not_hide_that_the_other_is_busy(box: Box) -> None:
    program(box.folder / "programs", "ssh", TWO)
    program(box.folder / "programs", "sleep", SLEEP)
    box.start(bundle(box, "one:22", "two:22", retry="15"))

    assert 15 < max(waits(box, 30)) <= 60
    box.stop()


def test_a_gateway_command_that_speaks_of_a_closed_connection_is_not_busy(box: Box) -> None:
    set_answer(box, "status", "1")
    start_refused(box, BUSY["OpenSSH 10"])

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
        within_s=200,
    )

    for box in boxes:
        box.stop()
