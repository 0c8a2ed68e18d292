"""`build --key keep` and `--host-key`: bundles for devices that must not change their key."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import ANY

import pytest

from checker.config.layout import home_layout
from checker.model import NodeName, parse_public_key
from checker.registry.pin_files import read_pins
from checker.registry.pins import Pins
from checker.sshd.host_key_files import host_keys
from checker.sshd.host_keys import as_pin
from client.bundle.noted_pins import note_installed
from tests.client.bundle.places import Place
from tests.client.bundle.samples import made_key
from tests.client.bundle.test_compose import assignments


def values(place: Place, *names: str) -> list[str]:
    return assignments(place.text().partition("\nset -u\n")[0], *names)


def test_a_bundle_that_keeps_the_key_needs_no_private_key(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.keys / "office.toml.key").unlink()

    code = place.build(
        "office", "--key", "keep", "--gateway", "new.example.org", "--gateway", "192.0.2.7:2222"
    )

    assert code == 0
    assert values(place, "KEY", "KEY_OPENSSH", "KEY_DROPBEAR", "GATEWAYS", "KEEP") == [
        "keep",
        "",
        "",
        "new.example.org:22 192.0.2.7:2222",
        "KEY BEAT RETRY FIRST_WAIT CLIENT STARTED_BY",
    ]
    assert "on the device: sh office.sh upgrade" in capsys.readouterr().err
    assert "PRIVATE KEY" not in place.text()


def test_a_setting_that_is_typed_is_not_kept(place: Place) -> None:
    assert place.build("office", "--key", "keep", "--beat", "60", "--client", "dbclient") == 0

    assert values(place, "BEAT", "CLIENT", "RETRY", "KEEP") == [
        "60",
        "dbclient",
        "15",
        "KEY RETRY FIRST_WAIT STARTED_BY",
    ]


def test_only_a_bundle_that_keeps_the_key_names_what_it_keeps(place: Place) -> None:
    assert place.build("office") == 0

    assert "\nKEEP=" not in place.text()


def test_a_key_to_come_is_pinned_after_those_of_now(place: Place, tmp_path: Path) -> None:
    place.build("office")
    (before,) = values(place, "HOST_KEYS")
    to_come = made_key(tmp_path).with_name("key-ed25519.pub")
    line = parse_public_key(to_come.read_text())
    to_come.write_bytes(b"\xef\xbb\xbf" + to_come.read_bytes().replace(b"\n", b"\r\n"))

    assert place.build("office", "--host-key", str(to_come), "--host-key", str(to_come)) == 0

    assert values(place, "HOST_KEYS") == [f"{before}\n{line}"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, "cannot be read: No such file", id="missing"),
        pytest.param(b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "not a public key", id="private"),
        pytest.param(b"\xff\x00\xff", "is not a public key; give the .pub file", id="bytes"),
    ],
)
def test_a_file_without_a_host_key_is_named(
    place: Place, capsys: pytest.CaptureFixture[str], content: bytes | None, sentence: str
) -> None:
    file = place.out / "new.pub"
    if content is not None:
        file.write_bytes(content)

    assert place.build("office", "--host-key", str(file)) == 2

    said = capsys.readouterr().err
    assert str(file) in said
    assert sentence in said
    assert not (place.out / "office.sh").exists()


def test_the_registry_notes_what_each_bundle_pins(place: Place, tmp_path: Path) -> None:
    layout, name = home_layout(place.home), NodeName("office")
    (first,) = read_pins(layout, name)
    later = made_key(tmp_path)
    public = parse_public_key(later.with_name(f"{later.name}.pub").read_text())

    place.build("office", "--key", "keep", "--host-key", f"{later}.pub")

    assert first.host_keys == tuple(map(as_pin, host_keys(layout).keys))
    assert read_pins(layout, name)[1:] == (
        Pins(at=ANY, host_keys=first.host_keys, to_come=(as_pin(public),)),
    )
    pins = Pins(at=1, host_keys=first.host_keys)
    note_installed(layout, name, pins)
    assert read_pins(layout, name) == (pins,)
