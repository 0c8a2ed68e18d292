"""Which host keys sshd names and offers, wherever their files are."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import SYSTEM, home_layout
from checker.config.toml_file import ConfigError
from checker.sshd import host_key_files, program
from checker.sshd.host_key_files import host_keys, keys_of_sshd
from checker.sshd.host_keys import HostKeySettings, as_pin, host_key_settings, offered, to_pin
from checker.sshd.keygen import host_key_line, make_key
from tests.host_keys import put_host_keys
from tests.programs import require
from tests.strategies import public_key, rsa_key

NEW_SPELLING = Path(__file__).parents[2] / "data/sshd/effective-10.5.txt"
ED, NEWER, RSA = public_key(1), public_key(2), rsa_key(2048)


def test_the_settings_name_files_and_algorithms() -> None:
    said = "hostkey /etc/ssh/a b\nhostkey /k\nhostkeyagent none\nhostkeyalgorithms ssh-rsa,x\n"

    assert host_key_settings(said) == HostKeySettings(
        files=(Path("/etc/ssh/a b"), Path("/k")), algorithms=frozenset({"ssh-rsa", "x"})
    )
    newer = host_key_settings(NEW_SPELLING.read_text(encoding="ascii"))
    assert newer.files == (Path("/etc/ssh/ssh_host_ed25519_key"),)
    assert "rsa-sha2-512" in newer.algorithms
    assert host_key_settings("HostKeyAgent SSH_AUTH_SOCK").has_agent


@pytest.mark.parametrize(
    ("algorithms", "pinned"),
    [
        pytest.param((), (ED, NEWER, RSA), id="all"),
        pytest.param(("rsa-sha2-256",), (RSA,), id="RSA"),
        pytest.param(("ssh-ed25519",), (ED, NEWER), id="ed25519"),
    ],
)
def test_keys_that_sshd_may_not_offer_are_not_pinned(
    algorithms: tuple[str, ...], pinned: tuple[str, ...]
) -> None:
    keys = (RSA, ED, NEWER, ED, "ssh-dss AAAA", "ssh-of-tomorrow AAAA")

    assert to_pin(keys, algorithms) == pinned


def test_of_several_keys_of_a_type_sshd_offers_the_first() -> None:
    assert offered((ED, RSA, NEWER)) == (ED, RSA)
    assert as_pin(ED).startswith("ssh-ed25519 SHA256:")


def made(folder: Path, name: str) -> Path:
    require("ssh-keygen")
    make_key(folder / name, comment="x")
    return folder / name


def test_keys_are_read_from_the_private_part_and_from_any_place(tmp_path: Path) -> None:
    elsewhere = made(tmp_path, "hk")
    public = host_key_line(elsewhere)
    elsewhere.with_name("hk.pub").write_text(f"{public_key(9)} of an earlier key\n")

    found = keys_of_sshd(HostKeySettings(files=(tmp_path / "missing", elsewhere)))

    assert found == (public,)


def test_a_public_file_counts_only_if_an_agent_may_have_the_private_key(tmp_path: Path) -> None:
    (tmp_path / "hk").write_text(f"{ED} x\n")
    files = (tmp_path / "hk",)

    assert keys_of_sshd(HostKeySettings(files=files, has_agent=True)) == (ED,)
    with pytest.raises(ConfigError, match="no host key that a device could pin"):
        keys_of_sshd(HostKeySettings(files=files))


def test_a_home_pins_what_its_own_sshd_is_given(tmp_path: Path) -> None:
    require("ssh-keygen")
    layout = home_layout(tmp_path)
    put_host_keys(layout)
    layout.host_key.with_name("ssh_host_ecdsa_key.pub").write_text(f"{ED}\n")

    assert [key.split()[0] for key in host_keys(layout).keys] == ["ssh-ed25519", "ssh-rsa"]


@pytest.mark.sshd
def test_an_installed_gateway_pins_what_sshd_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual files exist, and are not what sshd uses."""
    require("sshd")
    if os.geteuid() != 0:
        pytest.skip("only root may ask sshd")
    elsewhere = made(tmp_path, "hk")
    main = tmp_path / "sshd_config"
    main.write_text(f"HostKey {elsewhere}\nHostKey {tmp_path}/gone\n")
    monkeypatch.setattr(host_key_files, "MAIN", main)

    found = host_keys(SYSTEM)

    assert (found.keys, found.doubt) == ((host_key_line(elsewhere),), "")


def test_if_sshd_cannot_be_asked_the_usual_files_are_taken_and_doubted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "sshd"
    refusing.write_text("#!/bin/sh\necho no hostkeys available >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(program, "PRIVILEGE_SEPARATION", tmp_path / "run")
    usual = tmp_path / "ssh_host_ed25519_key"
    usual.with_name("ssh_host_ed25519_key.pub").write_text(f"{ED} x\n")

    found = host_keys(replace(SYSTEM, host_key=usual))

    assert found.keys == (ED,)
    assert found.doubt.endswith("; its usual files in /etc/ssh are taken instead")


def test_a_key_with_a_passphrase_is_left_out_as_sshd_cannot_read_it(tmp_path: Path) -> None:
    locked = tmp_path / "hk"
    require("ssh-keygen")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)], check=True
    )
    plain = made(tmp_path, "plain")

    assert keys_of_sshd(HostKeySettings(files=(locked, plain))) == (host_key_line(plain),)
