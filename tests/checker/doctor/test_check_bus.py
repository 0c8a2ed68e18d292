"""What `doctor` says of the bus of a fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.settings import load_config
from checker.doctor.bus_facts import BusFacts
from checker.doctor.check_bus import is_repaired
from checker.doctor.examine_bus import bus_facts
from checker.doctor.findings import findings
from checker.fleet.mirror import Mirror
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.mirrors import mirror_path
from tests.checker.doctor.gateways import WELL, changed, the
from tests.fleet.conftest import fleet, gw1, gw2, in_a_folder_of_its_own, template
from tests.fleet.homes import Fleet, Member

__all__ = ["fleet", "gw1", "gw2", "in_a_folder_of_its_own", "template"]
GOOD = BusFacts(ahead_s={"gw2": 0.2})
PULSE = Pulse(epoch="a", beat=1, number=1, at=1000.0, version="1", state="active")


def test_a_gateway_on_no_bus_has_no_finding_about_it() -> None:
    assert not [one for one in findings(WELL) if one.name in ("bus", "nats-server")]


def test_a_gateway_that_hears_the_others_is_well() -> None:
    found = the(changed(WELL, {"bus": GOOD}), "bus")

    assert (found.ok, found.sentence) == (True, "it hears 1 other gateway")


@pytest.mark.parametrize(
    ("facts", "sentence", "mend"),
    [
        (replace(GOOD, trouble="x: broken"), "x: broken", "fix that file"),
        (
            replace(GOOD, version=None),
            "nats-server is not installed",
            "apt-get install nats-server",
        ),
        (replace(GOOD, has_library=False), "needs the Python package nats-py", "install nats-py"),
        (replace(GOOD, states={"x.service": "failed"}), "x.service is failed", "init"),
        (replace(GOOD, ahead_s={"gw2": 61.0}), "that of gw2 is 61 s ahead", "NTP"),
        (replace(GOOD, ahead_s={"gw2": -99.0}), "that of gw2 is 99 s behind", "NTP"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(facts: BusFacts, sentence: str, mend: str) -> None:
    found = the(changed(WELL, {"bus": facts}), "bus")

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


def test_a_gateway_that_is_not_heard_is_named_but_nothing_here_is_wrong() -> None:
    facts = replace(GOOD, silent={"gw3": 41.0, "gw4": None})

    (_, found) = [one for one in findings(changed(WELL, {"bus": facts})) if one.name == "bus"]

    assert found.ok is None
    assert found.sentence == "not heard: gw3 (for 41 s), gw4 (never heard)"
    assert found.mend == "reversi-checker doctor    # there"


def test_a_gateway_that_hears_nobody_asks_there_whether_it_was_removed() -> None:
    facts = BusFacts(silent={"gw2": 41.0})

    (_, found) = [one for one in findings(changed(WELL, {"bus": facts})) if one.name == "bus"]

    assert found.mend == "reversi-checker fleet status; reversi-checker doctor    # there"


@pytest.mark.parametrize(
    ("version", "repaired"),
    [
        ((2, 9, 10), False),
        ((2, 10, 27), False),
        ((2, 11, 15), False),
        ((2, 11, 16), True),
        ((2, 12, 6), False),
        ((2, 12, 7), True),
        ((2, 13, 0), False),
        ((2, 14, 0), True),
        ((2, 15, 1), True),
        ((3, 0, 0), True),
    ],
)
def test_old_releases_of_the_server_are_warned_of(
    version: tuple[int, int, int],
    repaired: bool,
) -> None:
    assert is_repaired(version) is repaired
    facts = changed(WELL, {"bus": replace(GOOD, version=version)})
    assert [one.ok for one in findings(facts) if one.name == "nats-server"] == [None] * (
        not repaired
    )


def test_the_faults_of_debians_release_are_named() -> None:
    found = the(changed(WELL, {"bus": replace(GOOD, version=(2, 9, 10))}), "nats-server")

    assert "2.9.10" in found.sentence
    assert "an older value than was written" in found.sentence
    assert "CVE-2025-30215" in found.sentence
    assert "2.11.16, 2.12.7, 2.14 or later" in found.mend


def test_it_looks_at_the_pulses_in_the_mirrors(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    config = load_config(gw1.layout.config)
    assert bus_facts(gw1.layout, config) is None
    for number, one in enumerate((gw1, gw2)):
        one.do("fleet", "card", "--bus", f"127.0.0.1:{16223 + number}")
    fleet.carry(gw2, gw1)
    never = bus_facts(gw1.layout, config)
    path = mirror_path(gw1.layout, GatewayId("gw2"))
    path.parent.mkdir()
    mirror = Mirror(path)
    mirror.put_pulse(HeardPulse(pulse=PULSE, heard_at=900.0))
    mirror.close()

    fresh = bus_facts(gw1.layout, config, now=910.0)
    old = bus_facts(gw1.layout, config, now=941.0)

    assert never is not None
    assert fresh is not None
    assert old is not None
    assert (never.ahead_s, never.silent) == ({}, {"gw2": None})
    assert (fresh.ahead_s, fresh.silent) == ({"gw2": 100.0}, {})
    assert (old.ahead_s, old.silent) == ({}, {"gw2": 41.0})


def test_what_the_bucket_lacks_is_named_but_nothing_here_is_wrong() -> None:
    facts = replace(GOOD, bucket=("the bucket lacks barn",))

    (_, one) = [one for one in findings(changed(WELL, {"bus": facts})) if one.name == "bus"]

    assert one.ok is None
    assert one.sentence == "the bucket lacks barn"
    assert "fleet status" in one.mend
