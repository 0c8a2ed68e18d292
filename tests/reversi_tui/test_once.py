"""`--once` and `--json`: rows, remarks and exit statuses."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.model import NodeName, Port, Status, Unregistered, parse_expect
from checker.registry.enrolments import write_enrolment
from checker.registry.file_stamps import SETTLED_NS
from checker.registry.last_good import renew_copy
from checker.registry.lock import locked
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from reversi_tui.exit_codes import ExitCode
from tests.enrolled import applicant, enrolment
from tests.registry_samples import register
from tests.reversi_tui.console.pty_console import Terminal
from tests.reversi_tui.console.states import (
    FORWARDS,
    SEEN,
    demo_home,
    forward,
    sweep,
    tunnel,
    write,
)
from tests.reversi_tui.scripted import Captured, all_up, once, words

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
    "barred_why",
    "calls_itself",
    "tags",
    "note",
}


def test_the_table_is_aligned_and_shows_what_is_not_up(tmp_path: Path, capsys: Captured) -> None:
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
    for option in ("--once", "--json"):
        code = main(["--home", str(tmp_path / "gone"), option])

        said = capsys.readouterr()
        assert (code, said.out) == (ExitCode.USAGE, "")
        assert f"there is no gateway at {tmp_path / 'gone'}" in said.err


def test_a_locale_without_utf_8_gets_ascii_alone(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_up(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")

    code, lines, _ = once(tmp_path, capsys)

    assert code == ExitCode.OK
    assert all(map(str.isascii, lines))


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
    fresh = tuple(replace(seen, probed_at=time.time()) for seen in SEEN)
    write(demo_home(tmp_path), Batch(tunnels=fresh))

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


def test_device_text_in_the_table_is_escaped(tmp_path: Path, capsys: Captured) -> None:
    layout = home_layout(tmp_path)
    register(layout, (forward("attic", 20010),))
    write(layout, Batch(tunnels=(tunnel("attic", 20010, detail="\x1b[31mred\x07"),)))

    main(["--home", str(tmp_path), "--once"])

    out = capsys.readouterr().out
    assert "\\x1b[31mred\\x07" in out
    assert "\x1b" not in out


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
        calls_itself="Old_Box",
    )
    known = replace(stranger, node=NodeName("attic"), port=Port(50002))
    write(
        layout,
        Batch(
            tunnels=(replace(tunnel("old-box", 50001, Status.HUNG), probed_at=time.time()),),
            unregistered=(stranger, known),
        ),
    )

    code, lines, _ = once(tmp_path, capsys, "--columns", "node,port,target,status")
    main(["--home", str(tmp_path), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == ExitCode.NOT_UP
    assert words(lines[-1]) == ["old-box*", "50001", "unregistered", "✖ hung"]
    assert [each["node"] for each in document["tunnels"]] == ["attic", "barn"]
    (shown,) = document["unregistered"]
    assert set(shown) == KEYS - {"barred", "barred_why", "tags", "note"} | {"first_at", "last_at"}
    assert (shown["node"], shown["target"], shown["first_at"], shown["last_at"]) == (
        "old-box",
        None,
        1.0,
        2.0,
    )
    assert shown["calls_itself"] == "Old_Box"


def test_a_node_that_is_out_on_purpose_is_not_a_fault(tmp_path: Path, capsys: Captured) -> None:
    layout = all_up(tmp_path)
    write(layout, Batch(tunnels=(tunnel("barn", 20011, Status.DOWN, pid=None),)))
    assert once(tmp_path, capsys)[0] == ExitCode.NOT_UP

    path = layout.nodes / "barn.toml"
    path.write_text(f"enabled = false\n{path.read_text()}")

    code, lines, _ = once(tmp_path, capsys, "--columns", "status", "--filter", "barn")
    main(["--home", str(tmp_path), "--json"])
    assert (code, lines[-1]) == (ExitCode.OK, "‖ disabled")
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


def test_an_output_without_unicode_gets_plain_shapes(tmp_path: Path) -> None:
    all_up(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "reversi_tui", "--home", str(tmp_path), "--once"],
        capture_output=True,
        timeout=200,
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
    write(
        demo_home(tmp_path),
        Batch(tunnels=(replace(SEEN[1], probed_at=time.time()),), sweep=sweep(time.time())),
    )
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
    assert ("\x1b[31m✖ hung\x1b[0m".encode() in terminal.written) is coloured
    assert (b"\x1b[2mz stale " in terminal.written) is coloured
    plain = re.sub(rb"\x1b\[[0-9]+m", b"", terminal.written).decode().splitlines()
    assert len({line.index(words(line)[1]) for line in plain}) == 1


def test_devices_that_wait_are_counted_and_in_the_table_only_if_asked_for(
    tmp_path: Path, capsys: Captured
) -> None:
    layout = all_up(tmp_path)
    with locked(layout):
        write_enrolment(layout, enrolment())
    ended = applicant(3, enrolment="ended")
    write(layout, Batch(applicants=(applicant(1), applicant(2, is_rejected=True), ended)))

    plain, document = once(tmp_path, capsys), once(tmp_path, capsys, "--json")
    asked = once(tmp_path, capsys, "--filter", "is:pending")

    assert (plain[0], document[0], asked[0]) == (ExitCode.OK, ExitCode.OK, ExitCode.OK)
    assert [words(line)[0] for line in plain[1]] == ["node", "attic", "barn"]
    assert json.loads(document[1][0])["pending"] == 1
    assert [words(line)[:3] for line in asked[1][1:]] == [
        ["device-1", "enrolment field", "+ pending"]
    ]
