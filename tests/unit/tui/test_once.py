from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config import home_layout
from checker.model import Status
from checker.store import Batch
from reversi_tui.__main__ import ExitCode, main
from tests.tui.states import FORWARDS, SEEN, demo_home, forward, register, sweep, tunnel, write

Captured = pytest.CaptureFixture[str]
KEYS = {
    "node", "port", "target", "expect", "status", "detail", "latency_ms", "pid", "peer", "since", "probed_at", "checked_at", "failures",
    "kills",
}  # fmt: skip


def test_the_table_is_aligned_and_tells_what_is_not_up(tmp_path: Path, capsys: Captured) -> None:
    demo_home(tmp_path)

    code = main(["--home", str(tmp_path), "--once"])

    lines = capsys.readouterr().out.splitlines()
    assert code == ExitCode.NOT_UP
    assert lines[0].split() == ["node", "port", "target", "status", "probe", "answer", "latency", "sshd", "peer", "since"]
    assert len(lines) == 1 + len(FORWARDS)
    place = lines[0].index("target")
    assert all(line[place - 2 : place] == "  " and line[place] != " " for line in lines)


def test_all_shown_up_is_zero(tmp_path: Path, capsys: Captured) -> None:
    layout = demo_home(tmp_path)
    now = time.time()
    write(layout, Batch(tunnels=(replace(SEEN[0], probed_at=now),), sweep=sweep(now)))

    assert main(["--home", str(tmp_path), "--once", "--filter", "attic"]) == ExitCode.OK
    assert "attic" in capsys.readouterr().out


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
    assert [tunnel["status"] for tunnel in document["tunnels"]] == ["hung", "foreign", "down", "refused", "wrong", "unknown", "up"]
    assert all(set(tunnel) == KEYS for tunnel in document["tunnels"])


def test_no_state_file_yet_is_said_and_all_is_unknown(tmp_path: Path, capsys: Captured) -> None:
    register(home_layout(tmp_path), FORWARDS)

    code = main(["--home", str(tmp_path), "--json"])

    captured = capsys.readouterr()
    assert code == ExitCode.NOT_UP
    assert {tunnel["status"] for tunnel in json.loads(captured.out)["tunnels"]} == {Status.UNKNOWN.value}
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
        pytest.param(["--sort", "colour", "--once"], "there is no column 'colour'", id="no such column"),
        pytest.param([], "needs a terminal", id="no terminal"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(argv: list[str], words: str, tmp_path: Path, capsys: Captured) -> None:
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
        "import sys; from reversi_tui.__main__ import main; main(sys.argv[1:]); "
        "print(sorted({'textual', 'rich', 'asyncio', 'asyncssh', 'http', 'ssl'} & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "--home", str(tmp_path), *flags], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stderr.splitlines()[-1] == "[]"
