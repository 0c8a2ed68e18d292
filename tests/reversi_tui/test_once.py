from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import (
    Flaps,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Unregistered,
    parse_expect,
)
from checker.registry.file_stamps import SETTLED_NS
from checker.registry.last_good import renew_copy
from checker.state.rows import Batch
from reversi_tui.__main__ import main, parse
from reversi_tui.exit_codes import ExitCode
from tests.reversi_tui.console.pty_console import Terminal
from tests.reversi_tui.console.states import (
    FORWARDS,
    SEEN,
    demo_home,
    forward,
    register,
    sweep,
    tunnel,
    write,
)

Captured = pytest.CaptureFixture[str]
KEYS = {
    "node",
    "port",
    "target",
    "expect",
    "status",
    "detail",
    "latency_ms",
    "pid",
    "peer",
    "since",
    "probed_at",
    "checked_at",
    "failures",
    "kills",
    "barred",
}


def words(line: str) -> list[str]:
    """The cells of a line of the table."""
    return re.split(r" {2,}", line.strip())


def once(home: Path, capsys: Captured, *argv: str) -> tuple[int, list[str], str]:
    """The exit status, the table's lines, and what was said beside."""
    code = main(["--home", str(home), "--once", *argv])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


def all_up(home: Path) -> Layout:
    """A gateway where all is well now."""
    layout = home_layout(home)
    register(layout, (forward("attic", 20010), forward("barn", 20011)))
    now = time.time()
    seen = (
        replace(tunnel("attic", 20010), probed_at=now),
        replace(tunnel("barn", 20011), probed_at=now, latency_ms=900.0),
    )
    write(layout, Batch(tunnels=seen, sweep=sweep(now)))
    return layout


def test_the_table_is_aligned_and_tells_what_is_not_up(tmp_path: Path, capsys: Captured) -> None:
    demo_home(tmp_path)

    code = main(["--home", str(tmp_path), "--once"])

    lines = capsys.readouterr().out.splitlines()
    assert code == ExitCode.NOT_UP
    assert words(lines[0]) == [
        "node",
        "port",
        "target",
        "status",
        "probe",
        "24 h",
        "answer",
        "latency",
        "sshd",
        "peer",
        "since",
    ]
    assert len(lines) == 1 + len(FORWARDS)
    place = lines[0].index("target")
    assert all(line[place - 2 : place] == "  " and line[place] != " " for line in lines)


def test_a_directory_that_is_not_there_does_not_pass_for_all_well(
    tmp_path: Path, capsys: Captured
) -> None:
    for words in (("--once",), ("--json",)):
        code = main(["--home", str(tmp_path / "gone"), *words])

        said = capsys.readouterr()
        assert (code, said.out) == (ExitCode.USAGE, "")
        assert f"there is no directory {tmp_path / 'gone'}" in said.err


@pytest.mark.parametrize("words", ["--once", "--json"])
def test_a_full_disk_behind_the_output_is_told_in_a_sentence(tmp_path: Path, words: str) -> None:
    all_up(tmp_path)

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reversi_tui", "--home", str(tmp_path), words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )

    assert (
        done.stderr
        == "reversi-tui: error: cannot write to standard output: No space left on device\n"
    )
    assert done.returncode == ExitCode.USAGE


def test_a_locale_without_utf_8_gets_ascii_alone(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_up(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")

    code, lines, _ = once(tmp_path, capsys)

    assert code == ExitCode.OK
    assert all(map(str.isascii, lines))


def test_the_version_is_told(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])

    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("reversi-tui ")


def test_all_shown_up_is_zero(tmp_path: Path, capsys: Captured) -> None:
    layout = demo_home(tmp_path)
    now = time.time()
    write(layout, Batch(tunnels=(replace(SEEN[0], probed_at=now),), sweep=sweep(now)))

    assert main(["--home", str(tmp_path), "--once", "--filter", "attic"]) == ExitCode.OK
    assert "attic" in capsys.readouterr().out


def test_a_broken_file_is_a_row_and_never_well(tmp_path: Path, capsys: Captured) -> None:
    layout = all_up(tmp_path)
    (layout.nodes / "shed.toml").write_text("oops")

    code, lines, _ = once(tmp_path, capsys)
    main(["--home", str(tmp_path), "--json"])
    document = json.loads(capsys.readouterr().out)

    assert code == ExitCode.NOT_UP
    assert any("shed" in line and "# broken" in line and "shed.toml" in line for line in lines)
    assert [(one["node"], one["status"], one["file"]) for one in document["broken"]] == [
        ("shed", "broken", str(layout.nodes / "shed.toml"))
    ]
    assert len(document["tunnels"]) == 2
    assert once(tmp_path, capsys, "--filter", "status:broken")[0] == ExitCode.NOT_UP
    assert once(tmp_path, capsys, "--filter", "attic")[0] == ExitCode.OK


def test_a_stale_row_is_not_up_whatever_it_says(tmp_path: Path, capsys: Captured) -> None:
    demo_home(tmp_path)

    assert main(["--home", str(tmp_path), "--once", "--filter", "attic"]) == ExitCode.NOT_UP
    assert "stale" in capsys.readouterr().out


def test_json_is_one_document_and_implies_once(tmp_path: Path, capsys: Captured) -> None:
    demo_home(tmp_path)

    main(["--home", str(tmp_path), "--json", "--sort", "status"])

    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["sweep"] == {"swept_at": 1_760_000_000.0, "every_s": 20.0}
    assert [tunnel["status"] for tunnel in document["tunnels"]] == [
        "hung",
        "foreign",
        "down",
        "refused",
        "wrong",
        "unknown",
        "up",
    ]
    assert all(set(tunnel) == KEYS for tunnel in document["tunnels"])


def test_no_state_file_yet_is_said_and_all_is_unknown(tmp_path: Path, capsys: Captured) -> None:
    register(home_layout(tmp_path), FORWARDS)

    code = main(["--home", str(tmp_path), "--json"])

    captured = capsys.readouterr()
    assert code == ExitCode.NOT_UP
    assert {tunnel["status"] for tunnel in json.loads(captured.out)["tunnels"]} == {
        Status.UNKNOWN.value
    }
    assert "the daemon was never started here" in captured.err


def test_no_nodes_is_said_with_the_way_out(tmp_path: Path, capsys: Captured) -> None:
    main(["--home", str(tmp_path), "--once"])

    assert "node add NAME" in capsys.readouterr().err


def test_a_damaged_state_file_is_one_sentence(tmp_path: Path, capsys: Captured) -> None:
    layout = demo_home(tmp_path)
    layout.state.write_bytes(b"nothing that SQLite knows of" * 200)

    code = main(["--home", str(tmp_path), "--once"])

    err = capsys.readouterr().err
    assert code == ExitCode.STATE
    assert err.startswith("reversi-tui: error: the state file")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        pytest.param(
            ["--sort", "colour", "--once"], "there is no column 'colour'", id="no such column"
        ),
        pytest.param([], "needs a terminal", id="no terminal"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(
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


def test_device_text_in_the_table_is_escaped(tmp_path: Path, capsys: Captured) -> None:
    layout = home_layout(tmp_path)
    register(layout, (forward("attic", 20010),))
    write(layout, Batch(tunnels=(tunnel("attic", 20010, detail="\x1b[31mred\x07"),)))

    main(["--home", str(tmp_path), "--once"])

    out = capsys.readouterr().out
    assert "\\x1b[31mred\\x07" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("flags", [["--once"], ["--json"]])
def test_scripts_never_load_textual(tmp_path: Path, flags: list[str]) -> None:
    demo_home(tmp_path)
    program = (
        "import sys; from reversi_tui.__main__ import main; main(sys.argv[1:]);"
        " print(sorted({'textual', 'rich', 'asyncio', 'asyncssh', 'http', 'ssl'} &"
        " set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "--home", str(tmp_path), *flags],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stderr.splitlines()[-1] == "[]"


def test_the_columns_are_those_that_were_asked_for_in_that_order(
    tmp_path: Path, capsys: Captured
) -> None:
    demo_home(tmp_path)

    _, lines, _ = once(tmp_path, capsys, "--columns", "status,node", "--filter", "attic")

    assert [words(line) for line in lines] == [["status", "node"], ["• up", "attic"]]


def test_wide_has_what_the_node_s_client_said_and_how_often_it_was_lost(
    tmp_path: Path, capsys: Captured
) -> None:
    layout = all_up(tmp_path)
    name = NodeName("attic")
    registration = Registration(
        node=name,
        instance="i-77",
        session=ProcessId(pid=1, start_ticks=2),
        peer="x",
        registered_at=3.0,
        client="reversi-client/9",
    )
    hour = Hour(
        node=name, port=Port(20010), hour=int(time.time() // 3600), up_s=1800.0, watched_s=3600.0
    )
    write(
        layout, Batch(registrations=(registration,), flaps=((name, Flaps(count=3)),), hours=(hour,))
    )

    _, lines, _ = once(tmp_path, capsys, "--wide", "--filter", "attic")
    _, chosen, _ = once(tmp_path, capsys, "--columns", "instance,day", "--filter", "flaps:>2")

    assert {"flaps", "client", "instance", "expect"} <= set(words(lines[0]))
    assert {"3", "reversi-client/9", "i-77", "banner:SSH-2.0"} <= set(words(lines[1]))
    assert [words(line)[0] for line in chosen] == ["instance", "i-77"]
    assert words(chosen[1])[1] != 24 * "·"


@pytest.mark.parametrize(
    "argv",
    [
        ("--sort", "-latency"),
        ("--sort=-latency",),
        ("--sort", "latency", "--reverse"),
        ("--reverse", "--sort", "latency"),
    ],
    ids=str,
)
def test_the_sort_may_go_backwards(tmp_path: Path, capsys: Captured, argv: tuple[str, ...]) -> None:
    all_up(tmp_path)

    code, lines, _ = once(tmp_path, capsys, "--columns", "node", *argv)

    assert (code, lines) == (ExitCode.OK, ["node", "barn", "attic"])


def test_a_filter_that_nothing_matches_is_told_of_and_is_no_fault(
    tmp_path: Path, capsys: Captured
) -> None:
    demo_home(tmp_path)

    code, lines, err = once(tmp_path, capsys, "--filter", "elsewhere")

    assert (code, len(lines)) == (ExitCode.OK, 1)
    assert err == "reversi-tui: no row matches the filter 'elsewhere'\n"


def test_a_device_that_the_registry_does_not_know_is_shown_and_counts(
    tmp_path: Path, capsys: Captured
) -> None:
    layout = all_up(tmp_path)
    stranger = Unregistered(
        node=NodeName("old-box"),
        port=Port(50001),
        expect=parse_expect("http"),
        first_at=1.0,
        last_at=2.0,
    )
    known = replace(stranger, node=NodeName("attic"), port=Port(50002))
    write(
        layout,
        Batch(tunnels=(tunnel("old-box", 50001, Status.HUNG),), unregistered=(stranger, known)),
    )

    code, lines, _ = once(tmp_path, capsys, "--columns", "node,port,target,status")
    main(["--home", str(tmp_path), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == ExitCode.NOT_UP
    assert words(lines[-1]) == ["old-box*", "50001", "unregistered", "! hung"]
    assert [each["node"] for each in document["tunnels"]] == ["attic", "barn"]
    (shown,) = document["unregistered"]
    assert set(shown) == KEYS - {"barred"} | {"first_at", "last_at"}
    assert (shown["node"], shown["target"], shown["first_at"], shown["last_at"]) == (
        "old-box",
        None,
        1.0,
        2.0,
    )


def test_a_node_that_is_out_on_purpose_is_no_fault(tmp_path: Path, capsys: Captured) -> None:
    layout = all_up(tmp_path)
    write(layout, Batch(tunnels=(tunnel("barn", 20011, Status.DOWN, pid=None),)))
    assert once(tmp_path, capsys)[0] == ExitCode.NOT_UP

    path = layout.nodes / "barn.toml"
    path.write_text(f"enabled = false\n{path.read_text()}")

    code, lines, _ = once(tmp_path, capsys, "--columns", "status", "--filter", "barn")
    main(["--home", str(tmp_path), "--json"])
    assert (code, lines[-1]) == (ExitCode.OK, "- disabled")
    assert [each["barred"] for each in json.loads(capsys.readouterr().out)["tunnels"]] == [
        None,
        "disabled",
    ]


def test_the_daemon_s_copy_of_the_registry_changes_nothing_that_is_shown(
    tmp_path: Path, capsys: Captured
) -> None:
    layout = demo_home(tmp_path)
    layout.run.mkdir()
    without = once(tmp_path, capsys, "--wide")

    assert renew_copy(layout, {}, time.time_ns() + 2 * SETTLED_NS)

    assert once(tmp_path, capsys, "--wide") == without


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


def test_show_config_tells_where_each_setting_came_from(
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
    assert ["sort", '"node"', "default"] in lines


def test_a_key_for_no_action_is_refused_before_the_console_opens(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "reversi.toml").write_text("[console.keys]\nact.kil = 'f9'\n")

    assert main(["--home", str(tmp_path), "--show-config"]) == ExitCode.USAGE
    assert "unknown action 'act.kil'; did you mean 'act.kill'?" in capsys.readouterr().err


def test_an_output_without_unicode_gets_plain_shapes(tmp_path: Path) -> None:
    all_up(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "reversi_tui", "--home", str(tmp_path), "--once"],
        capture_output=True,
        timeout=30,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"o up" in done.stdout


@pytest.mark.parametrize(
    ("environ", "argv", "coloured"),
    [
        pytest.param({"TERM": "xterm"}, [], True, id="a terminal"),
        pytest.param({"TERM": "xterm", "NO_COLOR": "1"}, [], False, id="NO_COLOR"),
        pytest.param({"TERM": "xterm", "NO_COLOR": ""}, [], True, id="empty NO_COLOR"),
        pytest.param({"TERM": "dumb"}, [], False, id="a dumb terminal"),
        pytest.param({"TERM": "xterm"}, ["--theme", "mono"], False, id="the theme without colour"),
    ],
)
def test_the_status_has_its_colour_on_a_terminal_alone(
    tmp_path: Path, environ: dict[str, str], argv: list[str], coloured: bool
) -> None:
    demo_home(tmp_path)
    master, slave = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "reversi_tui",
        "--home",
        str(tmp_path),
        "--once",
        "--columns",
        "node,status",
        *argv,
    ]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env={"PATH": "/usr/bin:/bin", **environ}
    ) as process:
        os.close(slave)
        terminal = Terminal(master, process)
        terminal.until(b"garage")
        terminal.settle(0.2)
        os.close(master)

    assert (b"\x1b" in terminal.written) is coloured
    assert (b"\x1b[31m! hung\x1b[0m" in terminal.written) is coloured
    plain = re.sub(rb"\x1b\[[0-9]+m", b"", terminal.written).decode().splitlines()
    assert len({line.index(words(line)[1]) for line in plain}) == 1


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
