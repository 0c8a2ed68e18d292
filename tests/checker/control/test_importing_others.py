"""`node import` of key files, command lines and directories."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import home_layout
from checker.control.present_tunnels import with_present_tunnels
from checker.model import Port
from checker.registry.reading import read_registry
from tests.checker.registry.rev_homes import imported, shared_home
from tests.strategies import node, public_key

SSHD = ("--target", "127.0.0.1:22,banner:SSH-")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return shared_home(tmp_path)


def keys(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "authorized_keys"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def line(number: int, name: str, port: int) -> str:
    return f'restrict,port-forwarding,permitlisten="{port}" {public_key(number)} root@{name}'


def test_a_key_file_gives_each_device_its_own_key_and_ports(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    path = keys(tmp_path, line(1, "office", 20101), line(2, "shed", 20102))

    done = imported(capsys, home, path, *SSHD)

    assert done.code is ExitCode.OK, done.err
    assert f"{path}:1: registered office: port 20101 -> 127.0.0.1:22" in done.out
    own = home_layout(home).authorized_keys.read_text().splitlines()
    assert [text.split()[-3:] for text in own if not text.endswith("reversi:*")] == [
        [*public_key(1).split(), "reversi:office"],
        [*public_key(2).split(), "reversi:shed"],
    ]
    assert 'permitlisten="localhost:20101"' in own[0]
    assert "registered 2 nodes" in done.err.splitlines()


def test_a_second_import_changes_nothing_and_takes_what_is_new(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    path = keys(tmp_path, line(1, "office", 20101))
    imported(capsys, home, path, *SSHD)

    done = imported(
        capsys, home, keys(tmp_path, line(1, "lobby", 20101), line(2, "shed", 20102)), *SSHD
    )

    assert done.code is ExitCode.OK
    assert f"{path}:1: lobby is registered already" in done.err
    assert "registered 1 node; 1 registered already" in done.err
    assert sorted(read_registry(home / "nodes").nodes) == ["office", "shed"]


@pytest.mark.parametrize(
    ("number", "port", "says"),
    [
        (1, 20109, "its key belongs to node office"),
        (3, 20101, "port 20101 belongs to node office"),
        (9, 20109, "its key is the shared one"),
    ],
)
def test_a_key_or_port_that_is_taken_is_named_with_its_line(
    capsys: pytest.CaptureFixture[str],
    home: Path,
    tmp_path: Path,
    number: int,
    port: int,
    says: str,
) -> None:
    imported(capsys, home, keys(tmp_path, line(1, "office", 20101)), *SSHD)

    path = keys(tmp_path, line(number, "other", port), line(4, "shed", 20104))
    done = imported(capsys, home, path, *SSHD)

    assert done.code is ExitCode.NOT_UP
    assert f"not taken: {path}:1: {says}" in done.err
    assert "registered shed" in done.out


def test_two_lines_with_one_port_give_it_to_the_first(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    path = keys(tmp_path, line(1, "office", 20101), line(2, "shed", 20101))

    done = imported(capsys, home, path, *SSHD)

    assert f"not taken: {path}:2: port 20101 belongs to node office, by {path}:1" in done.err
    assert list(read_registry(home / "nodes").nodes) == ["office"]


def test_thirty_devices_are_a_line_each_and_what_they_share_is_said_once(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "tunnels.txt"
    commands = [
        f"autossh -M 0 -N -o ServerAliveInterval=30 -R {20100 + n}:localhost:22 a@gw # roof-{n}"
        for n in range(30)
    ]
    listed.write_text("\n".join([*commands, "autossh -M 0 -N -R $PORT:localhost:22 a@gw"]))

    done = imported(capsys, home, str(listed))

    lines = done.out.splitlines()
    assert len(lines) == 30
    assert lines[7] == (
        f"{listed}:8: registered roof-7: port 20107 -> localhost:22, expecting open; logs in as"
        " a@gw:22"
    )
    err = [text for text in done.err.splitlines() if "warning" not in text]
    assert [text.split(":")[0] for text in err] == [
        "30 nodes",
        "30 nodes",
        "not taken",
        "registered 30 nodes; 1 not taken",
    ]
    assert f"not taken: {listed}:31: uses $PORT" in done.err


def test_a_command_line_is_imported_as_it_is_typed(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    command = ("--command", "autossh -M 0 -N -R 20101:localhost:22 a@gw")

    nameless = imported(capsys, home, *command)
    done = imported(capsys, home, *command, "--name", "office", *SSHD)

    assert nameless.code is ExitCode.NOT_UP
    assert "add --name NAME" in nameless.err
    assert done.out.startswith("--command: registered office: port 20101 -> localhost:22,")
    assert "expecting banner:SSH-" in done.out


def test_standard_input_is_a_file_too(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"config autossh\n\toption ssh '-R 20101:a:2 b@gw'\n\toption monitorport 0\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    done = imported(capsys, home, "-", "--name", "office")

    assert done.out.startswith("-: registered office: port 20101 -> a:2,")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give a file to import, or --command LINE"),
        (("-", "--public-key", "-"), "there is one standard input"),
        (("--command", "ssh -R 1:a:2 b", "--target", "7=a:2"), "about no port that these files"),
        (("--command", "ssh -R 1:a:2 b", "--target", "a:2,public"), "says too much"),
        (("--command", "ssh -R 1:a:2 b", "--target", "a"), "is not HOST:PORT"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    capsys: pytest.CaptureFixture[str], home: Path, words: tuple[str, ...], says: str
) -> None:
    done = imported(capsys, home, *words)

    assert done.code is ExitCode.USAGE
    assert says in done.err


def test_a_target_of_one_port_replaces_that_of_the_file(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    command = ("--command", "ssh -R 20101:localhost:22 -R 20102:localhost:22 a@gw")

    done = imported(
        capsys, home, *command, "--name", "x", "--target", "20102=nas:80,http", "--json"
    )

    document = json.loads(done.out)
    assert [(f["target"], f["expect"]) for f in document["nodes"][0]["forwards"]] == [
        ("localhost:22", "open"),
        ("nas:80", "http"),
    ]
    assert document["nodes"][0]["public_key"] == "shared"


def test_a_directory_stands_for_its_files_but_not_for_what_the_original_built(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    devices = tmp_path / "devices"
    devices.mkdir()
    (devices / ".hidden").write_text("x")
    (devices / "below").mkdir()
    for n, name in enumerate(("office", "shed")):
        (devices / f"{name}.service").write_text(
            f"[Service]\nExecStart=ssh -R 2010{n}:localhost:22 a@gw\n"
        )

    done = imported(capsys, home, str(devices), "--dry-run")

    assert done.code is ExitCode.OK
    assert [text.split(" ")[3] for text in done.out.splitlines()] == ["office:", "shed:"]


def test_a_node_is_as_old_as_the_oldest_tunnel_on_its_ports() -> None:
    office = node("office", 1, (20101, 20102))

    assert with_present_tunnels(office, {}).added_at == office.added_at
    since = {Port(20101): 5, Port(20102): 3, Port(20103): 1}
    assert with_present_tunnels(office, since).added_at == min(3, office.added_at)
