"""The verb `ssh-config`: what it prints, and the file that it writes."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.ssh_config import mode_beside
from checker.config.layout import Layout
from tests.checker.cli.homes import ERROR, Run, registered
from tests.registry_samples import register
from tests.strategies import public_key


def test_it_prints_each_node_as_a_host(office: Layout, checker: Run) -> None:
    status, text, said = checker("ssh-config", "--jump", "gw", "--user", "root")

    assert (status, said) == (ExitCode.OK, "")
    lines = text.splitlines()
    assert lines[0].startswith("# 1 host, written by reversi-checker ssh-config.")
    assert {"Host office", "  Port 20010", "  ProxyJump gw", "  User root"} <= set(lines)


def test_it_prints_only_names(office: Layout, checker: Run) -> None:
    assert checker("ssh-config", "--names", "--prefix", "site-") == (0, "site-office\n", "")


def test_pinned_keys_need_a_second_file(office: Layout, checker: Run) -> None:
    (forward,) = registered(office).forwards
    register(office, [replace(forward, host_key=public_key(3))])

    here, far = checker("ssh-config"), checker("ssh-config", "--jump", "you@gw", "--prefix", "b-")

    assert here[2] == (
        "1 host has a pinned key, for which ssh needs one more file: reversi-checker known-hosts >"
        " ~/.ssh/reversi_pinned_keys\n"
    )
    assert "ssh you@gw reversi-checker known-hosts > ~/.ssh/reversi_b-pinned_keys\n" in far[2]


def test_a_filter_chooses_nodes_and_says_if_it_chooses_none(office: Layout, checker: Run) -> None:
    assert checker("ssh-config", "--names", "--filter", "node:off")[1] == "office\n"
    status, text, said = checker("ssh-config", "--filter", "node:nowhere")
    assert (status, text) == (1, "")
    assert said.startswith(f"{ERROR}nothing matches the filter 'node:nowhere'")


def test_an_equal_file_is_left_alone(office: Layout, checker: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.d" / "reversi"
    first = checker("ssh-config", "--output", str(file))
    os.utime(file, (1, 1))

    again = checker("ssh-config", "--output", str(file))
    written = file.stat().st_mtime
    other = checker("ssh-config", "--output", str(file), "--user", "root")

    assert first[1] == f"wrote {file}: 1 host\n"
    assert again == (ExitCode.OK, "", "")
    assert written == 1
    assert other[1] == f"wrote {file}: 1 host\n"
    assert "  User root" in file.read_text(encoding="ascii").splitlines()
    assert [path.name for path in file.parent.iterdir()] == ["reversi"]


def test_a_link_stays_a_link(office: Layout, checker: Run, tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)

    assert checker("ssh-config", "--output", str(link))[0] == ExitCode.OK

    assert link.is_symlink()
    assert file.read_text(encoding="ascii").startswith("# 1 host")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another account")
def test_a_link_that_another_account_made_is_not_followed(
    office: Layout, checker: Run, tmp_path: Path
) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    os.lchown(link, 65534, 65534)

    status, _, said = checker("ssh-config", "--output", str(link))

    assert (status, file.exists()) == (ExitCode.USAGE, False)
    assert "is a link of another account" in said


@pytest.mark.parametrize("where", [".", "file/below", "/dev/null", "loop", "/proc/x/reversi"])
def test_what_cannot_be_written_is_refused_in_a_sentence(
    office: Layout, checker: Run, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")

    status, text, said = checker("ssh-config", "--output", str(tmp_path / where))

    assert (status, text) == (ExitCode.USAGE, "")
    assert said.startswith(ERROR)
    assert said.count("\n") == 1


@pytest.mark.parametrize(("folder", "mode"), [(0o700, 0o600), (0o750, 0o600), (0o755, 0o644)])
def test_who_may_enter_the_directory_may_read_a_new_file(
    office: Layout, checker: Run, tmp_path: Path, folder: int, mode: int
) -> None:
    home = tmp_path / "ssh"
    home.mkdir()
    home.chmod(folder)

    checker("ssh-config", "--output", str(home / "reversi"))

    assert stat.S_IMODE((home / "reversi").stat().st_mode) == mode
    assert mode_beside(home / "not" / "yet") == mode


def test_without_a_gateway_nothing_is_printed(checker: Run) -> None:
    status, text, said = checker("ssh-config")

    assert (status, text) == (ExitCode.USAGE, "")
    assert "there is no gateway" in said


def test_an_ill_option_is_refused(office: Layout, checker: Run) -> None:
    for words in (("--jump", "a b"), ("--user=-x",), ("--prefix", "*"), ("--jump", "office")):
        status, text, said = checker("ssh-config", *words)
        assert (status, text) == (ExitCode.USAGE, "")
        assert said.startswith(ERROR)
