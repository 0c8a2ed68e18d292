"""The command line: settings and their sources, errors, exit statuses, the help."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checker.registry.file_stamps import SETTLED_NS
from checker.registry.last_good import renew_copy
from reversi_tui.__main__ import main, parse
from reversi_tui.exit_codes import ExitCode
from tests.reversi_tui.console.states import (
    demo_home,
)
from tests.reversi_tui.scripted import Captured, all_up, once, words


@pytest.mark.parametrize("words", ["--once", "--json"])
def test_a_full_disk_behind_the_output_is_told_in_a_sentence(tmp_path: Path, words: str) -> None:
    all_up(tmp_path)

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reversi_tui", "--home", str(tmp_path), words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=200,
            check=False,
        )

    assert (
        done.stderr
        == "reversi-tui: error: cannot write to standard output: No space left on device\n"
    )
    assert done.returncode == ExitCode.USAGE


def test_the_version_is_told(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])

    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("reversi-tui ")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        pytest.param(
            ["--sort", "colour", "--once"], "there is no column 'colour'", id="no such column"
        ),
        pytest.param([], "needs a terminal", id="no terminal"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    argv: list[str], words: str, tmp_path: Path, capsys: Captured
) -> None:
    code = main(["--home", str(tmp_path), *argv])

    err = capsys.readouterr().err
    assert code == ExitCode.USAGE
    assert err.startswith("reversi-tui: error: ")
    assert words in err


def test_a_wrong_key_in_the_configuration_names_the_file(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "reversi.toml").write_text("probe_evry_s = 5\n")

    assert main(["--home", str(tmp_path), "--once"]) == ExitCode.USAGE
    assert "did you mean 'probe_every_s'" in capsys.readouterr().err


SLOW_TO_LOAD = {
    *("asyncio", "asyncssh", "http", "rich", "ssl", "textual"),
    *("checker.doctor", "checker.fleet", "checker.install", "checker.tunnels"),
    *("checker.rows.filter", "checker.rows.grammar", "checker.rows.mistakes"),
    *("reversi_tui.actions", "reversi_tui.reader", "reversi_tui.screens", "reversi_tui.widgets"),
    *("reversi_tui.view", "reversi_tui.rows.layout", "reversi_tui.rows.palette"),
}
"""No table for scripts needs them: to load them would take longer than all else."""
NOT_FOR_A_DOCUMENT = SLOW_TO_LOAD | {
    *("hashlib", "shutil", "traceback"),
    *("checker.model.action", "checker.model.machine", "checker.wire"),
    *("checker.control.background", "checker.registry.nodes", "checker.state.drain_file"),
    *("checker.rows.terms", "checker.rows.uptimes", "checker.state.pending"),
    *("reversi_tui.rows.report", "reversi_tui.terminal"),
}
"""Nor does a document need these, if the daemon's copy of the registry is good."""


@pytest.mark.parametrize(
    ("flag", "unneeded"), [("--once", SLOW_TO_LOAD), ("--json", NOT_FOR_A_DOCUMENT)]
)
def test_a_table_for_scripts_loads_only_what_it_needs(
    tmp_path: Path, flag: str, unneeded: set[str]
) -> None:
    layout = demo_home(tmp_path)
    layout.run.mkdir()
    assert renew_copy(layout, {}, time.time_ns() + 2 * SETTLED_NS)
    program = (
        "import sys; from reversi_tui.__main__ import main; main(sys.argv[1:]);"
        " print(*sys.modules, file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "--home", str(tmp_path), flag],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )

    assert unneeded & set(done.stderr.splitlines()[-1].split()) == set()


def test_columns_and_sort_come_from_the_files_and_no_filter_does(
    tmp_path: Path, capsys: Captured
) -> None:
    all_up(tmp_path)
    (tmp_path / "reversi.toml").write_text(
        "[console]\nsort = '-node'\ncolumns = ['node']\nfilter = 'attic'\n"
    )

    assert once(tmp_path, capsys)[1] == ["node", "barn", "attic"]


def test_scripts_neither_read_nor_write_what_is_remembered(
    tmp_path: Path, capsys: Captured, isolated: Path
) -> None:
    all_up(tmp_path)
    path = isolated / ".local" / "state" / "reversi" / "console.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({str(tmp_path): {"filter_text": "attic", "sort_by": "latency"}}))
    before = path.read_bytes()

    _, lines, err = once(tmp_path, capsys, "--columns", "node")

    assert (lines, err) == (["node", "attic", "barn"], "")
    assert (path.read_bytes(), [each.name for each in path.parent.iterdir()]) == (
        before,
        ["console.json"],
    )


@pytest.mark.parametrize("argv", [["--once"], ["--json"], ["--show-config"]], ids=str)
def test_a_broken_table_of_the_console_s_is_one_sentence(
    tmp_path: Path, capsys: Captured, argv: list[str]
) -> None:
    (tmp_path / "reversi.toml").write_text("[console]\nthem = 'dark'\n")

    assert main(["--home", str(tmp_path), *argv]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert (
        err
        == f"reversi-tui: error: {tmp_path / 'reversi.toml'}: console: unknown key 'them'; did you"
        " mean 'theme'?\n"
    )


def test_show_config_says_where_each_setting_came_from(
    tmp_path: Path, capsys: Captured, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reversi.toml").write_text(
        "[console]\nwide = true\n[console.keys]\nact.kill = 'f9'\n"
    )
    own = isolated / ".config" / "reversi" / "console.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[console]\ntheme = 'light'\ngrouped = true\n")
    state = isolated / ".local" / "state" / "reversi" / "console.json"
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({str(tmp_path): {"sort_by": "pid"}}))
    monkeypatch.setenv("NO_COLOR", "1")

    assert (
        main(["--home", str(tmp_path), "--show-config", "--json", "--filter", "attic"])
        == ExitCode.OK
    )
    shown = {
        each["name"]: (each["value"], each["origin"])
        for each in json.loads(capsys.readouterr().out)["settings"]
    }
    main(["--home", str(tmp_path), "--show-config", "--no-remember"])
    lines = [words(line) for line in capsys.readouterr().out.splitlines()]

    assert shown["wide"] == (True, str(tmp_path / "reversi.toml"))
    assert shown["keys.act.kill"] == ("f9", str(tmp_path / "reversi.toml"))
    assert shown["grouped"] == (True, str(own))
    assert shown["sort"] == ("pid", "remembered")
    assert shown["theme"] == ("mono", "environment NO_COLOR")
    assert shown["filter"] == ("attic", "command line")
    assert shown["confirm_over"] == (5, "default")
    assert ["sort", '"status"', "default"] in lines


def test_a_key_for_no_action_is_refused_before_the_console_opens(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "reversi.toml").write_text("[console.keys]\nact.kil = 'f9'\n")

    assert main(["--home", str(tmp_path), "--show-config"]) == ExitCode.USAGE
    assert "unknown action 'act.kil'; did you mean 'act.kill'?" in capsys.readouterr().err


def test_the_help_s_examples_hold(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])

    text = capsys.readouterr().out
    assert left.value.code == 0
    for line in text[text.index("examples:") :].partition("\n\n")[0].splitlines()[1:]:
        command, *argv = shlex.split(line.split("   ")[0])
        assert command == "reversi-tui"
        parse(argv)


@pytest.mark.parametrize("argv", [["--once"], ["--json"], ["--once", "--debug"]])
def test_a_bug_is_a_sentence_and_an_exit_status_of_its_own(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    demo_home(tmp_path)
    monkeypatch.setattr("reversi_tui.once.print_once", lambda *_, **__: 1 // 0)

    assert main(["--home", str(tmp_path), *argv]) == 70

    told = capsys.readouterr().err
    *before, sentence = told.splitlines()
    assert sentence.startswith("reversi-tui: error: a bug in reversi: ZeroDivisionError")
    assert sentence.endswith("run it again with --debug and report what it prints")
    assert before[:1] == (["Traceback (most recent call last):"] if "--debug" in argv else [])
