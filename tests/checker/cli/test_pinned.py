"""How `node show` shows the host keys that were handed to a node's device."""

from __future__ import annotations

from checker.cli.pinned import pin_lines, pins_json
from checker.output import day
from checker.registry.pins import Pins

OLD, NEW, RSA = "ssh-ed25519 SHA256:old", "ssh-ed25519 SHA256:new", "ssh-rsa SHA256:rsa"
FIRST = Pins(at=0, host_keys=(OLD, RSA))
SECOND = Pins(at=86400 * 9, host_keys=(RSA,), to_come=(NEW,))


def test_the_newest_keys_come_first_and_those_of_earlier_files_are_marked() -> None:
    early, late = day(0), day(86400 * 9)

    assert list(pin_lines((FIRST, SECOND))) == [
        f"pins      {RSA}, handed out {late}",
        f"pins      {NEW}, which the gateway will have later, handed out {late}",
        f"may pin   {OLD}, handed out {early}, in earlier files",
    ]
    assert list(pin_lines(())) == []


def test_the_document_has_each_key_with_its_type() -> None:
    assert pins_json((SECOND,)) == [
        {
            "at": 86400 * 9,
            "host_keys": [
                {"type": "ssh-rsa", "fingerprint": "SHA256:rsa", "to_come": False},
                {"type": "ssh-ed25519", "fingerprint": "SHA256:new", "to_come": True},
            ],
        }
    ]
