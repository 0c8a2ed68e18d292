"""Importing the original's .rev files: `checker.control.importing`, and `node import`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import home_layout
from checker.control.import_plan import Places
from checker.control.importing import files_at
from checker.model import NodeName
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from tests.checker.registry.rev_homes import OFFICE, cli, imported, rev, shared_home
from tests.strategies import node, public_key

REV = Path(__file__).parents[2] / "data" / "rev"
REGISTRY = Registry(nodes=MappingProxyType({node().name: node()}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return shared_home(tmp_path)


def test_import_registers_and_gives_the_ports_to_the_shared_key(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    rev(tmp_path, "a", reversiport=50001)
    rev(tmp_path, "b", reversiport=61000)

    done = cli(capsys, home, "node", "import", str(tmp_path))

    assert done.code is ExitCode.OK, done.err
    assert [
        str(f)
        for node in read_registry(home / "nodes").nodes.values()
        for f in (node.name, node.forwards[0].port)
    ] == ["a", "50001", "b", "61000"]
    (line,) = home_layout(home).authorized_keys.read_text().splitlines()
    assert line.endswith(f"{public_key(9)} reversi:*")
    assert all(f'permitlisten="localhost:{port}"' in line for port in (50000, 50001, 50999, 61000))
    assert "61001" not in line
    assert "--node '*'" in line


def test_a_dry_run_reports_the_same_and_registers_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    path = rev(tmp_path, "a", mretrysecs=60, huh=1)
    other = rev(tmp_path, "b", reversiport=0)

    done = cli(capsys, home, "node", "import", "--dry-run", "--json", str(path), str(other))

    assert done.code is ExitCode.NOT_UP
    document = json.loads(done.out)
    assert document["schema"] == 1
    assert document["dry_run"] is True
    assert document["nodes"][0]["name"] == "a"
    assert [(note["file"], note["line"]) for note in document["notes"]] == [
        (str(path), 6),
        (str(path), 7),
    ]
    assert [(one["file"], one["line"]) for one in document["problems"]] == [(str(other), 2)]
    assert not (home / "nodes" / "a.toml").exists()


@pytest.mark.parametrize(
    ("name", "port", "says"),
    [
        pytest.param("first", 50077, "node first is registered already", id="name"),
        pytest.param("second", 50001, "port 50001 belongs to node first", id="port"),
    ],
)
def test_a_taken_name_or_port_is_not_imported(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, name: str, port: int, says: str
) -> None:
    (home / "nodes").mkdir()
    first = rev(tmp_path, "first", reversiport=50001)
    assert cli(capsys, home, "node", "import", str(first)).code is ExitCode.OK

    done = cli(capsys, home, "node", "import", str(rev(tmp_path, name, reversiport=port)))

    assert done.code is ExitCode.NOT_UP
    assert says in done.err
    assert str(tmp_path / f"{name}.rev") in done.err
    assert list(read_registry(home / "nodes").nodes) == ["first"]


def test_duplicates_within_an_import_name_the_file_that_came_first(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    rev(tmp_path, "a")
    rev(tmp_path, "b")
    rev(tmp_path, "c", nodename="a", reversiport=50011)

    done = cli(capsys, home, "node", "import", str(tmp_path))

    assert done.code is ExitCode.NOT_UP
    assert f"port 50010 belongs to node a, by {tmp_path / 'a.rev'}" in done.err
    assert f"node a is in {tmp_path / 'a.rev'} too" in done.err
    assert list(read_registry(home / "nodes").nodes) == ["a"]


def test_import_does_not_wait_for_a_pipe(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    os.mkfifo(folder / "a.rev")
    (folder / "b.rev").write_text(OFFICE)

    assert run(["--home", str(home), "node", "import", str(folder)]) == ExitCode.NOT_UP

    said = capsys.readouterr()
    assert f"not taken: {folder / 'a.rev'}: is not a regular file" in said.err
    assert "registered office" in said.out


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(True, "has no file", id="empty"),
        pytest.param(False, "cannot be read", id="none"),
    ],
)
def test_a_path_without_a_file_is_reported(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, make: bool, says: str
) -> None:
    path = tmp_path / "sources"
    if make:
        path.mkdir()

    done = cli(capsys, home, "node", "import", str(path))

    assert done.code is ExitCode.NOT_UP
    assert says in done.err


def test_each_file_of_the_originals_template_is_one_line_and_no_fault(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    names = ("capitals", "crlf", "null", "same-but-lower", "space-in-name", "template-as-it-is")

    done = imported(capsys, home, *(str(REV / f"{name}.rev") for name in names))

    assert done.code is ExitCode.OK
    lines = done.out.splitlines()
    assert [line.partition(": registered ")[0] for line in lines] == [
        str(REV / f"{name}.rev") for name in names
    ]
    assert "calls itself Office_Router" in lines[0]
    assert "this device's own script must be changed" in lines[4]
    nodes = read_registry(home / "nodes").nodes
    assert {node.calls_itself or node.name: node.ports for node in nodes.values()} == {
        "Office_Router": (50124,),
        "office-router": (50125,),
        "office-crlf": (50301,),
        "nulldev": (50203,),
        "Roof 3": (50302,),
        "NODE_NAME_HERE": (55555,),
    }
    assert str(nodes[NodeName("nulldev")].forwards[0].expect) == "open"
    assert "localhost:55555" in home_layout(home).authorized_keys.read_text()
    for word in ("Office", "Roof", "NODE_NAME"):
        assert word not in home_layout(home).authorized_keys.read_text()


def test_devices_that_call_themselves_the_same_become_nodes_of_their_own(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    for port in (50001, 50002):
        rev(tmp_path, f"a{port}", nodename="NODE_NAME_HERE", reversiport=port)
    rev(tmp_path, "b", reversiport=50003)
    same = rev(tmp_path, "c", nodename="b", reversiport=50004)

    assert imported(capsys, home, str(tmp_path)).code is ExitCode.NOT_UP
    assert imported(capsys, home, str(same), "--name", "other").code is ExitCode.OK

    nodes = read_registry(home / "nodes").nodes.values()
    assert {(node.name, node.calls_itself) for node in nodes} == {
        ("node-name-here-50001", "NODE_NAME_HERE"),
        ("node-name-here-50002", "NODE_NAME_HERE"),
        ("b", ""),
        ("other", "b"),
    }


def test_two_files_with_one_port_name_each_other_and_lose_nothing_else(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    done = imported(capsys, home, *(str(REV / f"port-twice-{one}.rev") for one in "ab"))

    assert done.code is ExitCode.NOT_UP
    (line,) = [line for line in done.err.splitlines() if line.startswith("not taken: ")]
    assert line == (
        f"not taken: {REV / 'port-twice-b.rev'}: port 50300 belongs to node office-a, by"
        f" {REV / 'port-twice-a.rev'}"
    )
    assert list(read_registry(home / "nodes").nodes) == ["office-a"]


def test_a_file_that_is_not_taken_says_which_lines_were_not_understood(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.rev"
    path.write_text(OFFICE.replace("fwdport:", "fwdprot:"))

    done = imported(capsys, home, str(path))

    assert done.code is ExitCode.NOT_UP
    assert (
        f"not taken: {path}: fwdport is missing; line 6: unknown key 'fwdprot'; did you mean"
        " 'fwdport'?"
    ) in done.err


def test_a_node_gets_the_name_that_the_admin_gives_it(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    done = imported(capsys, home, str(REV / "capitals.rev"), "--name", "lobby")

    assert done.code is ExitCode.OK, done.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert (node.name, node.calls_itself) == ("lobby", "Office_Router")

    done = imported(capsys, home, str(REV), "--name", "all")
    assert (done.code, "about one node" in done.err) == (ExitCode.USAGE, True)


def test_a_name_or_port_is_taken_by_the_registry_or_an_earlier_file() -> None:
    places = Places(REGISTRY)
    attic = node("attic", 2, (20011,))
    same = node("attic", 3, (20012,))

    assert places.rival(node("office", 3, (20012,))) == "node office is registered already"
    assert places.rival(node("barn", 3, (20010,))) == "port 20010 belongs to node office"
    assert places.rival(attic) == ""

    places.take(attic, Path("a.rev"))

    assert places.rival(attic) == "port 20011 belongs to node attic, by a.rev"
    assert places.rival(same).startswith("node attic is in a.rev too; import this file alone")
    assert places.rival(node("barn", 2, (20013,))) == "its key belongs to node attic, by a.rev"
    assert places.rival(node("barn", 1, (20013,))) == "its key belongs to node office"
    assert places.rival(node("barn", 3, (20011,))) == "port 20011 belongs to node attic, by a.rev"


def test_each_file_is_read_once_and_an_empty_directory_is_remarked_on(tmp_path: Path) -> None:
    (tmp_path / "a.rev").touch()
    (tmp_path / "empty").mkdir()

    files, remarks = files_at([tmp_path, tmp_path / "a.rev", tmp_path / "empty"])

    assert files == [tmp_path / "a.rev"]
    assert [str(remark) for remark in remarks] == [f"{tmp_path / 'empty'}: has no file"]


def test_the_files_below_a_directory_are_read_too(tmp_path: Path) -> None:
    wanted = ("barn.sh", "original/a.rev", "roof/etc/config/autossh")
    for name in (*wanted, ".hidden/b.sh", ".c.sh", "original/a.sh", "original/built/a.sh"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / "roof/again").symlink_to(tmp_path)

    files, remarks = files_at([tmp_path])

    assert remarks == []
    assert files == [tmp_path / name for name in wanted]
