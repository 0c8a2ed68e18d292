"""`node add --from FILE`: all nodes of a table are registered, or none."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.registry.enrolments import write_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from tests.checker.cli.homes import ERROR, Run, key_lines, registered, registry_events
from tests.enrolled import enrolment
from tests.host_keys import put_rsa_host_key
from tests.programs import require
from tests.strategies import public_key

TABLE = f"""name,target,expect,tags,note,public-key,port
attic,127.0.0.1:22,banner:SSH-2.0,site-a,key at the bakery,,
barn,127.0.0.1:22,banner:SSH-2.0,"site-a, spare",,,
shed,nas:443,tls,,,{public_key(7)} root@shed,20500
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of our own to type commands in, with the table in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nodes.csv").write_text(TABLE)
    put_rsa_host_key(layout)
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below, except what a run may always leave: the lock and the host keys."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock" and "ssh_host" not in path.name
    }


def test_all_nodes_of_a_table_are_added_with_their_keys(
    checker: Run, layout: Layout, place: Path
) -> None:
    require("ssh-keygen")

    code, out, err = checker("node", "add", "--from", "nodes.csv", "--output-dir", "keys")

    assert (code, err) == (ExitCode.OK, "3 nodes added\n")
    assert out.splitlines() == [
        (
            "registered attic: port 20000 -> 127.0.0.1:22, expecting banner:SSH-2.0; tags site-a;"
            " note 'key at the bakery'; wrote keys/attic.key"
        ),
        (
            "registered barn: port 20001 -> 127.0.0.1:22, expecting banner:SSH-2.0; tags site-a,"
            " spare; wrote keys/barn.key"
        ),
        "registered shed: port 20500 -> nas:443, expecting tls",
    ]
    assert registered(layout, "shed").public_key == public_key(7)
    assert len(key_lines(layout)) == 3
    for name in ("attic", "barn"):
        path = place / "keys" / f"{name}.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        said = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, check=True)
        assert said.stdout.decode().split() == registered(layout, name).public_key.split()
    assert not (place / "keys" / "shed.key").exists()
    assert [event.node for event in registry_events(layout)] == ["attic", "barn", "shed"]


def test_a_dry_run_shows_the_plan_and_does_nothing(checker: Run, place: Path) -> None:
    before = everything(place)

    code, out, err = checker("node", "add", "--from", "nodes.csv", "--dry-run", "--json")

    assert (code, err) == (ExitCode.OK, "3 nodes would be added\n")
    document = json.loads(out)
    assert (document["dry_run"], document["problems"]) == (True, [])
    assert [(one["name"], one["line"], one["file"]) for one in document["nodes"]] == [
        ("attic", 2, "attic.key"),
        ("barn", 3, "barn.key"),
        ("shed", 4, None),
    ]
    assert [one["public_key"] for one in document["nodes"]] == [None, None, public_key(7)]
    assert everything(place) == before


def test_one_bad_line_keeps_all_out_and_each_is_named(
    checker: Run, office: Layout, place: Path
) -> None:
    lines = [
        "office,x:1,tls,,,,",
        "attic,x:1,tls,,,,20010",
        "barn,x:1,tls,,,,20011",
        f"barn,x:1,tls,,,{public_key(1)},20011",
        "Roof,x,tls,,,,",
        f"a,x:1,tls,,,{public_key(8)},",
        f"b,x:1,tls,,,{public_key(8)},",
    ]
    (place / "nodes.csv").write_text("\n".join([TABLE.splitlines()[0], *lines]))
    before = everything(place)

    code, out, err = checker("node", "add", "--from", "nodes.csv")

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.splitlines() == [
        "nodes.csv: line 2: node office is registered already",
        "nodes.csv: line 3: port 20010 belongs to node office",
        "nodes.csv: line 5: node barn is on line 4 too",
        "nodes.csv: line 5: port 20011 is on line 4 too",
        "nodes.csv: line 5: that public key belongs to node office",
        (
            "nodes.csv: line 6: 'Roof' cannot name a node; use 1 to 63 of a-z 0-9 . - and begin"
            " with a letter or digit"
        ),
        "nodes.csv: line 6: target 'x' is not HOST:PORT; add the port, as in x:22",
        "nodes.csv: line 8: that public key is on line 7 too",
        f"{ERROR}nothing was added: 5 lines of nodes.csv cannot be used",
    ]
    assert everything(place) == before
    assert list(read_registry(office.nodes).nodes) == ["office"]


def test_the_key_of_an_enrolment_is_nobodys(checker: Run, layout: Layout, place: Path) -> None:
    with locked(layout):
        write_enrolment(layout, enrolment(public_key=public_key(9)))
    (place / "nodes.csv").write_text(f"name,target,public-key\na,x:1,{public_key(9)}\n")

    code, _, err = checker("node", "add", "--from", "nodes.csv")

    assert code == ExitCode.USAGE
    assert "line 2: that public key belongs to the enrolment field\n" in err


def test_the_problems_are_in_the_document_too(checker: Run, place: Path) -> None:
    (place / "nodes.csv").write_text("name,target\na,x\n")

    code, out, _ = checker("node", "add", "--from", "nodes.csv", "--json")

    assert code == ExitCode.USAGE
    document = json.loads(out)
    assert document["nodes"] == []
    assert [one["line"] for one in document["problems"]] == [2]


def test_a_table_may_come_from_stdin(
    checker: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = f"name;target;public key\noffice;127.0.0.1:22;{public_key(5)}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))

    code, _, err = checker("node", "add", "--from", "-")

    assert code == ExitCode.OK
    assert "1 node has a forward without an expected response" in err
    assert registered(layout).public_key == public_key(5)


def test_keys_that_are_kept_are_also_in_the_registry(
    checker: Run, layout: Layout, place: Path
) -> None:
    code, _, err = checker("node", "add", "--from", "nodes.csv", "--keep-key", "--key-type", "rsa")

    assert code == ExitCode.OK
    assert "the gateway keeps the private keys too" in err
    for name in ("attic", "barn"):
        kept = layout.nodes / f"{name}.key"
        assert kept.read_bytes() == (place / f"{name}.key").read_bytes()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert registered(layout, name).public_key.startswith("ssh-rsa ")


def test_a_key_file_that_exists_is_left_alone(checker: Run, place: Path) -> None:
    (place / "attic.key").write_text("in use")

    out = checker("node", "add", "--from", "nodes.csv")[1]

    assert "wrote attic-2.key" in out
    assert (place / "attic.key").read_text() == "in use"


def test_nothing_is_left_if_a_file_cannot_be_written(
    checker: Run, layout: Layout, place: Path
) -> None:
    layout.authorized_keys.mkdir(parents=True)  # the last file to be written
    (layout.authorized_keys / "here").write_text("")
    before = everything(place)

    code, _, err = checker("node", "add", "--from", "nodes.csv", "--output-dir", "keys/new")

    assert code == ExitCode.USAGE
    assert err.startswith(ERROR)
    assert everything(place) == before
    assert not (place / "keys" / "new").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["office", "--from", "nodes.csv"], "NODE is for one node; in nodes.csv, use the column"),
        (["--from", "nodes.csv", "--tag", "a"], "--tag is for one node"),
        (["--from", "nodes.csv", "--gateway", "gw:22"], "run afterwards: reversi-client build"),
        (["office"], "name a NODE and its --forward"),
        (["--forward", "x:22"], "name a NODE and its --forward"),
        (["office", "--forward", "x:22", "--output-dir", "keys"], "--output-dir is for --from"),
        (["--from", "nowhere.csv"], "nowhere.csv: cannot be read (No such file or directory)"),
        (["--from", "."], "cannot be read (Is a directory)"),
    ],
)
def test_arguments_for_one_node_and_for_many_do_not_mix(
    checker: Run, words: list[str], says: str
) -> None:
    code, _, err = checker("node", "add", *words)

    assert code == ExitCode.USAGE
    assert says in err
