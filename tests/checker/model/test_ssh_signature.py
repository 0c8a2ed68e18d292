"""What a signature says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import InvalidValue
from checker.model.ssh_signature import BEGIN, END, made_by
from checker.signatures import ACT, SigningKey, sign
from tests.fleet.homes import signer


def test_a_signature_says_its_key_and_purpose(tmp_path: Path) -> None:
    anna = signer(tmp_path, "anna")
    (signature,) = sign([b"text\n"], SigningKey(signer="anna", file=anna.key), ACT)

    made = made_by(signature)

    assert made.key in anna.line
    assert made.namespace == ACT
    for damaged in (signature[:-40], signature.replace(b"U1NIU0lH", b"AAAAAAAA"), signature * 2):
        with pytest.raises(InvalidValue):
            made_by(damaged)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_anything_else_is_refused(content: bytes, is_armoured: bool) -> None:
    with pytest.raises(InvalidValue):
        made_by(BEGIN + content + END if is_armoured else content)
