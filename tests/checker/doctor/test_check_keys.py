"""What doctor says about keys by fingerprint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.doctor.check_keys import check_keys
from checker.doctor.check_login import check_login
from checker.doctor.facts import FingerprintFacts
from checker.doctor.login_facts import Trial
from checker.install.key_ways import AS_ASKED
from checker.registry.key_files import Stand
from tests.checker.doctor.gateways import WELL

GOOD = FingerprintFacts(stand=Stand.FINGERPRINT)


LIMITED = replace(GOOD, confined="SELinux (type sshd_t)")
HERE = Trial(place="127.0.0.1:22", is_own=True, answer="1 0.2.0")


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
    ("trials", "ok"),
    [
        pytest.param((), None, id="no login was tried"),
        pytest.param((replace(HERE, exit_status=255, answer=""),), None, id="refused"),
        pytest.param((replace(HERE, is_own=False),), None, id="another machine"),
        pytest.param((HERE,), True, id="let in"),
    ],
)
def test_if_sshd_is_limited_only_a_login_shows_that_it_reads_the_files(
    trials: tuple[Trial, ...], ok: bool | None
) -> None:
    keys = replace(WELL.keys, by_fingerprint=LIMITED)

    (found,) = check_keys(replace(WELL, keys=keys, trials=trials))

    assert found.ok is ok
    if ok is None:
        assert "SELinux (type sshd_t) limits it" in found.sentence
        assert found.mend == "sudo reversi-checker doctor --login"


def test_what_is_wrong_is_named_also_if_sshd_is_limited() -> None:
    ((ok, sentence),) = said(replace(LIMITED, unread="it is another"))

    assert ok is False
    assert "it is another" in sentence


@pytest.mark.parametrize(
    ("found", "mend"),
    [
        (LIMITED, "init --keys file"),
        (replace(LIMITED, stand=Stand.FILE), "journalctl"),
        (GOOD, "journalctl"),
    ],
)
def test_a_refused_login_at_a_limited_sshd_leads_back_to_one_file(
    found: FingerprintFacts, mend: str
) -> None:
    refused = replace(HERE, exit_status=255, answer="", complaint="Permission denied (publickey).")
    keys = replace(WELL.keys, by_fingerprint=found)

    (login,) = (
        one
        for one in check_login(replace(WELL, keys=keys, trials=(refused,)))
        if one.name == f"login {HERE.place}"
    )

    assert mend in login.mend


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
