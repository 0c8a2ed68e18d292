"""In which order a bundle tries its gateways, and how long it waits for each. No network."""

from __future__ import annotations

import re

import pytest

from checker.wire import Hold, parse_request
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import as_released
from tests.system.shell.running import bundle, requests
from tests.system.shell.stand_ins import CLIENT, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell
SOME = CLIENT.replace(
    "case $last in\n",
    'for word; do [ ! -e "$here/away-$word" ] || { printf "no route\\n" >&2; exit 255; }; done\n'
    "case $last in\n",
)
"""A client that does not reach a gateway while there is a file `away-HOST`."""


def away(box: Box, *hosts: str) -> None:
    """Let these gateways, and no others, be away from now on."""
    folder = box.folder / "programs"
    for file in folder.glob("away-*"):
        file.unlink()
    for host in hosts:
        (folder / f"away-{host}").touch()


def drains(box: Box, *hosts: str) -> None:
    for host in hosts:
        (box.folder / "programs" / f"drains-{host}").touch()


def hosts(box: Box) -> list[str]:
    return [line.split()[0] for line in requests(box)]


def limits(box: Box) -> list[tuple[str, int]]:
    """Return the gateway of each request, and OpenSSH's time limit for the connection."""
    lines = (box.folder / "programs/ssh.log").read_text().splitlines()
    found = [re.search(r"ConnectTimeout=(\d+) ", line) for line in lines]
    return [
        (host, int(one[1])) for host, one in zip(hosts(box), found, strict=True) if one is not None
    ]


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_after_a_loss_it_begins_at_home(box: Box) -> None:
    program(box.folder / "programs", "ssh", SOME)
    away(box, "one", "two")
    box.start(bundle(box, "one:22", "two:22", "three:22"))
    assert box.await_state("up")["gateway"] == "three:22"
    before = len(hosts(box))

    away(box)
    box.client("ssh").kill()

    until(lambda: len(hosts(box)) > before, "another try")
    until(lambda: box.state().get("gateway") == "one:22", "it is at home")
    assert hosts(box)[before] == "one"
    box.stop()


def test_only_the_last_gateway_of_a_round_gets_the_usual_time(box: Box) -> None:
    program(box.folder / "programs", "ssh", SOME)
    away(box, "one", "two", "three")
    box.start(bundle(box, "one:22", "two:22", "three:22"))
    until(lambda: len(hosts(box)) >= 6, "two rounds")

    assert limits(box)[:6] == [("one", 5), ("two", 5), ("three", 10)] * 2
    box.stop()


def test_one_gateway_keeps_the_usual_time(box: Box) -> None:
    box.start(bundle(box))
    box.await_state("up")

    assert {seconds for _, seconds in limits(box)} == {10}
    box.stop()


def test_a_slow_link_gets_more_time_at_each_gateway(box: Box) -> None:
    program(box.folder / "programs", "ssh", SOME)
    box.live().mkdir(parents=True)
    (box.live() / "pace").write_text("4\n")
    away(box, "one")
    box.start(bundle(box, "one:22", "two:22"))
    box.await_state("up")

    assert limits(box)[:2] == [("one", 20), ("two", 40)]
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_gateway_that_drains_is_left_for_another_and_not_tried_first(box: Box) -> None:
    box.start(bundle(box, "one:22", "two:22", retry="3600"))
    box.await_state("up")

    drains(box, "one")
    until(lambda: box.state().get("gateway") == "two:22", "it is elsewhere")
    until(lambda: box.log().count("up, at") >= 2, "it is up")
    assert "one:22: this gateway drains" in box.log()
    before = hosts(box)
    box.client("ssh").kill()
    until(lambda: box.log().count("up, at") >= 3, "it is up again")

    assert before == ["one", "two"]
    assert set(hosts(box)[2:]) == {"two"}
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_no_other_address_of_a_gateway_that_drains_is_tried(box: Box) -> None:
    box.start(bundle(box, "gw1=one:22", "gw1=uno:22", "gw2=two:22", retry="3600"))
    box.await_state("up")

    drains(box, "one", "uno")
    until(lambda: box.log().count("up, at") >= 2, "it is up elsewhere")

    assert hosts(box) == ["one", "two"]
    box.stop()


def test_after_a_drain_it_begins_at_home_even_if_home_was_away_before(box: Box) -> None:
    program(box.folder / "programs", "ssh", SOME)
    away(box, "one")
    box.start(bundle(box, "one:22", "two:22", "three:22", retry="3600"))
    assert box.await_state("up")["gateway"] == "two:22"

    away(box)
    drains(box, "two")

    until(lambda: box.log().count("up, at") == 2, "it is up again")
    assert hosts(box) == ["one", "two", "one"]
    box.stop()


@pytest.mark.parametrize("names", [("one:22",), ("one:22", "two:22")], ids=["one", "two"])
def test_if_all_gateways_drain_it_comes_back_within_fifteen_seconds(
    box: Box, names: tuple[str, ...]
) -> None:
    drains(box, "one", "two")
    box.start(bundle(box, *names, retry="3600"))

    until(lambda: any(1 <= nap <= 15 for nap in box.naps()), "it waits")
    assert hosts(box)[: len(names)] == [name.removesuffix(":22") for name in names]
    for file in (box.folder / "programs").glob("drains-*"):
        file.unlink()
    box.await_state("up")
    box.stop()


def test_a_released_bundle_tries_its_next_gateway_if_hold_is_refused_without_a_number(
    box: Box,
) -> None:
    """It takes a printed 0 for a tunnel that works, and then stays with that gateway."""
    text = bundle(box, "one:22", "two:22", retry="3600").read_text(encoding="ascii")
    drains(box, "one")
    box.start(box.write(as_released(text)))

    assert box.await_state("up")["gateway"] == "two:22"
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
@pytest.mark.parametrize(
    ("names", "ending"),
    [
        pytest.param(("one:22",), "/openssh-9.2p1+moves", id="without an ID"),
        pytest.param(("gw1=one:22", "gw2=two:22"), "/openssh-9.2p1+moves-gw1", id="its home"),
        pytest.param((f"{'g' * 32}=one:22",), f" bundle+moves-{'g' * 32}", id="a long ID"),
    ],
)
def test_it_says_that_it_can_move_and_where_it_belongs(
    box: Box, names: tuple[str, ...], ending: str
) -> None:
    box.start(bundle(box, *names))
    box.await_state("up")

    said = requests(box)[0]
    assert said.endswith(ending)
    assert isinstance(parse_request(said[said.index("hold") :]), Hold)
    box.stop()
