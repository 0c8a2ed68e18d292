"""`init --root`, `--dry-run`, and how a step is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.install_steps import step_lines, undo_line
from checker.cli.main import run
from checker.install.places import DROP_IN, REST
from checker.install.steps import Command, File, Folder, GoLive, KeysInLine, Withdraw
from checker.install.undo import EndSessions
from tests.checker.install.machines import PYTHON

INIT = ("init", "--python", PYTHON)


def test_a_tree_for_a_package_is_written_and_a_second_run_adds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*INIT, "--root", str(tmp_path), "--gateway", "gate.example:22"]) == ExitCode.OK
    said = capsys.readouterr()

    assert (
        (tmp_path / "etc/reversi/reversi.toml")
        .read_text()
        .endswith('gateway = ["gate.example:22"]\n')
    )
    assert (
        f"ExecStart={PYTHON} -I -m checker serve"
        in (tmp_path / "etc/systemd/system/reversi-checker.service").read_text()
    )
    assert "Match User reversi" in (tmp_path / "etc/ssh/sshd_config.d/00-reversi.conf").read_text()
    assert "useradd" in said.out
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "etc/reversi/.installed.json").exists()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run([*INIT, "--root", str(tmp_path)]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("nothing to do\n")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_dry_run_prints_each_file_and_writes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*INIT, "--root", str(tmp_path), "--dry-run"]) == ExitCode.OK

    said = capsys.readouterr().out
    assert (
        "would write: /etc/ssh/sshd_config.d/00-reversi.conf (0644, root:root)\n    # written by:"
        " reversi-checker init\n" in said
    )
    assert "        AllowTcpForwarding remote\n" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["--home", "/srv/x", "init"], "leave out --home", id="home"),
        pytest.param(["--home", "/srv/x", "uninstall"], "leave out --home", id="home of uninstall"),
        pytest.param(["init", "--gateway", "nowhere", "--dry-run"], "nowhere", id="gateway"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == ExitCode.USAGE

    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_reversi_that_no_service_could_run_can_write_a_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["init", "--root", str(tmp_path), "--python", "/root/venv/bin/python"]) == ExitCode.OK
    )

    said = capsys.readouterr().err
    assert "reversi runs from /root/venv/bin/python, which a service cannot see" in said
    assert "systemd does not run here" not in said


def test_each_step_is_printed_as_one_would_type_it() -> None:
    file = File(path=DROP_IN, content=b"a\nb\n", backup=True)

    assert list(step_lines(GoLive(file=file, reload=("systemctl", "reload", "ssh")))) == [
        f"would write: {DROP_IN} (0644, root:root), and keep what is there as 00-reversi.conf.bak",
        "    a",
        "    b",
        "would run: sshd -t",
        "would run: systemctl reload ssh",
    ]
    both = GoLive(file=file, reload=(), rest=File(path=REST, content=b"c\n"))
    assert list(step_lines(both))[3:] == [
        f"would write: {REST} (0644, root:root)",
        "    c",
        "would run: sshd -t",
    ]
    assert list(step_lines(Folder(path=Path("/x"), mode=0o770, owner="a", group="b"))) == [
        "would make: /x (0770, a:b)"
    ]
    assert list(step_lines(Command(words=("a", "b c")))) == ["would run: a 'b c'"]
    assert list(step_lines(KeysInLine())) == [
        "would update /etc/reversi/authorized_keys from the registry"
    ]
    assert list(step_lines(Withdraw(path=DROP_IN, reload=("systemctl", "reload", "ssh")))) == [
        f"would remove: {DROP_IN}; then run: sshd -t, systemctl reload ssh"
    ]
    assert undo_line(Withdraw(path=DROP_IN, reload=())) == f"remove: {DROP_IN}; then run: sshd -t"
    assert undo_line(EndSessions(user="reversi")) == "end: all tunnels of reversi"
