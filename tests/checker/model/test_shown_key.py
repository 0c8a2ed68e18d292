"""The host key that a target showed: when it differs from the pinned one, and when nobody knows."""

from __future__ import annotations

from checker.model import ShownKey, fingerprint, is_comparable, mismatch
from tests.strategies import NOW, OFFICE, PORT, SESSION, public_key, rsa_key

ED25519, OTHER, RSA = public_key(7), public_key(8), rsa_key(2048)


def shown(key: str, pinned: str) -> ShownKey:
    return ShownKey(node=OFFICE, port=PORT, key=key, pinned=pinned, session=SESSION, at=NOW)


def test_another_key_than_the_pinned_one_is_named_with_both_fingerprints() -> None:
    said = mismatch(shown(OTHER, ED25519), ED25519)

    assert said == (
        f"the host key {fingerprint(OTHER)} (ssh-ed25519) came, but {fingerprint(ED25519)}"
        " (ssh-ed25519) is pinned"
    )
    assert mismatch(shown(RSA, ED25519), ED25519).endswith("(ssh-ed25519) is pinned"), (
        "it was asked for ed25519 first, and has none"
    )


def test_neither_the_pinned_key_nor_an_unknown_one_is_a_mismatch() -> None:
    assert mismatch(shown(ED25519, ED25519), ED25519) == ""
    assert mismatch(None, ED25519) == ""
    assert mismatch(shown(OTHER, ED25519), "") == ""


def test_a_new_pin_is_judged_by_what_was_shown_if_that_can_tell() -> None:
    assert mismatch(shown(OTHER, ED25519), OTHER) == "", "the new key was pinned meanwhile"
    assert mismatch(shown(ED25519, ED25519), OTHER) != ""
    assert not is_comparable(shown(ED25519, ED25519), RSA)
    assert mismatch(shown(ED25519, ED25519), RSA) == "", "it may have that one too"
