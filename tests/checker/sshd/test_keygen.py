"""Making keys, with the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.model import CheckerError, KeyType, parse_public_key, rsa_bits
from checker.sshd.keygen import (
    host_key_line,
    make_host_key,
    make_key,
    make_key_pair,
    pair_in_memory,
    rsa_beside,
)
from tests.programs import require


@pytest.mark.parametrize("kind", list(KeyType))
def test_a_key_pair_is_returned_and_not_kept(kind: KeyType) -> None:
    require("ssh-keygen")

    private, public = make_key_pair("reversi:office", kind)

    assert private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert public.endswith(" reversi:office\n")
    assert parse_public_key(public).startswith(f"ssh-{kind.value} ")


def test_a_key_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    require("ssh-keygen")

    with pytest.raises(CheckerError, match=r"the key .*/none/key cannot be made: .*No such file"):
        make_key(tmp_path / "none" / "key", comment="x")


def test_without_ssh_keygen_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(CheckerError, match="apt-get install openssh-client"):
        make_key(tmp_path / "key", comment="x")


def test_a_host_key_is_made_once(tmp_path: Path) -> None:
    host_key = tmp_path / "keys" / "ssh_host_ed25519_key"
    require("ssh-keygen")
    make_host_key(host_key)
    first = host_key_line(host_key)

    make_host_key(host_key)

    assert first.startswith("ssh-ed25519 ")
    assert host_key_line(rsa_beside(host_key)).startswith("ssh-rsa ")
    assert host_key_line(host_key) == first


def test_a_host_key_without_its_public_half_is_reported(tmp_path: Path) -> None:
    host_key = tmp_path / "keys" / "ssh_host_ed25519_key"
    with pytest.raises(ConfigError, match="the node needs it to know its gateway"):
        host_key_line(host_key)


@pytest.mark.parametrize("kind", list(KeyType))
def test_ssh_reads_a_pair_that_was_made_in_memory(kind: KeyType, tmp_path: Path) -> None:
    require("ssh-keygen")
    path = tmp_path / "key"

    private, public = pair_in_memory(kind)

    path.write_bytes(private)
    path.chmod(0o600)
    said = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, check=True)
    assert said.stdout.decode().split() == public.split()
    assert parse_public_key(public) == public
    assert rsa_bits(public) in (None, 3072)
