"""How sshd's configuration is tested before it is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.install.places import (
    DROP_IN,
)
from checker.install.rehearsal import probe_unknown
from checker.sshd.lockdown import (
    redirected,
)

OLD_SSHD = """#!/bin/sh
name=$(grep -oE 'LogVerbose|UnusedConnectionTimeout' "$3" | head -n 1)
[ -z "$name" ] && exit 0
echo "$3: line 9: Bad configuration option: $name" >&2
echo "$3 line 9: Directive '$name' is not allowed within a Match block" >&2
exit 255
"""
"""`sshd -t -f FILE` of OpenSSH 8.4, which stops at the first unknown option of a Match block."""


def test_each_option_that_an_old_sshd_does_not_know_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sshd"
    program.write_text(OLD_SSHD, encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert probe_unknown("reversi") == {"LogVerbose", "UnusedConnectionTimeout"}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        pytest.param("Include /etc/ssh/sshd_config.d/*.conf", "Include /new/*.conf", id="Debian's"),
        pytest.param("include sshd_config.d/*.conf", "include /new/*.conf", id="relative"),
        pytest.param(
            'Include "/etc/ssh/sshd_config.d/*.conf" /etc/x',
            "Include /new/*.conf /etc/x",
            id="quoted, and another",
        ),
        pytest.param("#Include /etc/ssh/sshd_config.d/*.conf", None, id="commented out"),
        pytest.param("Include /etc/ssh/other.d/*.conf", None, id="elsewhere"),
    ],
)
def test_a_rehearsal_reads_the_candidate_instead_of_the_live_file(
    line: str, changed: str | None
) -> None:
    found = redirected(f"Port 22\n{line}\nUsePAM yes\n", DROP_IN, Path("/new"))

    assert found == (None if changed is None else f"Port 22\n{changed}\nUsePAM yes\n")
