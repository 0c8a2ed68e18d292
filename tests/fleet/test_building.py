"""Bundles of a fleet's nodes: all gateways in each node's order, and the host keys of the cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.settings import load_config
from checker.fleet.card_files import card_named
from checker.fleet.placing import CardPlacing
from checker.model import NodeName, parse_public_key
from checker.sshd.keygen import make_key
from client.cli import main
from tests.fleet.homes import Member

NAMES = [f"n{number}" for number in range(8)]


def built(gw1: Member, folder: Path, *words: str) -> int:
    """Build without a scan: nothing answers at the gateways' addresses."""
    place = ("--home", str(gw1.layout.home), "--output-dir", str(folder), "--no-scan")
    return main(["build", *words, *place, "--private-key", str(folder)])


def value(folder: Path, bundle: str, name: str) -> str:
    """Return a value of the bundle's header."""
    rest = (folder / f"{bundle}.sh").read_text().partition(f"\n{name}=")[2]
    return rest[1:].partition("'")[0] if rest.startswith("'") else rest.partition("\n")[0]


def ids(folder: Path, bundle: str) -> list[str]:
    return [one.partition("=")[0] for one in value(folder, bundle, "GATEWAYS").split()]


def test_each_node_gets_all_gateways_its_home_first(gw1: Member, tmp_path: Path) -> None:
    for name in NAMES:
        gw1.add(name)
    gw1.do("node", "sign", NAMES[0], "--gateways", "gw2")

    assert built(gw1, tmp_path, "--all") == 0

    fleet = load_config(gw1.layout.config).fleet
    assert fleet is not None
    placing = CardPlacing(gw1.layout, fleet)
    placing.active()
    orders = placing.orders([NodeName(name) for name in NAMES])
    assert [ids(tmp_path, name) for name in NAMES] == [[*orders[NodeName(name)]] for name in NAMES]
    assert len({ids(tmp_path, name)[0] for name in NAMES[1:]}) == 2, "they spread"
    assert ids(tmp_path, NAMES[0]) == ["gw2"]
    assert "gw2=gw2.example.org:22" in value(tmp_path, NAMES[1], "GATEWAYS")
    pins = value(tmp_path, NAMES[1], "HOST_KEYS").splitlines()
    for id_ in ("gw1", "gw2"):
        keys = card_named(gw1.layout, id_).card.host_keys
        assert [one for one in pins if one.startswith(f"{id_} ")] == [f"{id_} {k}" for k in keys]


def test_the_two_paths_of_a_node_begin_at_different_gateways(gw1: Member, tmp_path: Path) -> None:
    gw1.add("barn")
    gw1.do("node", "sign", "barn", "--gateways", "gw2,gw1", "--paths", "2")

    assert built(gw1, tmp_path, "--all") == 0

    assert (ids(tmp_path, "barn"), ids(tmp_path, "barn_2")) == (["gw2"], ["gw1"])
    assert all(one.startswith("gw2 ") for one in value(tmp_path, "barn", "HOST_KEYS").splitlines())


def test_what_was_typed_counts_more(gw1: Member, tmp_path: Path) -> None:
    gw1.add("barn")

    assert built(gw1, tmp_path, "barn", "--gateway", "gw.example.org") == 0

    assert value(tmp_path, "barn", "GATEWAYS") == "gw.example.org:22"


def test_a_node_without_a_gateway_that_takes_nodes_gets_no_bundle(
    gw1: Member, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gw1.add("barn")
    gw1.do("node", "sign", "barn", "--gateways", "gw7")

    assert built(gw1, tmp_path, "barn") == 2

    assert "barn: no gateway that its entry names takes nodes" in capsys.readouterr().err
    assert not (tmp_path / "barn.sh").exists()


def test_a_gateway_to_come_is_pinned_and_comes_last(gw1: Member, tmp_path: Path) -> None:
    key = tmp_path / "gw9"
    make_key(key, comment="gw9")
    words = ("--address", "gw9.example.org:22", "--host-key", f"{key}.pub")
    gw1.do("fleet", "card", "gw9", "--state", "reserved", *words)
    for name in NAMES:
        gw1.add(name)
    gw1.do("node", "sign", NAMES[0], "--gateways", "gw2")

    assert built(gw1, tmp_path, "--all") == 0

    for name in NAMES[1:]:
        assert ids(tmp_path, name)[2:] == ["gw9"]
        assert "gw9=gw9.example.org:22" in value(tmp_path, name, "GATEWAYS")
        pins = value(tmp_path, name, "HOST_KEYS").splitlines()
        assert f"gw9 {parse_public_key(Path(f'{key}.pub').read_text('ascii'))}" in pins
    assert ids(tmp_path, NAMES[0]) == ["gw2"], "its entry names no other"
    before = value(tmp_path, NAMES[1], "GATEWAYS"), value(tmp_path, NAMES[1], "HOST_KEYS")

    gw1.do("fleet", "card", "gw9", "--state", "active")  # it starts, and no device needs a bundle
    for bundle in tmp_path.glob("*.sh"):
        bundle.unlink()
    assert built(gw1, tmp_path, "--all") == 0

    after = value(tmp_path, NAMES[1], "GATEWAYS"), value(tmp_path, NAMES[1], "HOST_KEYS")
    assert set(after[0].split()) == set(before[0].split())
    assert set(after[1].splitlines()) == set(before[1].splitlines())
