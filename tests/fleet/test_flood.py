"""Who may bring entries brings very many that do not count: nobody else waits for that."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from checker.fleet.apply import apply, apply_inbox
from checker.fleet.inbox import drop
from checker.fleet.screening import FEW, MOST_SHOWN, MOST_SLOW, Proofs, Screen
from checker.fleet.sealed import Sealed, batch
from checker.registry.entry_files import signature_path
from tests.fleet.homes import Fleet, Member, signer
from tests.fleet.test_attacks import as_by, entry_of, sealed_of, signed

MANY = 4 * FEW


@pytest.fixture
def office(fleet: Fleet, gw1: Member, gw2: Member) -> Sealed:
    """An entry that both gateways have."""
    gw1.add("office", 20010)
    fleet.carry(gw1, gw2)
    return sealed_of(gw2, "office")


def screened(member: Member, many: list[Sealed]) -> Screen:
    screen = Screen(proofs=Proofs(layout=member.layout), is_signing=True)
    screen.sort(many)
    return screen


def another(text: bytes, number: int) -> bytes:
    return text.replace(b'node = "office"', f'node = "x{number}"'.encode())


def of_another_text(fleet: Fleet, text: bytes) -> bytes:
    return signed(text, fleet.anna).signature


def by_a_stranger(fleet: Fleet, text: bytes) -> bytes:
    stranger = signer(fleet.folder / "people", "mallory")
    return signed(text, replace(stranger, name="anna")).signature


def for_another_purpose(fleet: Fleet, text: bytes) -> bytes:
    return signed(text, fleet.anna, "reversi-act").signature


def cut(fleet: Fleet, text: bytes) -> bytes:
    return signed(text, fleet.anna).signature[:100]


def none(_fleet: Fleet, _text: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("forge", [of_another_text, by_a_stranger, for_another_purpose, cut, none])
def test_of_many_forgeries_none_is_verified_slowly_and_a_few_are_shown(
    fleet: Fleet, gw2: Member, office: Sealed, forge: Callable[[Fleet, bytes], bytes]
) -> None:
    text = as_by(entry_of(gw2, "office"), "anna")
    signature = forge(fleet, office.text)
    many = [Sealed(text=another(text, number), signature=signature) for number in range(MANY)]
    good = signed(as_by(entry_of(gw2, "office"), "anna", enabled=False), fleet.anna)

    screen = screened(gw2, [*many, good, office])

    assert screen.proofs.known == {(good, "anna"): True}
    assert screen.kept == [*many[:MOST_SHOWN], good, office]
    assert screen.left == MANY - MOST_SHOWN
    said = apply(gw2.layout, [*many, good, office])
    assert said[-1].text == f"{MANY - MOST_SHOWN} more were left out"
    assert sum(one.is_trouble for one in said) == MOST_SHOWN + 1
    assert not gw2.node("office").enabled
    assert list(gw2.nodes) == ["office"]


def test_old_ones_and_copies_are_not_verified(fleet: Fleet, gw2: Member, office: Sealed) -> None:
    newer = signed(as_by(entry_of(gw2, "office"), "anna"), fleet.anna)
    apply(gw2.layout, [newer])
    old = [replace(office, text=office.text + b"#" * number) for number in range(MANY)]

    screen = screened(gw2, [*old, *[newer] * MANY])

    assert screen.proofs.known == {}
    assert screen.kept == [*old[:MOST_SHOWN], newer]


def test_wrong_signatures_that_only_ssh_keygen_can_tell_are_bounded(
    fleet: Fleet, gw2: Member, office: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.fleet.screening.MOST_SLOW", 3)
    assert MOST_SLOW == 200
    key = fleet.folder / "people" / "token"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key], check=True)
    tess = replace(fleet.anna, name="tess", key=key)
    signers = gw2.layout.fleet / "allowed_signers"
    signers.write_text(signers.read_text(encoding="utf-8") + tess.line, encoding="utf-8")
    text = as_by(entry_of(gw2, "office"), "tess")
    wrong = signed(office.text, tess).signature
    many = [Sealed(text=another(text, number), signature=wrong) for number in range(MANY)]
    good = signed(text, tess)

    assert len(screened(gw2, many).proofs.known) == 3
    said = apply(gw2.layout, many, [good])

    assert gw2.entry("office").read_bytes() == good.text, "another batch has its own bound"
    assert sum(not one.is_trouble for one in said) <= 1


def test_an_entry_that_lost_its_signature_here_gets_it_back_beside_forgeries(
    fleet: Fleet, gw2: Member, office: Sealed
) -> None:
    signature_path(gw2.entry("office")).unlink()
    many = [Sealed(text=another(office.text, number)) for number in range(MANY)]

    apply(gw2.layout, [*many, office])

    assert sealed_of(gw2, "office") == office


def test_a_small_batch_does_not_wait_for_large_ones(
    fleet: Fleet, gw2: Member, office: Sealed
) -> None:
    inbox = gw2.layout.inbox
    inbox.mkdir(exist_ok=True)
    for name in ("a", "b", "c"):
        with (inbox / name).open("wb") as file:
            file.truncate(40 << 20)
    good = signed(as_by(entry_of(gw2, "office"), "anna", enabled=False), fleet.anna)
    drop(gw2.layout, batch([good]))

    apply_inbox(gw2.layout)

    assert not gw2.node("office").enabled
    assert sorted(path.name for path in inbox.iterdir()) == ["b", "c"]
