"""One key has one text and one fingerprint."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from checker.model import InvalidValue, fingerprint, parse_public_key, parts_of_key, rsa_bits
from tests.programs import require
from tests.strategies import key_of, padded, public_key, rsa_key


@pytest.mark.parametrize("zeros", [1, 2, 40])
def test_an_rsa_key_is_the_same_with_more_zeros_before_its_numbers(zeros: int) -> None:
    key = rsa_key(2048)

    other = padded(key, zeros)

    assert other != key
    assert parse_public_key(other) == key
    assert rsa_bits(parse_public_key(other)) == 2048


def test_a_number_without_its_sign_is_the_same_key() -> None:
    """OpenSSH refuses such a key, so it opens nothing; here it is still no other key."""
    kind, exponent, modulus = parts_of_key(b64decode(rsa_key(1024).split()[1])) or []

    assert parse_public_key(key_of(kind, exponent, modulus[1:])) == rsa_key(1024)


def test_openssh_takes_both_for_one_key(tmp_path: Path) -> None:
    require("ssh-keygen")
    path = tmp_path / "key.pub"
    prints = []
    for text in (rsa_key(2048), padded(rsa_key(2048), 2)):
        path.write_text(text)
        done = subprocess.run(
            ["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True
        )
        prints.append(done.stdout.split()[1])

    assert prints == [fingerprint(rsa_key(2048))] * 2


def test_another_type_is_kept_as_it_is() -> None:
    assert parse_public_key(f" {public_key(0)}  a comment") == public_key(0)


def test_a_text_that_is_not_a_key_is_shown_escaped() -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_public_key("ssh-ed25519 \x1b[2J")

    assert "\x1b" not in str(caught.value)
