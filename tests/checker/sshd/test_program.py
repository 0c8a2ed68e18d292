"""Asking the sshd program: stand-ins for old ones, and the real one if it is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checker.sshd.program import (
    SshdMissing,
    SshdSilent,
    complaint,
    effective,
    find_sshd,
    lacks_log_verbose,
    trouble,
    version,
)
from tests.programs import require


def program(folder: Path, text: str) -> Path:
    """Write a stand-in for sshd."""
    path = folder / "sshd"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration for the real sshd."""
    try:
        find_sshd()
    except SshdMissing:
        require("sshd")
        raise
    require("ssh-keygen")
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=200
    )
    path = tmp_path / "sshd_config"
    path.write_text(f"HostKey {key}\n")
    return path


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        pytest.param("OpenSSH_8.4p1 Debian-5", True, id="8.4"),
        pytest.param("OpenSSH_8.5p1", False, id="8.5"),
        pytest.param("OpenSSH_10.0p2", False, id="10.0"),
        pytest.param("unknown option -- V", False, id="no version"),
    ],
)
def test_an_old_sshd_lacks_log_verbose(tmp_path: Path, said: str, lacks: bool) -> None:
    assert lacks_log_verbose(str(program(tmp_path, f"printf '%s\\n' '{said}' >&2"))) is lacks


def test_a_missing_sshd_is_taken_for_a_new_one(tmp_path: Path) -> None:
    assert not lacks_log_verbose(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        pytest.param(0, "a warning\n", "", id="it did not fail"),
        pytest.param(255, "@@ BAD @@\r\nno key\n\n", "BAD; no key", id="lines"),
        pytest.param(255, "", "exit status 255", id="silent"),
    ],
)
def test_a_failure_becomes_one_line(status: int, stderr: str, expected: str) -> None:
    done = subprocess.CompletedProcess(args=[], returncode=status, stdout="", stderr=stderr)

    assert trouble(done) == expected


def test_the_real_sshd_prints_version_and_settings(config: Path) -> None:
    config.write_text(f"{config.read_text()}Match User reversi\n    PermitTTY no\n")

    found = version()

    assert found is not None
    assert found >= (8, 4)
    assert complaint(config) == ""
    assert effective(config, "reversi")["permittty"] == "no"
    assert effective(config, "another")["permittty"] == "yes"


def test_the_real_sshd_names_a_wrong_line(config: Path) -> None:
    config.write_text(f"{config.read_text()}PermitTTTY no\n")

    assert "Bad configuration option: PermitTTTY" in complaint(config)
    with pytest.raises(SshdSilent, match=r"PermitTTTY.*see: sshd -t -f"):
        effective(config, "reversi")
