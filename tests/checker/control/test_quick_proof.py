"""The quick proof says the same as ssh-keygen, or that it cannot say."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from checker.control.quick_proof import is_proven
from checker.signatures import ACT, REGISTRY, AllowedKey, SigningKey, sign


def key(folder: Path, kind: str = "ed25519") -> tuple[SigningKey, AllowedKey]:
    path = folder / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    public = path.with_suffix(".pub").read_text(encoding="ascii").split()
    allowed = AllowedKey(signer="anna", key=" ".join(public[:2]))
    return SigningKey(signer="anna", file=path), allowed


def test_a_signature_of_an_allowed_key_counts_for_its_text_and_purpose(tmp_path: Path) -> None:
    signing, allowed = key(tmp_path)
    [good], [act] = (sign([b"text"], signing, purpose) for purpose in (REGISTRY, ACT))

    assert is_proven(b"text", good, "anna", [allowed]) is True
    assert is_proven(b"other", good, "anna", [allowed]) is False
    assert is_proven(b"text", act, "anna", [allowed]) is False
    assert is_proven(b"text", good, "ben", [allowed]) is None
    assert is_proven(b"text", good, "anna", []) is None


def test_what_a_line_limits_is_left_to_ssh_keygen(tmp_path: Path) -> None:
    signing, allowed = key(tmp_path)
    [good] = sign([b"text"], signing)

    for one in (replace(allowed, is_dated=True), replace(allowed, namespaces=(ACT,))):
        assert is_proven(b"text", good, "anna", [one]) is None
    named = replace(allowed, namespaces=(REGISTRY, ACT))
    assert is_proven(b"text", good, "anna", [named]) is True


def test_another_kind_of_key_is_left_to_ssh_keygen(tmp_path: Path) -> None:
    signing, allowed = key(tmp_path, "ecdsa")

    assert is_proven(b"text", sign([b"text"], signing)[0], "anna", [allowed]) is None


@pytest.mark.parametrize("junk", [b"", b"\n\n\n\n", b"a\nAAAA\nb\n", b"a\n!\nb\n", b"\xff" * 99])
def test_junk_proves_nothing(junk: bytes) -> None:
    assert not is_proven(b"text", junk, "anna", [])


def test_each_cut_signature_proves_nothing(tmp_path: Path) -> None:
    signing, allowed = key(tmp_path)
    [good] = sign([b"text"], signing)

    assert not any(is_proven(b"text", good[:at], "anna", [allowed]) for at in range(len(good) - 40))
