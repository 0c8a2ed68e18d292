"""bare.sh, which answers nodes while the checker cannot run, under each shell of a gateway."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checker import __version__
from checker.wire import (
    MALFORMED,
    NOT_YOURS,
    OK,
    PROTOCOL,
    Hold,
    Malformed,
    OldCheck,
    parse_request,
)
from tests.programs import require, run_program
from tests.system.shell.stand_ins import program

pytestmark = pytest.mark.shell
BARE = Path(__file__).parents[3] / "checker" / "bare.sh"
SHELLS = [
    pytest.param(("dash",), id="dash"),
    pytest.param(("busybox", "sh"), id="busybox"),
    pytest.param(("bash", "--posix"), id="bash"),
]
REQUESTS = [
    "check",
    "check 22",
    "check 022 65535",
    "check 0",
    "check 65536",
    "check 100000",
    "check x",
    "check * 22",
    "beat",
    "beat 1",
    "beat x",
    "claim a",
    "claim",
    "claim a b",
    "claim a/b",
    "claim " + "a" * 64,
    "claim " + "a" * 65,
    "hold",
    "hold a/b",
    "hold a b c",
    "hold a b*",
    "version",
    "version 1",
    "version x",
    "office 22",
    "office 22 SSH-2.0 'x' *",
    "office x",
    "office",
    "Office 22",
    "-x 22",
    "",
    " ",
    "  check   22 ",
    "check\t22",
    "a\nb",
    "check " + "1 " * 2048,
    "o" * 64 + " 22",
    "office 22 \N{SNOWMAN}",
    "\N{SNOWMAN}" * 64 + " 22",
    "o" * 65 + " 22",
    "Roof Top 22",
    "$(id) 22",
    "`id` 22",
]


def ask(
    shell: tuple[str, ...],
    request: str,
    spool: Path,
    *,
    node: str = "office",
    path: str = os.defpath,
) -> subprocess.CompletedProcess[str]:
    require(shell[0])
    return run_program(
        [*shell, str(BARE), "/gone/python3", "--home", str(spool.parent), "--node", node],
        env={"PATH": path, "SSH_ORIGINAL_COMMAND": request},
    )


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def wanted(request: str) -> tuple[int, str]:
    """Return what the gate would answer to a request that did not come through sshd."""
    try:
        asked = parse_request(request)
    except Malformed:
        return MALFORMED, "0\n"
    if isinstance(asked, Hold):
        return MALFORMED, ""
    if isinstance(asked, OldCheck) and asked.node != "office":
        return NOT_YOURS, "0\n"
    return OK, f"{PROTOCOL} {__version__}\n" if request.split() == ["version"] else "0\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_requests_are_answered_and_refused_as_by_the_gate(
    shell: tuple[str, ...], spool: Path
) -> None:
    said = {request: ask(shell, request, spool) for request in REQUESTS}

    assert {request: (one.returncode, one.stdout) for request, one in said.items()} == {
        request: wanted(request) for request in REQUESTS
    }
    assert {
        request for request, one in said.items() if one.returncode and one.stderr.count("\n") != 1
    } == set()


@given(
    st.text(
        st.sampled_from("check claim hold version beat office 0123456789 ./*'$\"-+"), max_size=30
    )
)
@example("hold a")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_request_is_answered_as_by_the_gate(spool: Path, request: str) -> None:
    said = ask(("sh",), request, spool)

    assert (said.returncode, said.stdout) == wanted(request)


def test_the_shared_key_allows_only_the_originals_request(spool: Path) -> None:
    said = [
        ask(("sh",), request, spool, node="*")
        for request in ("office 22 SSH", "version", "check", "claim a", "hold a", "beat")
    ]
    names = [ask(("sh",), f"{name} 22 SSH", spool, node="*") for name in ("Office_1", "check")]

    assert [one.returncode for one in said] == [0, 0, 77, 77, 77, 77]
    assert all(one.stdout == "0\n" for one in said if one is not said[1])
    assert [(one.returncode, one.stdout, one.stderr) for one in names] == [(0, "0\n", "")] * 2


@pytest.mark.parametrize("shell", SHELLS)
def test_a_device_that_wants_to_become_a_node_is_told_to_ask_later(
    shell: tuple[str, ...], spool: Path
) -> None:
    said = [ask(shell, request, spool, node="+field") for request in ("enrol a b c", "hold a", "")]

    assert [(one.returncode, one.stdout) for one in said] == [(75, "0\n")] * 3
    assert all("ask again later" in one.stderr for one in said)


def test_the_log_says_what_to_do_but_not_for_each_request(spool: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    told = tmp_path / "told"
    told.touch()
    os.mkfifo(tmp_path / "done")
    program(
        programs,
        "logger",
        f'#!/bin/sh\nprintf "%s\\n" "$*" >>{told}\nprintf x >{tmp_path / "done"}\n',
    )
    path = f"{programs}:{os.defpath}"

    ask(("sh",), "claim a", spool, path=path)
    assert (tmp_path / "done").read_text() == "x"
    for _ in range(3):
        ask(("sh",), "check", spool, path=path)

    (line,) = told.read_text().splitlines()
    assert line.startswith(
        "-t reversi -p user.err -- /gone/python3 cannot be run; tunnels stay up, but nothing is"
        " checked: install"
    )


def test_a_hanging_log_does_not_delay_a_node(spool: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    os.mkfifo(tmp_path / "never")
    program(programs, "logger", f"#!/bin/sh\nread -r _ <{tmp_path / 'never'}\n")

    said = ask(("sh",), "check", spool, path=f"{programs}:{os.defpath}")
    (tmp_path / "never").write_text("\n")

    assert (said.returncode, said.stdout) == (0, "0\n")
