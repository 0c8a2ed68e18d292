"""Parts of `init` that need no machine: the tree for a package, the manifest, what is printed, and
what systemd hears.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.install_steps import step_lines, undo_line
from checker.cli.main import run
from checker.config.layout import home_layout
from checker.config.toml_file import ConfigError
from checker.daemon.tunnel_user import prepare_spool
from checker.install.carry_out import (
    InstallFailed,
    carry_out,
    command,
    file,
    folder,
    put_back,
    remove,
    take_back,
)
from checker.install.manifest import Manifest, load_manifest
from checker.install.plan import DROP_IN, REST, Refused
from checker.install.steps import Command, File, Folder, GoLive, KeysInLine, Plan, Remove
from checker.install.survey import choices, entry, survey
from checker.install.undo import EndSessions, Withdraw
from checker.linux.systemd import notify
from checker.model import CheckerError
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.sshd.program import SshdMissing, SshdSilent, effective, find_sshd
from checker.tunnels import key_rotation
from tests.programs import require
from tests.strategies import OFFICE, node, public_key

PYTHON = "/opt/reversi/bin/python3"
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


def test_settings_without_a_tunnel_user_are_refused(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text("strikes = 3\n")

    with pytest.raises(ConfigError, match="tunnel_user is missing"):
        choices(tmp_path, ())


def test_settings_of_the_admins_decide(tmp_path: Path) -> None:
    (tmp_path / "etc/reversi").mkdir(parents=True)
    (tmp_path / "etc/reversi/reversi.toml").write_text(
        'tunnel_user = "tunnels"\nports = "50000-50009"\n'
    )

    found = survey(root=tmp_path, python=PYTHON, gateways=("ignored:22",), force=False)

    assert (found.choices.tunnel_user, found.choices.operators, found.choices.ports) == (
        "tunnels",
        "",
        range(50000, 50010),
    )
    assert found.choices.gateways == ()


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


def test_a_tree_can_be_written_by_a_reversi_that_no_service_could_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["init", "--root", str(tmp_path), "--python", "/root/venv/bin/python"]) == ExitCode.OK
    )

    said = capsys.readouterr().err
    assert "reversi runs from /root/venv/bin/python, where a service may not look" in said
    assert "no systemd runs here" not in said


def test_the_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_manifest(tmp_path / "none").is_empty
    (tmp_path / "bad").write_text("[]")
    with pytest.raises(ConfigError, match="not as init wrote it"):
        load_manifest(tmp_path / "bad")
    with pytest.raises(ConfigError, match="can not be read"):
        load_manifest(tmp_path)


def test_a_command_that_fails_ends_it_unless_it_may() -> None:
    said: list[str] = []

    with pytest.raises(
        InstallFailed, match=r"^false failed: exit status 1; mend that, and run it again"
    ):
        command(Command(words=("false",)), said.append)
    with pytest.raises(InstallFailed, match="no-such-program"):
        command(Command(words=("no-such-program",)), said.append)
    command(Command(words=("false",), must=False), said.append)
    command(Command(words=("true",)), said.append)

    assert said == ["tried, and failed: false (exit status 1)", "ran: true"]


def test_steps_are_carried_out_and_taken_back(tmp_path: Path) -> None:
    me, group = entry_names(tmp_path)
    place = tmp_path / "a"
    said: list[str] = []
    steps = (
        Folder(path=place, mode=0o750, owner=me, group=group, deep=True),
        File(path=place / "f", content=b"new\n"),
    )

    for step in steps:
        (folder(step) if isinstance(step, Folder) else file(step.path, step))
    file(place / "f", File(path=place / "f", content=b"newer\n", backup=True))

    assert stat.S_IMODE(place.stat().st_mode) == 0o750
    assert ((place / "f").read_bytes(), (place / "f.bak").read_bytes()) == (b"newer\n", b"new\n")
    put_back(place / "f", b"old\n")
    assert (place / "f").read_bytes() == b"old\n"
    put_back(place / "f", None)
    assert not (place / "f").exists()
    take_back((Remove(path=place), Command(words=("true",))), said.append)
    assert not place.exists()
    assert said == [f"removed {place}", "ran: true"]
    carry_out(Plan(steps=()), Manifest(), said.append)


def entry_names(path: Path) -> tuple[str, str]:
    found = entry(path)
    assert found is not None
    return found.owner, found.group


def test_what_can_not_be_made_or_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(InstallFailed, match="can not be made as it should be"):
        folder(Folder(path=tmp_path / "file" / "x"))
    with pytest.raises(InstallFailed, match="can not be made as it should be"):
        folder(Folder(path=tmp_path / "x", owner="no-such-user"))
    with pytest.raises(InstallFailed, match="can not be removed"):
        remove(tmp_path / "file" / "x")


def test_each_step_is_shown_as_one_would_type_it() -> None:
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
    assert (
        undo_line(Withdraw(path=DROP_IN, reload=()))
        == f"would remove: {DROP_IN}; then run: sshd -t"
    )
    assert undo_line(EndSessions(user="reversi")) == "would end: all tunnels of reversi"


def test_sshd_that_does_not_take_its_configuration_says_why(tmp_path: Path) -> None:
    try:
        find_sshd()
    except SshdMissing:
        require("sshd")
    (tmp_path / "c").write_text("Nonsense yes\n")

    with pytest.raises(
        SshdSilent,
        match=r"sshd does not accept .*Bad configuration option: Nonsense.*; see: sshd -t -f",
    ):
        effective(tmp_path / "c", "reversi")


def test_systemd_hears_what_it_is_told_and_silence_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ears:
        ears.bind(str(tmp_path / "s"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        notify("READY=1", "STATUS=x")
        assert ears.recv(100) == b"READY=1\nSTATUS=x"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ears:
        name = f"reversi-test-{os.getpid()}"
        ears.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("STOPPING=1")
        assert ears.recv(100) == b"STOPPING=1"


def test_the_spool_is_shut_to_others_and_a_group_of_inits_is_left(tmp_path: Path) -> None:
    spool = tmp_path / "spool"

    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    spool.chmod(0o770)
    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o770
    spool.chmod(0o777)
    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700


def test_these_errors_are_the_checkers_own() -> None:
    assert all(
        issubclass(error, CheckerError)
        for error in (Refused, InstallFailed, SshdSilent, ConfigError)
    )


def test_a_key_that_was_used_is_noted_and_settled_without_following_links(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    before = replace(node(), next_key=public_key(2))
    with locked(layout):
        add(layout, before, gate_command(layout))
    key_rotation.note(layout, before.name)
    (key_rotation.notes(layout) / "nobody").touch()
    (key_rotation.notes(layout) / "..x").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.partition(":")[0] for trouble in troubles] == ["..x", "nobody"]
    assert read_registry(layout.nodes).node(before.name) == node(number=2)
    assert list(key_rotation.notes(layout).iterdir()) == []
    key_rotation.notes(layout).rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "office").touch()
    key_rotation.notes(layout).symlink_to(tmp_path / "elsewhere")
    assert key_rotation.settle(layout) == ()
    assert (tmp_path / "elsewhere" / "office").exists()


def test_a_note_that_can_not_be_left_is_told(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "none" / "home")

    with pytest.raises(ConfigError, match="run: sudo reversi-checker init"):
        key_rotation.note(layout, OFFICE)
