"""Signatures, as ssh-keygen makes and verifies them, with keys in files and in an agent."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker import signatures
from checker.config.toml_file import ConfigError
from checker.signatures import (
    ACT,
    AGENT,
    KEY_FILE,
    REGISTRY,
    AllowedKey,
    NoKey,
    NotSigned,
    SigningKey,
    allowed_keys,
    find_key,
    is_signed_by,
    sign,
    sign_for_registry,
)
from tests.fleet.homes import Signer, signer
from tests.programs import require
from tests.strategies import public_key

TEXT = b"rev = 7\n"


@pytest.fixture
def anna(tmp_path: Path) -> Signer:
    return signer(tmp_path, "anna")


@pytest.fixture
def allowed(tmp_path: Path, anna: Signer) -> Path:
    path = tmp_path / "allowed_signers"
    path.write_text(anna.line, encoding="utf-8")
    return path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """An agent without a key."""
    require("ssh-agent", "ssh-add")
    place = str(tmp_path / "agent")
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", place], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield place
        process.terminate()


def test_each_text_gets_a_signature_of_its_own(anna: Signer, allowed: Path) -> None:
    texts = [TEXT, b"other\n", b""]

    found = sign(texts, SigningKey(signer="anna", file=anna.key))

    assert [is_signed_by(*pair, "anna", allowed) for pair in zip(texts, found, strict=True)] == [
        True
    ] * 3
    assert not is_signed_by(TEXT, found[1], "anna", allowed)
    assert not is_signed_by(TEXT, found[0], "ben", allowed)
    assert not is_signed_by(TEXT, found[0], "anna", allowed, "another-purpose")
    assert not is_signed_by(TEXT, b"", "anna", allowed)
    assert not is_signed_by(TEXT, found[0], "anna", allowed.with_name("missing"))


def test_a_key_in_the_agent_signs(
    anna: Signer, allowed: Path, agent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(AGENT, agent)
    other = signer(tmp_path, "other")
    for one in (other, anna):
        subprocess.run(["ssh-add", "-q", str(one.key)], check=True)

    key = find_key(allowed_keys(allowed), None, os.environ, REGISTRY)

    assert (key.signer, key.file) == ("anna", None)
    assert is_signed_by(TEXT, sign([TEXT], key)[0], "anna", allowed)


def test_without_a_key_at_hand_there_is_none(
    allowed: Path, agent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = allowed_keys(allowed)
    with pytest.raises(NoKey, match="no key to sign with: name its file with --key"):
        find_key(known, None, {}, REGISTRY)
    monkeypatch.setenv(AGENT, agent)
    with pytest.raises(NoKey, match="none of the 0 keys in your agent"):
        find_key(known, None, {AGENT: agent}, REGISTRY)
    other = signer(tmp_path, "other")
    with pytest.raises(NoKey, match="is not in allowed_signers"):
        find_key(known, other.key, {}, REGISTRY)
    with pytest.raises(ConfigError, match="there is no such file"):
        find_key(known, tmp_path / "missing", {}, REGISTRY)


def test_a_key_file_comes_first_then_that_of_the_environment(anna: Signer, allowed: Path) -> None:
    known = allowed_keys(allowed)

    for file, environ in (
        (anna.key, {KEY_FILE: "/nowhere"}),
        (None, {KEY_FILE: str(anna.key), AGENT: "/nowhere"}),
    ):
        assert find_key(known, file, environ, REGISTRY).file == anna.key


@pytest.mark.parametrize(
    ("options", "may_sign", "may_act", "is_dated"),
    [
        ("", True, True, False),
        ('namespaces="reversi-registry"', True, False, False),
        ('namespaces="file,reversi-act"', False, True, False),
        ('NameSpaces="reversi-*,!reversi-act",valid-before="20300101"', True, False, True),
        ('valid-after="20200101",namespaces="git"', False, False, True),
    ],
)
def test_what_a_key_may_sign_is_as_ssh_keygen_has_it(
    anna: Signer, allowed: Path, options: str, may_sign: bool, may_act: bool, is_dated: bool
) -> None:
    public = anna.key.with_name("anna.pub").read_text(encoding="ascii")
    allowed.write_text(f"anna\t{options} {public}", encoding="utf-8")
    (known,) = allowed_keys(allowed)
    signing = SigningKey(signer="anna", file=anna.key)

    for purpose, may in ((REGISTRY, may_sign), (ACT, may_act)):
        [signature] = sign([TEXT], signing, purpose)
        assert is_signed_by(TEXT, signature, "anna", allowed, purpose) is may
        assert known.may(purpose) is may
    assert known.is_dated is is_dated
    if not may_sign:
        with pytest.raises(NoKey, match="may not sign for reversi-registry, by its line"):
            find_key([known], anna.key, {}, REGISTRY)


def test_a_key_in_the_agent_for_another_purpose_is_passed_over(
    anna: Signer, allowed: Path, agent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(AGENT, agent)
    ben = signer(tmp_path, "ben")
    only_acts = ben.line.replace("reversi-registry,", "")
    allowed.write_text(only_acts + anna.line, encoding="utf-8")
    for one in (ben, anna):
        subprocess.run(["ssh-add", "-q", str(one.key)], check=True)

    known = allowed_keys(allowed)

    assert find_key(known, None, os.environ, REGISTRY).signer == "anna"
    assert find_key(known, None, os.environ, ACT).signer == "ben"
    with pytest.raises(NoKey, match="none of the 2 keys in your agent may sign for reversi-regis"):
        find_key(known[:1], None, os.environ, REGISTRY)


def test_what_would_count_nowhere_is_not_signed(anna: Signer, allowed: Path) -> None:
    key = SigningKey(signer="anna", file=anna.key)
    assert len(sign_for_registry([TEXT, b"other"], key, allowed)) == 2

    allowed.write_text(anna.line.replace("anna ", 'anna valid-before="20200101",'), "utf-8")

    with pytest.raises(NotSigned, match=r"nothing was signed: the line of anna .* dates"):
        sign_for_registry([TEXT], key, allowed)
    assert sign_for_registry([], key, allowed) == []


def test_a_key_that_cannot_sign_is_said(anna: Signer) -> None:
    public = anna.key.with_name("anna.pub")
    anna.key.unlink()

    with pytest.raises(NotSigned, match="nothing was signed"):
        sign([TEXT], SigningKey(signer="anna", file=public))


def test_of_allowed_signers_only_lines_of_one_person_are_ours_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "allowed_signers"
    key, other = public_key(1), public_key(2)
    path.write_text(
        f"# by hand\n\n*@example.org {key}\nboss cert-authority {key}\nbroken ssh-ed25519 x\n"
        f'*,ben valid-before="20300101" {other} ben at home\n',
        encoding="utf-8",
    )

    assert allowed_keys(path) == (AllowedKey(signer="ben", key=other, is_dated=True),)
    assert allowed_keys(tmp_path / "missing") == ()


def test_away_from_the_terminal_nobody_is_asked_for_a_passphrase(anna: Signer) -> None:
    words = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(anna.key)]
    subprocess.run(words, check=True)

    with pytest.raises(NotSigned, match="nothing was signed"):
        sign([TEXT], SigningKey(signer="anna", file=anna.key), may_ask=False)


def test_what_verifies_leaves_nothing_even_if_it_is_killed(
    tmp_path: Path, anna: Signer, allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    signed = sign([TEXT], SigningKey(signer="anna", file=anna.key))[0]
    run, seen = signatures.run, []

    def watched(*given: Any, **more: Any) -> subprocess.CompletedProcess[bytes]:
        seen.append(list(place.iterdir()))
        return run(*given, **more)

    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(signatures, "run", watched)

    assert is_signed_by(TEXT, signed, "anna", allowed)
    assert seen == [[]]
