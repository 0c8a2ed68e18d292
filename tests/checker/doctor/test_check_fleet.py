"""What `doctor` says of a gateway in a fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.settings import load_config
from checker.doctor.examine_fleet import fleet_facts
from checker.doctor.findings import findings
from checker.doctor.fleet_facts import FleetFacts
from tests.checker.doctor.gateways import WELL, changed, the
from tests.fleet.conftest import fleet, gw1, gw2, in_a_folder_of_its_own, template
from tests.fleet.homes import Fleet, Member

__all__ = ["fleet", "gw1", "gw2", "in_a_folder_of_its_own", "template"]
GOOD = FleetFacts(state="active")


def test_a_gateway_on_its_own_has_no_finding_about_a_fleet() -> None:
    assert not [one for one in findings(WELL) if one.name == "fleet"]


def test_a_settled_gateway_is_well() -> None:
    found = the(changed(WELL, {"fleet": GOOD}), "fleet")

    assert (found.ok, found.sentence) == (True, "its entries are signed, and none waits")


@pytest.mark.parametrize(
    ("facts", "sentence", "mend"),
    [
        (replace(GOOD, trouble="x: broken"), "x: broken", "fix that file"),
        (replace(GOOD, open_paths=("/x",)), "only root may: /x", "chmod"),
        (replace(GOOD, signers=0), "nobody may sign here", "write a line"),
        (replace(GOOD, state="inactive"), "reversi-fleet-apply.path is inactive", "init"),
        (
            replace(GOOD, removed_by="anna", still_calls=True),
            "so the others do not hear it; its nats-server still calls them",
            "sudo reversi-checker init",
        ),
        (replace(GOOD, removed_by="anna"), "anna removed this gateway from the fleet", "turn it"),
        (replace(GOOD, left_out=("office",)), "was left out of office", "fleet status"),
        (
            replace(GOOD, unsigned=tuple("abcdefg")),
            "a, b, c, d, e (and 2 more)",
            "sudo --preserve-env=SSH_AUTH_SOCK reversi-checker node sign --all",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(
    facts: FleetFacts, sentence: str, mend: str
) -> None:
    found = the(changed(WELL, {"fleet": facts}), "fleet")

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


def test_it_looks_at_modes_signers_and_entries(gw1: Member) -> None:
    config = load_config(gw1.layout.config)
    assert fleet_facts(gw1.layout, config) == FleetFacts()
    gw1.add("office")
    path = gw1.layout.nodes / "office.toml"
    path.write_text(f'note = "by hand"\n{path.read_text()}', encoding="utf-8")
    (gw1.layout.fleet / "allowed_signers").write_text("", encoding="utf-8")
    (gw1.layout.fleet / "allowed_signers").chmod(0o666)
    (gw1.layout.fleet / "identity").chmod(0o644)

    found = fleet_facts(gw1.layout, config)

    assert found is not None
    assert (found.signers, found.unsigned) == (0, ("office",))
    assert [one.rpartition("/")[2] for one in found.open_paths] == ["allowed_signers", "identity"]
    assert fleet_facts(gw1.layout, replace(config, fleet=None)) is None


def test_it_looks_whether_the_gateway_was_removed(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    fleet.carry(gw2, gw1)
    gw1.do("fleet", "remove", "gw2", "--yes")
    config = load_config(gw2.layout.config)
    assert fleet_facts(gw2.layout, config) == FleetFacts()

    fleet.carry(gw1, gw2)

    assert fleet_facts(gw2.layout, config) == FleetFacts(removed_by="anna")
    assert fleet_facts(gw1.layout, load_config(gw1.layout.config)) == FleetFacts()
