"""What somebody who may bring entries, but not sign them, can do: nothing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.toml_file import MOST_BYTES
from checker.fleet.apply import apply, apply_inbox
from checker.fleet.inbox import drop
from checker.fleet.said import Said
from checker.fleet.sealed import MOST_BATCH, Sealed, batch
from checker.registry.entries import Entry, entry_text, parse_entry
from checker.registry.entry_files import signature_path
from checker.signatures import SigningKey, sign
from tests.fleet.homes import Fleet, Member, Signer, signer


def entry_of(member: Member, name: str) -> Entry:
    return parse_entry(member.entry(name).read_bytes())


def sealed_of(member: Member, name: str) -> Sealed:
    path = member.entry(name)
    return Sealed(text=path.read_bytes(), signature=signature_path(path).read_bytes())


def as_by(entry: Entry, who: str, *, rev: int = 0, enabled: bool = True) -> bytes:
    """The entry as this person would write its next revision."""
    assert entry.node is not None
    head = replace(entry.head, rev=rev or entry.head.rev + 1, changed_by=who)
    return entry_text(head, replace(entry.node, enabled=enabled), entry.body)


def signed(text: bytes, person: Signer, namespace: str = "reversi-registry") -> Sealed:
    key = SigningKey(signer=person.name, file=person.key)
    return Sealed(text=text, signature=sign([text], key, namespace)[0])


def troubles(said: tuple[Said, ...]) -> list[str]:
    return [one.text for one in said if one.is_trouble]


@pytest.fixture
def shared(fleet: Fleet, gw1: Member, gw2: Member) -> Entry:
    """A node that both gateways have, disabled in its second revision."""
    gw1.add("office", 20010)
    gw1.do("node", "disable", "office")
    fleet.carry(gw1, gw2)
    return entry_of(gw2, "office")


def test_an_unsigned_entry_is_left_out(fleet: Fleet, gw2: Member, shared: Entry) -> None:
    said = apply(gw2.layout, [Sealed(text=as_by(shared, "anna"))])

    assert troubles(said) == ["revision 3 was left out: no signature of anna counts here"]
    assert not gw2.node("office").enabled
    assert "fleet: revision 3 was left out" in " ".join(gw2.events())


def test_a_signature_by_a_key_that_is_not_allowed_does_not_count(
    fleet: Fleet, gw2: Member, shared: Entry
) -> None:
    mallory = signer(fleet.folder / "people", "mallory")

    for name in ("mallory", "anna"):
        offered = signed(as_by(shared, name), replace(mallory, name=name))
        assert "no signature" in troubles(apply(gw2.layout, [offered]))[0]

    assert entry_of(gw2, "office") == shared


def test_a_signature_for_another_purpose_does_not_count(
    fleet: Fleet, gw2: Member, shared: Entry
) -> None:
    offered = signed(as_by(shared, "anna"), fleet.anna, namespace="file")

    assert "no signature" in troubles(apply(gw2.layout, [offered]))[0]


def test_an_allowed_signer_cannot_sign_as_another(fleet: Fleet, gw2: Member, shared: Entry) -> None:
    ben = signer(fleet.folder / "people", "ben")
    allowed = gw2.layout.fleet / "allowed_signers"
    allowed.write_text(allowed.read_text() + ben.line, encoding="utf-8")

    assert (
        "no signature of anna"
        in troubles(apply(gw2.layout, [signed(as_by(shared, "anna"), ben)]))[0]
    )
    assert troubles(apply(gw2.layout, [signed(as_by(shared, "ben"), ben)])) == []
    assert gw2.node("office").enabled


def test_a_changed_text_under_a_good_signature_is_left_out(
    fleet: Fleet, gw2: Member, shared: Entry
) -> None:
    good = signed(as_by(shared, "anna"), fleet.anna)
    forged = replace(good, text=good.text.replace(b"20010", b"20011"))

    assert "no signature" in troubles(apply(gw2.layout, [forged]))[0]


def test_an_older_revision_that_is_played_again_changes_nothing(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    gw1.add("office", 20010)
    old = sealed_of(gw1, "office")
    gw1.do("node", "disable", "office")
    fleet.carry(gw1, gw2)

    assert "newer one is here" in troubles(apply(gw2.layout, [old]))[0]
    assert not gw2.node("office").enabled
    assert any("newer one is here" in one for one in gw2.events())


def test_a_removed_node_is_not_revived_by_its_old_entries(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    node = gw1.add("office", 20010)
    old = [sealed_of(gw1, "office")]
    gw1.do("node", "set", "office", "--note", "second")
    old.append(sealed_of(gw1, "office"))
    gw1.do("node", "remove", "office")
    fleet.carry(gw1, gw2)

    apply(gw2.layout, old)

    assert gw2.nodes == {}
    assert not gw2.layout.authorized_keys.exists() or node.public_key not in gw2.key_lines()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a/b", ".hidden", "x\\n", "", "office.toml/../x"]
)
def test_a_name_that_leads_elsewhere_is_no_name(
    fleet: Fleet, gw2: Member, shared: Entry, name: str
) -> None:
    text = as_by(shared, "anna").replace(b'node = "office"', f'node = "{name}"'.encode())
    before = sorted(gw2.layout.fleet.rglob("*"))

    said = apply(gw2.layout, [signed(text, fleet.anna)])

    assert "an entry was left out" in troubles(said)[0]
    assert sorted(gw2.layout.fleet.rglob("*")) == before


def test_the_inbox_follows_no_link_and_opens_no_pipe(
    fleet: Fleet, gw2: Member, shared: Entry, tmp_path: Path
) -> None:
    good = signed(as_by(shared, "anna"), fleet.anna)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(batch([good]))
    inbox = gw2.layout.inbox
    inbox.mkdir(exist_ok=True)
    (inbox / "link").symlink_to(elsewhere)
    os.mkfifo(inbox / "pipe")
    (inbox / "folder" / "deep").mkdir(parents=True)
    (inbox / "folder" / "out").symlink_to(tmp_path)
    (inbox / "garbage").write_bytes(b"\xff{}\n[1]\n")

    said = apply_inbox(gw2.layout)

    assert len(troubles(said)) == 4
    assert list(inbox.iterdir()) == []
    assert elsewhere.exists()
    assert not gw2.node("office").enabled


def test_an_inbox_that_is_a_link_is_not_entered(fleet: Fleet, gw2: Member, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("keep", encoding="utf-8")
    gw2.layout.inbox.symlink_to(elsewhere)

    assert apply_inbox(gw2.layout) == ()
    assert (elsewhere / "mine").exists()


def test_huge_files_and_lines_are_thrown_away(fleet: Fleet, gw2: Member, shared: Entry) -> None:
    inbox = gw2.layout.inbox
    inbox.mkdir(exist_ok=True)
    with (inbox / "huge").open("wb") as file:
        file.truncate(MOST_BATCH + 1)
    line = json.dumps({"text": "#" * (MOST_BYTES + 1), "sig": ""})
    (inbox / "long").write_text(line, encoding="utf-8")

    said = apply_inbox(gw2.layout)

    assert ["64 MiB" in troubles(said)[0], "too long" in troubles(said)[1]] == [True, True]
    assert list(inbox.iterdir()) == []


def test_a_crowd_of_forgeries_leaves_few_events(fleet: Fleet, gw2: Member, shared: Entry) -> None:
    assert shared.node is not None
    forged = [
        Sealed(text=as_by(shared, "anna").replace(b'node = "office"', f'node = "x{n}"'.encode()))
        for n in range(30)
    ]

    said = apply(gw2.layout, forged)

    assert len(said) == 21
    assert said[-1].text == "10 more were left out"


def test_deeply_nested_and_odd_texts_are_left_out(fleet: Fleet, gw2: Member) -> None:
    texts = (
        b"",
        b"a = " + b"[" * 2000,
        b"\xff\xfe",
        b"[entry]\n",
        b"\n[entry]\nnode = 7\n",
        b'gateway = "../x"\nrev = 1\n',
    )

    said = apply(gw2.layout, [Sealed(text=text) for text in texts])

    assert len(troubles(said)) == len(texts)


def test_the_card_of_a_removed_gateway_does_not_come_back(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    path = gw1.layout.fleet / "gateways" / "gw2.toml"
    old = Sealed(text=path.read_bytes(), signature=signature_path(path).read_bytes())
    gw1.do("fleet", "remove", "gw2", "--yes")

    said = apply(gw1.layout, [old])

    assert "newer one is here" in troubles(said)[0]
    assert b'state = "removed"' in path.read_bytes()
    code, _, err = gw1.say("fleet", "push")
    assert (code, "no other gateway is known here" in err) == (2, True)


def test_a_card_that_nobody_signed_is_not_taken(fleet: Fleet, gw1: Member) -> None:
    path = gw1.layout.fleet / "gateways" / "gw2.toml"
    text = (
        path.read_bytes().replace(b"rev = 1", b"rev = 2").replace(b"gw2.example", b"evil.example")
    )

    assert "no signature" in troubles(apply(gw1.layout, [Sealed(text=text)]))[0]
    assert b"evil" not in path.read_bytes()


def test_an_entry_cannot_take_the_key_or_the_port_of_another_node(
    fleet: Fleet, gw1: Member, gw2: Member
) -> None:
    barn = gw2.add("barn", 20010)
    gw1.add("office", 20011)
    mine = entry_of(gw1, "office")
    assert mine.node is not None
    thief = entry_text(mine.head, replace(mine.node, public_key=barn.public_key))

    said = apply(gw2.layout, [signed(thief, fleet.anna)])

    assert troubles(said) == ["revision 1 was left out: its public key belongs to node barn"]
    assert gw2.nodes == {"barn": barn}


def test_an_entry_with_the_shared_key_is_left_out(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    key = gw1.add("office", 20011).public_key
    with gw2.layout.config.open("a", encoding="utf-8") as file:
        file.write(f'[shared_key]\nenabled = true\npublic_key = "{key}"\nports = "100-200"\n')

    _, _, err = fleet.carry(gw1, gw2)

    assert "its public key is the shared one" in err
    assert gw2.nodes == {}


def test_a_batch_that_is_still_being_written_is_left_alone(fleet: Fleet, gw2: Member) -> None:
    part = gw2.layout.inbox / ".batch-1-1.part"
    gw2.layout.inbox.mkdir(exist_ok=True)
    part.write_bytes(b"{")

    assert apply_inbox(gw2.layout) == ()
    assert part.exists()


def test_a_good_batch_beside_bad_ones_is_taken(fleet: Fleet, gw2: Member, shared: Entry) -> None:
    gw2.layout.inbox.mkdir(exist_ok=True)
    (gw2.layout.inbox / "a").write_bytes(b"no batch")
    drop(gw2.layout, batch([signed(as_by(shared, "anna"), fleet.anna)]))

    said = apply_inbox(gw2.layout)

    assert len(troubles(said)) == 1
    assert gw2.node("office").enabled


def test_a_bug_that_one_batch_meets_keeps_out_no_other(
    fleet: Fleet, gw2: Member, shared: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    gw2.layout.inbox.mkdir(exist_ok=True)
    poison = Sealed(text=b"poison")
    drop(gw2.layout, batch([poison]))
    drop(gw2.layout, batch([signed(as_by(shared, "anna"), fleet.anna)]))
    parsed = Sealed.parsed

    def broken(sealed: Sealed) -> object:
        if sealed == poison:
            raise ZeroDivisionError
        return parsed(sealed)

    monkeypatch.setattr(Sealed, "parsed", broken)
    said = apply_inbox(gw2.layout)

    assert troubles(said) == [
        "a batch of 1 entries was thrown away: a bug in reversi (ZeroDivisionError)"
    ]
    assert gw2.node("office").enabled
    assert list(gw2.layout.inbox.iterdir()) == []
