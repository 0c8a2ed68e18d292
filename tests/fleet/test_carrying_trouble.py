"""What entries do that meet another node, a broken file, a lost signature or a new name."""

from __future__ import annotations

import pytest

from checker.fleet.apply import apply
from checker.fleet.sealed import Sealed
from checker.registry.entries import shape
from checker.registry.entry_files import signature_path
from tests.fleet.homes import Fleet, Member


def test_two_devices_of_one_name_never_replace_each_other(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    here = gw1.add("office", 20010)
    path = gw2.layout.nodes / "office.toml"
    gw2.add("office", 20020)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("added_at = ", "added_at = 1"), encoding="utf-8")
    gw2.entry("office").unlink()
    gw2.do("node", "sign", "office")
    gw1.do("node", "set", "office", "--note", "the first one")
    gw1.do("node", "set", "office", "--note", "the very first one")
    there = gw2.node("office")

    assert fleet.carry(gw1, gw2)[0] == 1
    assert gw2.node("office") == there

    gw2.do("node", "rename", "office", "lobby")
    fleet.carry(gw2, gw1)
    assert gw1.node("office").public_keys == here.public_keys
    gw1.do("node", "sign", "office", "--again")
    fleet.carry(gw1, gw2)

    assert gw2.node("office").public_keys == here.public_keys
    assert gw2.node("lobby").public_keys == there.public_keys
    assert gw1.say("fleet", "status")[0] == gw2.say("fleet", "status")[0] == 0


def test_an_entry_waits_for_a_broken_file_and_a_disable_does_not(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    node = gw1.add("office")
    fleet.carry(gw1, gw2)
    path = gw2.layout.nodes / "office.toml"
    good = path.read_text(encoding="utf-8")
    path.write_text(f"{good}\nbroken", encoding="utf-8")
    gw1.do("node", "set", "office", "--note", "new")
    gw1.add("barn")

    _, _, err = fleet.carry(gw1, gw2)
    assert "the node's file here is broken" in err
    assert node.public_key in gw2.key_lines()
    assert "barn" in gw2.nodes

    gw1.do("node", "disable", "office")
    fleet.carry(gw1, gw2)
    assert node.public_key not in gw2.key_lines()

    path.write_text(good, encoding="utf-8")
    gw1.do("node", "enable", "office")
    fleet.carry(gw1, gw2)
    assert shape(gw2.node("office")) == shape(gw1.node("office"))
    assert gw2.say("fleet", "status")[0] == 0


def test_a_signature_that_was_lost_while_its_entry_was_written_comes_back(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    lost = signature_path(gw2.entry("office"))
    signature = lost.read_bytes()
    lost.unlink()
    assert gw2.say("fleet", "status")[0] == 1

    assert fleet.carry(gw1, gw2)[0] == 0

    assert lost.read_bytes() == signature
    assert gw2.say("fleet", "status")[0] == 0
    assert not any("left out" in one for one in gw2.events())


def test_a_renamed_node_is_renamed_and_not_removed_and_added(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    office = gw1.add("office", 20010)
    gw1.add("barn", 20011)
    fleet.carry(gw1, gw2)
    (gw2.layout.nodes / "office.pins").write_text("# noted", encoding="utf-8")
    gw1.do("node", "rename", "office", "lobby")
    gw1.do("node", "set", "lobby", "--note", "renamed")

    assert fleet.carry(gw1, gw2)[0] == 0

    assert gw2.node("lobby").public_key == office.public_key
    assert gw2.node("lobby").note == "renamed"
    assert (gw2.layout.nodes / "lobby.pins").exists()
    assert any("renamed to lobby" in one for one in gw2.events())
    assert not any("removed" in one for one in gw2.events())
    assert gw1.say("fleet", "status")[0] == gw2.say("fleet", "status")[0] == 0


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"[entry]\n"])
def test_an_entry_that_cannot_be_read_stops_nothing_and_is_replaced_by_what_is_signed(
    fleet: Fleet, gw1: Member, gw2: Member, content: bytes
) -> None:
    for name in ("barn", "office", "shed"):
        gw1.add(name)
    gw1.do("node", "disable", "shed")
    fleet.carry(gw1, gw2)
    for name in ("barn", "shed"):
        gw2.entry(name).write_bytes(content)
    left_out = gw2.layout.fleet / "left-out" / "office.toml"
    left_out.parent.mkdir(exist_ok=True)
    left_out.write_bytes(content)
    code, out, _ = gw2.say("fleet", "status")
    assert code == 1
    assert str(gw2.entry("barn")) in out
    assert str(left_out) in out
    assert gw2.say("fleet", "export", str(fleet.folder / "other"))[0] == 0

    gw1.do("node", "disable", "barn")
    gw1.do("node", "disable", "office")
    gw1.do("node", "enable", "shed")
    fleet.carry(gw1, gw2)

    assert not any(gw2.node(name).enabled for name in ("barn", "office", "shed"))
    assert gw2.entry("barn").read_bytes() == gw1.entry("barn").read_bytes()
    assert any("stays disabled here" in one for one in gw2.do("node", "show", "shed").splitlines())


def test_the_lost_tombstone_of_a_node_lets_nobody_in(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    barn = gw1.add("barn")
    fleet.carry(gw1, gw2)
    old = Sealed(
        text=gw1.entry("barn").read_bytes(),
        signature=signature_path(gw1.entry("barn")).read_bytes(),
    )
    gw1.do("node", "remove", "barn")
    fleet.carry(gw1, gw2)
    gw2.entry("barn").write_bytes(b"")

    apply(gw2.layout, [old])

    assert not gw2.node("barn").enabled
    assert barn.public_key not in gw2.key_lines()
