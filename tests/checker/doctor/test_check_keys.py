"""What doctor says about keys by fingerprint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.doctor.check_keys import check_keys
from checker.doctor.facts import FingerprintFacts
from checker.install.key_ways import AS_ASKED
from checker.registry.key_files import Stand
from tests.checker.doctor.gateways import WELL

GOOD = FingerprintFacts(stand=Stand.FINGERPRINT)


def said(found: FingerprintFacts | None) -> list[tuple[bool | None, str]]:
    facts = replace(WELL, keys=replace(WELL.keys, by_fingerprint=found))
    return [(one.ok, one.sentence) for one in check_keys(facts)]


def test_a_gateway_with_one_key_file_has_no_such_finding() -> None:
    assert said(None) == []


def test_a_file_for_each_key_is_well() -> None:
    ((ok, sentence),) = said(GOOD)

    assert ok is True
    assert "/etc/reversi/keys" in sentence


def test_the_wish_for_one_file_is_well_and_the_refusal_of_sshd_is_told() -> None:
    asked = FingerprintFacts(stand=Stand.FILE, why_file=AS_ASKED)
    refused = FingerprintFacts(stand=Stand.FILE, why_file="Permission denied (publickey).")

    assert said(asked)[0][0] is True
    assert said(refused) == [
        (None, "sshd reads all keys in one file: Permission denied (publickey).")
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(replace(GOOD, in_both=("office", "+auto")), "office, +auto", id="both"),
        pytest.param(
            replace(GOOD, unread="it is another"),
            "does not read /etc/reversi/keys: it",
            id="unread",
        ),
        pytest.param(
            replace(GOOD, faults=(("SHA256:a/b.pub", "is missing"),)),
            "/etc/reversi/keys/SHA256:a/b.pub is missing",
            id="missing",
        ),
        pytest.param(replace(GOOD, command_fails="as x, it prints y"), "prints y", id="command"),
        pytest.param(replace(GOOD, loose=Path("/etc/reversi")), "others can write", id="loose"),
        pytest.param(
            FingerprintFacts(stand=Stand.TO_FILE), "on their way to file", id="interrupted"
        ),
    ],
)
def test_what_is_wrong_is_named(found: FingerprintFacts, words: str) -> None:
    ((ok, sentence),) = said(found)

    assert ok is False
    assert words in sentence
