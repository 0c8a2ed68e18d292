"""Signing nodes: by whom, on which machine, and what an import says of signatures."""

from __future__ import annotations

import pytest

from checker.registry.entry_files import signature_path
from checker.signatures import KEY_FILE
from tests.fleet.homes import Fleet, Member


def test_an_import_of_only_a_signature_says_so(fleet: Fleet, gw1: Member, gw2: Member) -> None:
    """Somebody was killed after the text and before the signature."""
    gw1.add("office")
    fleet.carry(gw1, gw2)
    signature_path(gw2.entry("office")).unlink()
    folder = str(fleet.folder / "gw1-to-gw2")

    rehearsed = gw2.say("fleet", "import", folder, "--dry-run")
    taken = gw2.say("fleet", "import", folder)

    text = "office: signature taken (revision 1 of the fleet)\n"
    assert rehearsed == (0, f"would {text}", "")
    assert taken == (0, text, "")
    assert "anna: signature taken (revision 1 of the fleet)" in gw2.events()
    assert gw2.do("fleet", "import", folder) == "nothing new\n"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ('namespaces="reversi-act"', "may not sign for reversi-registry, by its line"),
        ('valid-before="20200101"', "nothing was signed: the line of anna"),
    ],
)
def test_an_edit_by_who_may_not_sign_it_stays_local_and_says_so(
    fleet: Fleet, gw1: Member, options: str, why: str
) -> None:
    public = fleet.anna.key.with_name("anna.pub").read_text(encoding="ascii")
    signers = gw1.layout.fleet / "allowed_signers"
    signers.write_text(f"anna {options} {public}", encoding="utf-8")

    code, _, err = gw1.say("node", "add", "office", "--forward", "127.0.0.1:22")

    assert code == 0
    assert "changed on this gateway only, and not signed" in err
    assert why in err
    assert not gw1.entry("office").exists()
    code, _, err = gw1.say("fleet", "card", "--sign")
    assert code != 0
    assert why in err
    assert b"rev = 1" in (gw1.layout.fleet / "gateways" / "gw1.toml").read_bytes()


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["signed", "shown"])
def test_a_gateway_without_a_card_in_a_nodes_order_may_be_a_slip(
    gw1: Member, more: tuple[str, ...]
) -> None:
    gw1.add("office")

    code, _, err = gw1.say("node", "sign", "office", "--gateways", "gw22,gw1", *more)
    known = gw1.say("node", "sign", "office", "--gateways", "gw2,gw1", *more)[2]

    assert code == 0
    assert "there is no card of a gateway 'gw22'; did you mean 'gw2'?" in err
    assert "until there is one, no device goes there" in err
    assert "no card" not in known


def test_an_export_into_the_folder_of_an_earlier_one_has_no_signature_of_another_text(
    fleet: Fleet, gw1: Member, gw2: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_FILE)
    gw1.add("office")
    folder = fleet.folder / "export"
    draft = folder / "unsigned" / "office.toml"
    gw1.do("fleet", "export", str(folder))
    gw1.do("fleet", "sign", str(draft), "--key", str(fleet.anna.key), "--as", "anna")
    gw1.do("fleet", "import", str(folder))
    gw1.do("node", "disable", "office")

    gw1.do("fleet", "export", str(folder))

    assert [path.name for path in draft.parent.iterdir()] == ["office.toml"]
    gw2.do("fleet", "import", str(folder))
    assert not [one for one in gw2.events() if "no signature" in one]
    gw1.do("node", "sign", "office", "--key", str(fleet.anna.key))
    gw1.do("fleet", "export", str(folder))
    assert list(draft.parent.iterdir()) == []
    gw2.do("fleet", "import", str(folder))
    assert not gw2.node("office").enabled
