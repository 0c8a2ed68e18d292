"""Two gateways without a bus: what one signs, the other takes, and nothing else."""

from __future__ import annotations

import os
import time

import pytest

from checker.config.layout import home_layout
from checker.fleet.apply import apply
from checker.registry.entries import TOMBSTONE_KEPT_S, parse_entry, shape
from checker.registry.entry_files import LOOKED_EVERY_S
from checker.signatures import KEY_FILE
from tests.fleet.homes import Fleet, Member


def test_a_node_that_is_added_on_one_gateway_gets_in_on_the_other(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    node = gw1.add("office")

    code, out, err = fleet.carry(gw1, gw2)

    assert (code, err) == (0, "")
    assert "office" in out
    assert gw2.node("office") == node
    assert node.public_key in gw2.key_lines()
    assert gw1.say("fleet", "status")[0] == gw2.say("fleet", "status")[0] == 0
    assert any(one.startswith("anna: added") for one in gw2.events())


def test_each_edit_raises_the_revision_and_is_signed(gw1: Member) -> None:
    gw1.add("office")
    for words in (
        ("set", "office", "--note", "in the cellar"),
        ("disable", "office"),
        ("enable", "office"),
        ("rename", "office", "lobby"),
    ):
        gw1.do("node", *words)

    revisions = {name: parse_entry(gw1.entry(name).read_bytes()) for name in ("office", "lobby")}
    assert {name: one.head.rev for name, one in revisions.items()} == {"office": 5, "lobby": 1}
    assert revisions["office"].node is None
    assert "is_settled" not in gw1.do("fleet", "status")


def test_a_disabled_node_opens_nothing_on_the_other(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    node = gw1.add("office")
    fleet.carry(gw1, gw2)
    gw1.do("node", "disable", "office")

    fleet.carry(gw1, gw2)

    assert not gw2.node("office").enabled
    assert node.public_key not in gw2.key_lines()


def test_a_removed_node_is_removed_and_remembered(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    gw1.do("node", "remove", "office")

    fleet.carry(gw1, gw2)

    assert gw2.nodes == {}
    assert parse_entry(gw2.entry("office").read_bytes()).node is None
    assert "1 removed nodes are remembered" in gw2.do("fleet", "status")


def test_a_name_that_comes_back_has_a_higher_revision(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    gw1.do("node", "remove", "office")
    gw1.add("office")

    fleet.carry(gw1, gw2)

    assert parse_entry(gw2.entry("office").read_bytes()).head.rev == 3
    assert "office" in gw2.nodes


def test_tombstones_are_forgotten_after_400_days(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    gw1.add("office")
    gw1.do("node", "remove", "office")
    fleet.carry(gw1, gw2)
    later = time.time() + TOMBSTONE_KEPT_S
    path = gw2.entry("office")

    apply(gw2.layout, [], now=later - 60)
    assert path.exists()
    os.utime(path, (time.time() - 10, time.time() - 10))
    apply(gw2.layout, [], now=later + 60)
    assert path.exists()  # looked at less than a day ago
    apply(gw2.layout, [], now=later + LOOKED_EVERY_S)
    assert not path.exists()


def test_comments_own_keys_and_waiting_ports_travel(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    gw1.add("office", 20010)
    path = gw1.layout.nodes / "office.toml"
    path.write_text(f'# behind the oven\nx-site = "bakery"\n{path.read_text()}', encoding="utf-8")
    gw1.do("node", "move", "office", "20010", "20020")

    fleet.carry(gw1, gw2)

    text = (gw2.layout.nodes / "office.toml").read_text(encoding="utf-8")
    assert "# behind the oven" in text
    assert 'x-site = "bakery"' in text
    assert gw2.node("office").ports == (20010, 20020)
    assert gw2.say("fleet", "status")[0] == 0


def test_what_was_allotted_elsewhere_is_not_allotted_again(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    office = gw1.add("office")
    fleet.carry(gw1, gw2)

    barn = gw2.add("barn")

    assert set(office.ports).isdisjoint(barn.ports)


def test_of_two_with_one_port_the_later_one_is_left_out_until_that_is_settled(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office", 20010)
    barn = gw2.add("barn", 20010)

    code, _, err = fleet.carry(gw1, gw2)

    assert code == 1
    why = "revision 1 was left out: port 20010 belongs to node barn"
    assert f"office: {why}" in err
    assert any(why in one for one in gw2.events())
    assert gw2.nodes == {"barn": barn}
    code, out, _ = gw2.say("fleet", "status")
    assert code == 1
    assert "port 20010 belongs to node barn" in out

    gw2.do("node", "move", "barn", "20010", "20011", "--now")
    fleet.carry(gw1, gw2)

    assert set(gw2.nodes) == {"barn", "office"}
    assert gw2.say("fleet", "status")[0] == 0


def test_two_nodes_that_pass_on_a_port_are_taken_together(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office", 20010)
    fleet.carry(gw1, gw2)
    gw1.do("node", "move", "office", "20010", "20011", "--now")
    gw1.add("barn", 20010)

    assert fleet.carry(gw1, gw2)[0] == 0

    assert gw2.node("barn").ports == (20010,)


def test_of_two_entries_of_one_revision_the_one_that_disables_wins(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    node = gw1.add("office")
    fleet.carry(gw1, gw2)
    gw1.do("node", "disable", "office")
    gw2.do("node", "set", "office", "--note", "all is well")

    code, _, err = fleet.carry(gw1, gw2)
    assert (code, "two entries have revision 2" in err) == (1, True)
    assert any("two entries have revision 2" in one for one in gw2.events())
    assert not gw2.node("office").enabled
    assert node.public_key not in gw2.key_lines()

    code, _, err = fleet.carry(gw2, gw1)
    assert (code, "same name and revision" in err) == (1, True)
    assert not gw1.node("office").enabled

    gw1.do("node", "enable", "office")
    fleet.carry(gw1, gw2)
    assert shape(gw2.node("office")) == shape(gw1.node("office"))


@pytest.mark.parametrize("words", [("node", "enable"), ("node", "sign")], ids=" ".join)
def test_an_operator_settles_a_clash_though_the_node_is_as_it_was_signed_here(
    fleet: Fleet, gw1: Member, gw2: Member, words: tuple[str, ...]
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    gw1.do("node", "disable", "office")
    gw2.do("node", "set", "office", "--note", "all is well")
    fleet.carry(gw1, gw2)
    signed = gw2.entry("office").read_bytes()
    if words == ("node", "sign"):
        file = gw2.layout.nodes / "office.toml"
        file.write_text(file.read_text().replace("enabled = false\n", ""))
        assert "nothing to sign" in gw2.do("node", "sign", "--all"), "it settles nothing"

    gw2.do(*words, "office")

    assert parse_entry(gw2.entry("office").read_bytes()).head.rev == 3
    assert signed != gw2.entry("office").read_bytes()
    assert fleet.carry(gw2, gw1)[0] == 0
    assert gw1.node("office").enabled
    assert gw1.node("office").note == "all is well"


def test_an_edit_by_hand_counts_elsewhere_only_once_it_is_signed(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    path = gw1.layout.nodes / "office.toml"
    path.write_text(f'note = "by hand"\n{path.read_text()}', encoding="utf-8")

    code, out, _ = gw1.say("fleet", "status")
    assert code == 1
    assert "1 changed on this gateway only (reversi-checker node sign): office" in out
    fleet.carry(gw1, gw2)
    assert gw2.node("office").note == ""

    gw1.do("node", "sign", "office")
    fleet.carry(gw1, gw2)
    assert gw2.node("office").note == "by hand"


def test_a_disable_that_nobody_signed_outlasts_what_comes(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    path = gw2.layout.nodes / "office.toml"
    path.write_text(f"enabled = false\n{path.read_text()}", encoding="utf-8")
    gw1.do("node", "set", "office", "--note", "new")

    fleet.carry(gw1, gw2)

    assert gw2.node("office").note == "new"
    assert not gw2.node("office").enabled
    assert gw2.say("fleet", "status")[0] == 1


def test_an_edit_that_nobody_signed_is_kept_aside_when_a_newer_entry_comes(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    path = gw2.layout.nodes / "office.toml"
    path.write_text(f'note = "mine"\n{path.read_text()}', encoding="utf-8")
    gw1.do("node", "set", "office", "--note", "theirs")

    _, _, err = fleet.carry(gw1, gw2)

    assert gw2.node("office").note == "theirs"
    assert "an edit that nobody had signed" in err
    assert 'note = "mine"' in (gw2.layout.fleet / "replaced/office.toml").read_text()


def test_rights_that_end_elsewhere_end_here_as_of_now(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    before = int(time.time())
    gw1.do("node", "rekey", "office", "--now")

    fleet.carry(gw1, gw2)

    assert gw2.node("office").key_since >= before
    assert gw2.say("fleet", "status")[0] == 0


def test_without_a_key_an_edit_stays_local_and_says_so(
    fleet: Fleet, gw1: Member, gw2: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    gw1.add("office")
    fleet.carry(gw1, gw2)
    monkeypatch.delenv(KEY_FILE)

    code, _, err = gw1.say("node", "disable", "office")

    assert code == 0
    assert "changed on this gateway only" in err
    assert "reversi-checker node sign office" in err
    fleet.carry(gw1, gw2)
    assert gw2.node("office").enabled
    gw1.do("node", "sign", "--all", "--key", str(fleet.anna.key))
    fleet.carry(gw1, gw2)
    assert not gw2.node("office").enabled


def test_paths_and_gateways_of_a_node_are_signed_and_stay(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office")
    gw1.do("node", "sign", "office", "--gateways", "gw2,gw1", "--paths", "2")
    gw1.do("node", "set", "office", "--note", "still")

    fleet.carry(gw1, gw2)

    head = parse_entry(gw2.entry("office").read_bytes()).head
    assert (head.rev, head.paths, head.gateways) == (3, 2, ("gw2", "gw1"))
    code, _, err = gw1.say("node", "sign", "office", "--gateways", "gw2")
    assert (code, "two tunnels of office need two gateways" in err) == (2, True)


def test_an_export_can_be_signed_on_another_machine(
    fleet: Fleet, gw1: Member, gw2: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_FILE)
    gw1.add("office")
    folder = fleet.folder / "export"
    gw1.do("fleet", "export", str(folder))
    draft = folder / "unsigned" / "office.toml"

    laptop = Member(layout=home_layout(fleet.folder / "laptop"), id=gw1.id, capsys=gw1.capsys)
    laptop.do("fleet", "sign", str(draft), "--key", str(fleet.anna.key), "--as", "anna")
    for one in (gw1, gw2):
        one.do("fleet", "import", str(folder))
        assert one.say("fleet", "status")[0] == 0
        assert one.node("office").enabled
