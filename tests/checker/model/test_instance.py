"""What the instances of a node with two tunnels say: the device, and the path."""

from __future__ import annotations

import pytest

from checker.model.instance import device_of, is_other_path, path_in

BOOT = "0b1cf2f5-5a1c-4b0f-9f3b-2f1a0c4f8d11-4026531836"


@pytest.mark.parametrize(
    ("instance", "device", "path"),
    [
        (f"{BOOT}.1", BOOT, 1),
        (f"{BOOT}.2", BOOT, 2),
        (BOOT, BOOT, 0),
        ("a.b", "a.b", 0),
        ("word.3", "word.3", 0),
        ("word.12", "word.12", 0),
        (".1", ".1", 0),
    ],
)
def test_an_instance_names_its_device_and_its_path(instance: str, device: str, path: int) -> None:
    assert (device_of(instance), path_in(instance)) == (device, path)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("word.1", "word.2", True),
        ("word.1", "word.1", False),
        ("word.1", "copy.2", False),
        ("word", "copy", False),
    ],
)
def test_the_other_path_of_a_device(one: str, other: str, *, expected: bool) -> None:
    assert is_other_path(one, other) is expected
