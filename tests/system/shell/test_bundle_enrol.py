"""A device asks to become a node, waits, and becomes it: under each shell, with stand-ins."""

from __future__ import annotations

import pytest

from tests.bundles import EACH_SHELL, Box
from tests.system.shell.enrolling import (
    ACCEPT,
    ACCEPTED,
    PRINT,
    REJECTED,
    WAIT,
    WAITING,
    asked,
    enrolment,
    is_over,
    node_text,
)
from tests.system.shell.installing import (
    PLATFORMS,
    RCLOCAL,
    SYSTEMD,
    Platform,
    become,
    bundle,
    calls,
    files,
    needs_root,
)
from tests.system.shell.running import set_answer
from tests.system.shell.stand_ins import TAKEN
from tests.system.waiting import until

pytestmark = pytest.mark.shell


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_an_accepted_device_has_the_nodes_own_bundle_and_nothing_else(box: Box) -> None:
    file = enrolment(box)

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert said.stdout == f"roof@{PRINT}\n"
    assert f"waits to be accepted as roof; on the gateway, run: {ACCEPT}\n" in said.stderr
    box.await_state("pending", WAITING)
    assert asked(box)[0] == "enrol roof ssh-ed25519 AAAA"

    set_answer(box, "enrol", ACCEPTED)

    box.await_state("up", "roof")
    until(lambda: is_over(box), "the wait is over")
    log = (box.folder / "programs/calls.log").read_text()
    assert f" {WAITING}: {file} holds the enrolment's key: remove it, or keep it secret\n" in log
    own = box.write(node_text(box), "roof.sh")
    confirmed = box.sh(own, "confirmed")
    assert confirmed.returncode == 0, confirmed.stderr
    again = box.sh(file, "install")
    assert (again.returncode, again.stdout) == (0, "")
    assert "has a tunnel to this gateway already, as roof" in again.stderr
    assert box.sh(file, "status").stdout.startswith("roof: up ")
    assert is_over(box)  # neither has made anything again
    removed = box.sh(file, "uninstall", "--name", "roof")
    assert removed.returncode == 0, removed.stderr
    box.await_nothing_left()
    assert [path for path in box.root.rglob("*") if path.is_file()] == []
    assert list(box.user_home.iterdir()) == []


@needs_root
@pytest.mark.parametrize("platform", [*PLATFORMS, pytest.param(RCLOCAL, id=RCLOCAL.name)])
def test_the_waiting_service_makes_way_for_the_nodes(box: Box, platform: Platform) -> None:
    become(box, platform)
    before = files(box)
    (box.root / "tmp").mkdir()
    file = enrolment(box).rename(box.root / "tmp/reversi-yard.sh")
    wait_unit, node_unit = (platform.unit.replace("office", name) for name in (WAITING, "roof"))

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert f"platform: {platform.name}, client: ssh (openssh), name: roof" in said.stderr
    assert (box.root / wait_unit).exists()
    if platform is not RCLOCAL:
        box.start(box.installed / f"{WAITING}.sh")
    box.await_state("pending", WAITING)
    set_answer(box, "enrol", ACCEPTED)
    if platform is not RCLOCAL:
        until((box.root / node_unit).exists, "the node has its unit")
        box.await_state("accepted", WAITING)
        box.start(box.installed / "roof.sh")
    until(lambda: is_over(box), "the wait is over")
    box.await_state("up", "roof")
    assert not file.exists()
    assert WAITING.encode() not in b"".join(files(box).values())
    own = box.write(node_text(box), "roof.sh")
    assert box.sh(own, "confirmed").returncode == 0
    assert ends_of(platform) <= set(calls(box))
    removed = box.sh(own, "uninstall")
    assert removed.returncode == 0, removed.stderr
    assert files(box) == before
    box.await_nothing_left()


def ends_of(platform: Platform) -> set[str]:
    """How the manager of a platform's services is told to end the one that waits."""
    return {
        "systemd": {
            f"systemctl disable reversi-{WAITING}.service",
            f"systemctl stop --no-block reversi-{WAITING}.service",
        },
        "macos": {f"launchctl remove reversi-{WAITING}"},
    }.get(platform.name, set())


@needs_root
def test_a_device_that_waits_may_write_the_nodes_unit(box: Box) -> None:
    become(box, SYSTEMD)

    box.sh(enrolment(box), "install")

    unit = (box.root / SYSTEMD.unit.replace("office", WAITING)).read_text()
    assert "ProtectSystem" not in unit
    assert "PrivateTmp" not in unit
    assert "NoNewPrivileges=yes" in unit


def test_a_rejected_device_keeps_nothing_that_runs(box: Box) -> None:
    file = enrolment(box)
    box.sh(file, "install")
    box.await_state("pending", WAITING)

    set_answer(box, "enrol", REJECTED)

    box.await_nothing_left()
    assert [path.name for path in box.installed.iterdir()] == [f"{WAITING}.key"]
    assert WAITING not in (box.folder / "programs/crontab.txt").read_text()
    assert not (box.live(WAITING) / "key").exists()
    said = box.sh(file, "status")
    assert said.returncode == 1
    assert "last state: rejected" in said.stdout
    again = box.sh(file, "install")
    assert again.returncode == 2
    assert "has rejected this device, so nothing was installed" in again.stderr
    assert len(set(asked(box))) == 1
    set_answer(box, "enrol", ACCEPTED)
    after = box.sh(file, "install")
    assert after.returncode == 0, after.stderr
    assert "accepted as roof: its tunnel starts\n" in after.stderr
    box.await_state("up", "roof")
    until(lambda: is_over(box), "the wait is over")
    assert len(set(asked(box))) == 1
    box.sh(file, "uninstall", "--name", "roof")
    box.await_nothing_left()


def refuse(box: Box) -> None:
    set_answer(box, "refusal", "root@gw: Permission denied (publickey).\n")


def test_a_device_of_an_ended_enrolment_asks_every_five_minutes_and_says_why(box: Box) -> None:
    file = enrolment(box)
    box.sh(file, "install")
    box.await_state("pending", WAITING)

    refuse(box)

    why = "it refuses the key of this enrolment, which has ended or expired"
    box.await_state("waiting", WAITING, saying=why)
    until(lambda: any(295 <= nap <= 330 for nap in box.naps()), "it sleeps for five minutes")
    said = box.sh(file, "status")
    assert said.returncode == 1
    assert f"last error: gateway.example.org:22: {why}\n" in said.stdout
    box.sh(file, "uninstall")
    box.await_nothing_left()


def test_an_ended_enrolment_is_not_installed(box: Box) -> None:
    file = enrolment(box)
    refuse(box)

    said = box.sh(file, "install")

    assert said.returncode == 2
    assert "which has ended or expired" in said.stderr
    assert "nothing was installed" in said.stderr
    assert not box.installed.exists()
    box.await_nothing_left()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param("no daemon\n", "75", id="no daemon"),
        pytest.param("enrol: accepted roof $(id)\n", "0", id="not whole"),
    ],
)
def test_a_gateway_that_takes_nobody_now_is_asked_later(box: Box, answer: str, status: str) -> None:
    file = enrolment(box)
    set_answer(box, "enrol", answer)
    set_answer(box, "enrol-status", status)

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert "it does not take applications now" in said.stderr
    box.await_state("waiting", WAITING)
    until(lambda: any(60 <= nap <= 75 for nap in box.naps()), "it sleeps for a minute")
    assert len(asked(box)) == 2
    box.sh(file, "uninstall")
    box.await_nothing_left()
    assert not box.installed.exists()


def test_a_second_install_while_it_waits_changes_nothing(box: Box) -> None:
    set_answer(box, "enrol", WAIT.replace("wait 1", "wait 600"))
    file = enrolment(box)
    box.sh(file, "install", "--name", "shed")
    before = box.await_state("pending", WAITING)
    there = {path: path.read_bytes() for path in box.installed.iterdir()}

    again = [box.sh(file, "install", *words) for words in ((), ("--name", "shed"), ("--offline",))]
    other = box.sh(file, "install", "--name", "hut")

    assert [one.returncode for one in again] == [0, 0, 0]
    assert all("asks already, as shed: nothing was changed" in one.stderr for one in again)
    assert other.returncode == 2
    assert "asks already, as shed; to ask as hut: " in other.stderr
    assert box.state(WAITING) == before
    assert {path: path.read_bytes() for path in box.installed.iterdir()} == there
    assert asked(box) == ["enrol shed ssh-ed25519 AAAA"]
    until(lambda: any(400 <= nap <= 750 for nap in box.naps()), "it sleeps")
    said = box.sh(file, "status")
    assert said.returncode == 1
    assert f"{WAITING}: asks to become roof; on the gateway: {ACCEPT}\n" in said.stdout
    assert f"{WAITING}: pending for " in said.stdout
    assert box.sh(file, "check").returncode == 1
    newer = enrolment(box, "newer.sh", retry="2")
    assert box.sh(newer, "install").returncode == 0
    assert "RETRY=2\n" in (box.installed / f"{WAITING}.sh").read_text()
    assert set(asked(box)) == {"enrol shed ssh-ed25519 AAAA"}
    removed = box.sh(file, "uninstall")
    assert removed.returncode == 0, removed.stderr
    box.await_nothing_left()
    assert [path for path in box.root.rglob("*") if path.is_file()] == []
    assert list(box.user_home.iterdir()) == []


def test_a_restarted_wait_does_not_ask_earlier(box: Box) -> None:
    set_answer(box, "enrol", WAIT.replace("wait 1", "wait 600"))
    file = enrolment(box)
    box.sh(file, "install")
    box.await_state("pending", WAITING)
    box.lose_power()

    box.start(box.installed / f"{WAITING}.sh")

    until(lambda: any(400 <= nap <= 750 for nap in box.naps()), "it sleeps on")
    assert box.await_state("pending", WAITING)
    assert len(asked(box)) == 1
    box.sh(file, "uninstall")
    box.await_nothing_left()


def test_another_bundle_of_the_same_name_stays(box: Box) -> None:
    office = bundle(box)
    box.sh(office, "install")
    before = box.await_state("up")
    file = enrolment(box)
    box.sh(file, "install")

    set_answer(box, "enrol", ACCEPTED.replace("roof", "office"))

    found = box.await_state("waiting", WAITING)
    assert "cannot install the tunnel of office yet" in found["error"]
    assert box.state() == before
    assert "KEY=embed" in (box.installed / "office.sh").read_text()
    set_answer(box, "enrol", ACCEPTED)
    box.sh(file, "uninstall")
    box.sh(office, "uninstall")
    box.await_nothing_left()


def test_an_uninstall_before_the_tunnel_is_up_removes_both(box: Box) -> None:
    set_answer(box, "claim", "60\n")
    set_answer(box, "taken", TAKEN)
    file = enrolment(box)
    box.sh(file, "install")
    set_answer(box, "enrol", ACCEPTED)
    box.await_state("waiting", "roof")

    said = box.sh(file, "uninstall")

    assert said.returncode == 0, said.stderr
    box.await_nothing_left()
    assert [path for path in box.root.rglob("*") if path.is_file()] == []
    assert list(box.user_home.iterdir()) == []


def test_a_wait_ends_when_the_tunnel_comes_up_whatever_the_gateway_answers(box: Box) -> None:
    set_answer(box, "claim", "60\n")
    set_answer(box, "taken", TAKEN)
    file = enrolment(box)
    box.sh(file, "install")
    set_answer(box, "enrol", ACCEPTED)
    box.await_state("waiting", "roof")
    box.lose_power()
    set_answer(box, "enrol-status", "75")
    set_answer(box, "claim", "0\n")
    before = asked(box)

    box.start(box.installed / "roof.sh")
    box.await_state("up", "roof")
    box.start(box.installed / f"{WAITING}.sh")

    until(lambda: is_over(box), "the wait is over")
    assert asked(box) == before
    said = box.sh(file, "uninstall")
    assert "the tunnel of roof stays; to end it: " in said.stderr
    assert box.state("roof")["state"] == "up"
    box.sh(file, "uninstall", "--name", "roof")
    box.await_nothing_left()


def test_an_enrolments_bundle_has_no_upgrade(box: Box) -> None:
    file = enrolment(box)

    said = [
        box.sh(file, *words)
        for words in (
            ("upgrade",),
            ("confirmed",),
            ("install", "--nane", "x"),
            ("install", "--name", "A b"),
            ("run",),
        )
    ]

    assert [one.returncode for one in said] == [2] * 5
    assert "this is an enrolment's bundle" in said[0].stderr
    assert "install has no option --nane" in said[2].stderr
    assert "--name takes 1 to 63 of a-z 0-9 . -" in said[3].stderr
    assert "run install first" in said[4].stderr
    assert "install [--name NAME]" in box.sh(file).stdout
    box.await_nothing_left()
