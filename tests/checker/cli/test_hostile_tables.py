"""Files for `node add --from` that are not tables of nodes, or ask for what another node has."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.adding_many import content_of
from checker.registry.node_table import MOST_BYTES, MOST_STRAY_CELLS, read_table
from checker.registry.reading import read_registry
from tests.checker.cli.homes import Run
from tests.host_keys import put_rsa_host_key
from tests.strategies import padded, public_key, rsa_key

HEAD = b"name,target,note,public-key\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"a," * 100_000, "columns, so it is not a table of nodes", id="columns"),
        pytest.param(HEAD + b"a,b:1\n" * 70_000, "has more than 65535 nodes", id="lines"),
        pytest.param(HEAD + b'a,b:1,"' + b"x\n" * 900_000, "closing quote", id="an open quote"),
        pytest.param(HEAD + b'"' * 900_000, "closing quote", id="only quotes"),
        pytest.param(HEAD + b"a\0b,x:1\n", "cannot name a node", id="NUL"),
        pytest.param(HEAD + b"=1+1,x:1\n", "cannot name a node", id="a formula"),
        pytest.param(HEAD + b"..,x:1\n", "cannot name a node", id="a path"),
        pytest.param(HEAD + b"check,x:1\n", "cannot name a node", id="a word of the protocol"),
        pytest.param(HEAD + b"a,x:1,\x1b[2J,\n", "note", id="escapes"),
        pytest.param(HEAD + b'a,x:1,,"ssh-ed25519 A\nssh-rsa B"\n', "key", id="two keys"),
        pytest.param(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9, "UTF-8", id="a program"),
        pytest.param(bytes(MOST_BYTES + 1), "is longer than 16 MiB", id="too long"),
    ],
)
def test_a_strange_table_is_refused_with_a_sentence(content: bytes, says: str) -> None:
    table = read_table(content)

    assert table.nodes == () or len(table.nodes) == 1
    assert says in table.problems[0].text
    assert all(one.text.isprintable() for one in table.problems)


def test_a_line_with_a_million_cells_is_one_bad_line() -> None:
    table = read_table(HEAD + b"a,b:1,,," + b"c," * 1_000_000 + b"\nd,e:1,,\n")

    assert [one.line for one in table.problems] == [2] * MOST_STRAY_CELLS
    assert [one.name for one in table.nodes] == ["d"]


def test_a_file_without_end_is_read_only_so_far(tmp_path: Path) -> None:
    assert len(content_of(Path("/dev/zero"))) == MOST_BYTES + 1


def test_a_pipe_and_a_link_are_read_like_a_file(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(HEAD))
    writer.start()

    assert content_of(link) == HEAD

    writer.join()


@pytest.mark.parametrize(
    "line",
    [
        f"b,x:1,,{padded(rsa_key(2048))}",
        f"b,x:1,,{rsa_key(2048)}",
        f"office-3,x:1,,{public_key(1)}",
        "a,x:1,,",
        "office,x:1,,",
    ],
    ids=["the same key with zeros", "the same key", "a node's key", "twice", "a node's name"],
)
def test_one_line_that_takes_from_another_keeps_all_out(
    checker: Run, office: Layout, tmp_path: Path, line: str
) -> None:
    put_rsa_host_key(office)
    table = tmp_path / "nodes.csv"
    table.write_bytes(HEAD + f"a,x:1,,{rsa_key(2048)}\n{line}\n".encode())
    before = office.authorized_keys.read_bytes()

    code, out, err = checker(
        "node", "add", "--from", str(table), "--output-dir", str(tmp_path / "keys")
    )

    assert (code, out) == (ExitCode.USAGE, "")
    assert "line 3: " in err
    assert set(read_registry(office.nodes).nodes) == {"office"}
    assert office.authorized_keys.read_bytes() == before
    assert not (tmp_path / "keys").exists()


def test_a_key_file_that_is_a_link_is_not_written_through(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    put_rsa_host_key(layout)
    (tmp_path / "nodes.csv").write_bytes(HEAD + b"a,x:1,,\n")
    (tmp_path / "a.key").symlink_to(tmp_path / "victim")

    code = checker(
        "node", "add", "--from", str(tmp_path / "nodes.csv"), "--output-dir", str(tmp_path)
    )[0]

    assert code == ExitCode.OK
    assert not (tmp_path / "victim").exists()
    assert stat.S_IMODE((tmp_path / "a-2.key").stat().st_mode) == 0o600
