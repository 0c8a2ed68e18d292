"""The original's .rev files: what is read of them, what is remarked, and what registering many of
them comes to.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import home_layout
from checker.control.adoption import NotSeen, targets_in, to_be_adopted, usual_target
from checker.model import (
    SHARED_KEY,
    Expect,
    ExpectKind,
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Target,
    Unregistered,
)
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.nodes import Registry, SharedKeyTaken
from checker.registry.reading import read_registry
from checker.registry.rev_files import (
    MOST_BYTES,
    TAKEN,
    WITHOUT_COUNTERPART,
    LineRefused,
    RevFile,
    Value,
    node_from,
    read_rev,
)
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.strategies import node, public_key

OFFICE = """\
# the office's router
nodename:office
reversiport:50010
fwdhost:192.168.1.1

fwdport:22
fwdportstr:SSH-2.0-dropbear
mretrysecs:60
"""


def read(text: str) -> RevFile:
    return read_rev(text.encode(), added_at=7)


def problems(text: str) -> list[tuple[int, str]]:
    return [(remark.line, remark.text) for remark in read(text).problems]


def test_a_file_is_a_node_without_a_key_of_its_own() -> None:
    found = read(OFFICE)

    assert found.node == Node(
        name=NodeName("office"),
        public_key=SHARED_KEY,
        added_at=7,
        forwards=(
            Forward(
                node=NodeName("office"),
                port=Port(50010),
                target=Target(host="192.168.1.1", port=Port(22)),
                expect=Expect(kind=ExpectKind.BANNER, text="SSH-2.0-dropbear"),
            ),
        ),
    )
    assert found.problems == ()
    assert [(note.line, note.text.split()[0]) for note in found.notes] == [(8, "mretrysecs")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(OFFICE.replace("\n", "\r\n"), id="crlf"),
        pytest.param("\ufeff" + OFFICE, id="byte-order-mark"),
        pytest.param(OFFICE.replace(":", " : "), id="spaces"),
        pytest.param(OFFICE.rstrip(), id="no-last-newline"),
    ],
)
def test_a_file_from_any_editor_reads_the_same(text: str) -> None:
    assert read(text).node == read(OFFICE).node


def test_a_value_may_hold_colons() -> None:
    node = read(
        OFFICE.replace("SSH-2.0-dropbear", "HTTP/1.1: ok").replace("192.168.1.1", "fe80::1")
    ).node

    assert node is not None
    assert node.forwards[0].expect.text == "HTTP/1.1: ok"
    assert node.forwards[0].target == Target(host="fe80::1", port=Port(22))


@pytest.mark.parametrize("key", sorted(WITHOUT_COUNTERPART))
def test_a_known_key_without_counterpart_is_a_note(key: str) -> None:
    found = read(f"{OFFICE}{key}:x:y\n")

    assert found.problems == ()
    assert found.notes[-1].line == 9
    assert found.node is not None


@pytest.mark.parametrize(
    ("said", "public"),
    [
        pytest.param("1", True, id="yes"),
        pytest.param("0", False, id="no"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_port_that_was_open_to_all_is_public(said: str, public: bool) -> None:
    node = read(f"{OFFICE}allowinternet:{said}\n").node

    assert node is not None
    assert node.forwards[0].public is public


@pytest.mark.parametrize("line", ["", "fwdportstr:\n", "fwdportstr:***\n", "fwdportstr:NULL\n"])
def test_without_a_response_to_expect_it_is_open_and_said_so(line: str) -> None:
    found = read(OFFICE.replace("fwdportstr:SSH-2.0-dropbear\n", line))

    assert found.node is not None
    assert found.node.forwards[0].expect.kind is ExpectKind.OPEN
    assert "can not see a hang" in found.notes[-1].text


def test_of_a_key_said_twice_the_last_counts() -> None:
    found = read(f"{OFFICE}reversiport:50099\n")

    assert found.node is not None
    assert found.node.forwards[0].port == 50099
    assert "line 9" in found.notes[-1].text


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(OFFICE + "hello\n", 9, "is not key:value", id="no-colon"),
        pytest.param(OFFICE + "fwdprot:22\n", 9, "did you mean 'fwdport'?", id="misspelt"),
        pytest.param(OFFICE + "x:\x1b[31m\n", 9, "can not be printed", id="control"),
        pytest.param(OFFICE + f"x:{'y' * 501}\n", 9, "too long", id="long"),
    ],
)
def test_a_line_that_is_not_understood_does_not_stop_the_rest(
    text: str, line: int, says: str
) -> None:
    assert [number for number, sentence in problems(text) if says in sentence] == [line]
    assert read(text).node == read(OFFICE).node


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param(
            "nodename:office", "nodename:Office", 2, "'Office' can not name a node", id="name"
        ),
        pytest.param("nodename:office", "nodename:check", 2, "word of the protocol", id="verb"),
        pytest.param(
            "reversiport:50010", "reversiport:0", 3, "reversiport '0' is not a port", id="port"
        ),
        pytest.param(
            "fwdport:22", "fwdport:ssh", 6, "fwdport 'ssh' is not a port", id="target-port"
        ),
        pytest.param("fwdhost:192.168.1.1", "fwdhost:a b", 4, "is not HOST:PORT", id="host"),
        pytest.param("nodename:office\n", "", 0, "nodename is missing", id="missing"),
        pytest.param("mretrysecs:60", "allowinternet:maybe", 8, "neither 1 nor 0", id="flag"),
    ],
)
def test_a_value_that_can_not_be_costs_the_node_and_names_its_line(
    old: str, new: str, line: int, says: str
) -> None:
    found = read(OFFICE.replace(old, new))

    assert found.node is None
    assert [remark.line for remark in found.problems] == [line]
    assert says in found.problems[0].text


def test_a_refused_line_is_told_by_its_number() -> None:
    with pytest.raises(LineRefused) as caught:
        node_from({key: Value(line=3, text="") for key in TAKEN}, [], 0)

    assert caught.value.line == 0


def test_a_large_file_is_no_rev_file() -> None:
    found = read_rev(b"#" * (MOST_BYTES + 1), added_at=0)

    assert found.node is None
    assert "too long" in found.problems[0].text


keys = st.sampled_from([*TAKEN, *WITHOUT_COUNTERPART]) | st.text(max_size=12)
values = st.text(max_size=40) | st.integers(-1, 70000).map(str) | st.just("office")
lines = st.tuples(keys, st.sampled_from([":", "", " : "]), values).map("".join)
files = st.lists(lines, max_size=20).map(
    lambda found: "\n".join(found).encode("utf-8", "surrogatepass")
)


@given(st.binary(max_size=400) | files)
@example(b"\xff\xfe\x00:\x00")
@example(OFFICE.encode().replace(b"50010", "٥٠".encode()))
def test_whatever_a_file_holds_reading_it_does_not_fail(content: bytes) -> None:
    found = read_rev(content, added_at=0)

    assert found.node is not None or found.problems
    highest = len(content.decode("utf-8", "replace").splitlines()) + content.count(b"\r") + 1
    assert all(0 <= remark.line <= highest for remark in (*found.notes, *found.problems))
    assert found.node is None or found.node.public_keys == ()


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: ExitCode
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    (place / "reversi.toml").write_text(
        f'[shared_key]\nenabled = true\npublic_key = "{public_key(9)}"\n'
    )
    return place


def rev(folder: Path, name: str, **values: str | int) -> Path:
    """A file of the original's."""
    said = {
        "nodename": name,
        "reversiport": 50010,
        "fwdhost": "127.0.0.1",
        "fwdport": 22,
        "fwdportstr": "SSH-2.0",
        **values,
    }
    path = folder / f"{name}.rev"
    path.write_text("".join(f"{key}:{value}\n" for key, value in said.items()))
    return path


def cli(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> Ran:
    code = run(["--home", str(home), *arguments])
    captured = capsys.readouterr()
    return Ran(code=code, out=captured.out, err=captured.err)


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

    done = cli(capsys, home, "node", "import", "--dry-run", "--json", str(path))

    assert done.code is ExitCode.NOT_UP
    document = json.loads(done.out)
    assert document["schema"] == 1
    assert document["dry_run"] is True
    assert document["nodes"][0]["name"] == "a"
    assert [(note["file"], note["line"]) for note in document["notes"]] == [(str(path), 6)]
    assert [(one["file"], one["line"]) for one in document["problems"]] == [(str(path), 7)]
    assert not (home / "nodes" / "a.toml").exists()


@pytest.mark.parametrize(
    ("name", "port", "says"),
    [
        pytest.param("first", 50077, "node first is registered already", id="name"),
        pytest.param("second", 50001, "port 50001 belongs to node first", id="port"),
    ],
)
def test_what_the_registry_has_is_not_taken_again(
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


def test_a_pipe_among_the_files_is_not_waited_for(
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
        pytest.param(True, "has no .rev file", id="empty"),
        pytest.param(False, "cannot be read", id="none"),
    ],
)
def test_a_path_that_leads_to_no_file_is_told(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, make: bool, says: str
) -> None:
    path = tmp_path / "sources"
    if make:
        path.mkdir()

    done = cli(capsys, home, "node", "import", str(path))

    assert done.code is ExitCode.NOT_UP
    assert says in done.err


def test_adopting_gives_an_imported_node_a_key_and_leaves_the_shared_one(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    public = tmp_path / "a.pub"
    public.write_text(public_key(5))

    done = cli(capsys, home, "node", "adopt", "a", "--public-key", str(public), "--json")

    assert done.code is ExitCode.OK, done.err
    node = json.loads(done.out)["node"]
    assert (node["public_key"], node["next_key"]) == (SHARED_KEY, public_key(5))
    lines = home_layout(home).authorized_keys.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["reversi:a", "reversi:*"]
    assert all('permitlisten="localhost:50010"' in line for line in lines)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("nobody",), "no device calls itself 'nobody'", id="never-seen"),
        pytest.param(
            ("a", "--target", "127.0.0.1:80"),
            "to change that, run: reversi-checker node set a",
            id="target-of-a-registered-node",
        ),
        pytest.param(
            ("a", "--public-key", "SHARED"),
            "that public key is the shared one",
            id="the-shared-key-itself",
        ),
        pytest.param(("own",), "reversi-checker node rekey own", id="a-key-of-its-own"),
    ],
)
def test_what_can_not_be_adopted(
    capsys: pytest.CaptureFixture[str],
    home: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    says: str,
) -> None:
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    public = tmp_path / "own.pub"
    public.write_text(public_key(5))
    cli(
        capsys, home, "node", "add", "own", "--forward", "127.0.0.1:22", "--public-key", str(public)
    )

    shared = tmp_path / "shared.pub"
    shared.write_text(public_key(9))

    done = cli(
        capsys,
        home,
        "node",
        "adopt",
        *(str(shared) if word == "SHARED" else word for word in words),
    )

    assert done.code is ExitCode.USAGE
    assert says in done.err


def seen(home: Path, *devices: Unregistered) -> None:
    """A gateway that ran, and its state file, which lists these devices."""
    (home / "nodes").mkdir(exist_ok=True)
    store = open_store(home / "state.db")
    store.write(Batch(unregistered=devices))
    store.close()


def device(port: int, expect: Expect, name: str = "office") -> Unregistered:
    return Unregistered(
        node=NodeName(name), port=Port(port), expect=expect, first_at=1.0, last_at=2.0
    )


SSH = Expect(kind=ExpectKind.BANNER, text="SSH-2.0")
WEB = Expect(kind=ExpectKind.BANNER, text="HTTP/1.1")


def test_who_was_never_seen_can_not_be_adopted(home: Path) -> None:
    with pytest.raises(NotSeen, match="no device calls itself 'office'"):
        to_be_adopted([], home_layout(home), Registry(), NodeName("office"))


def test_adopting_keeps_ports_and_expectations(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    seen(home, device(50010, SSH), device(50011, WEB), device(50012, SSH, "other"))
    config = tmp_path / "office.toml"

    done = cli(
        capsys,
        home,
        "node",
        "adopt",
        "office",
        "--target",
        "50011=10.0.0.9:80",
        "--client-config",
        str(config),
        "--gateway",
        "gateway.example.org:22",
    )

    assert done.code is ExitCode.OK, done.err
    node = read_registry(home / "nodes").nodes[NodeName("office")]
    assert [(f.port, str(f.target), f.expect) for f in node.forwards] == [
        (50010, "127.0.0.1:22", SSH),
        (50011, "10.0.0.9:80", WEB),
    ]
    assert node.is_shared
    assert node.next_key is not None
    assert (
        config.with_name("office.toml.key")
        .read_bytes()
        .startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    )
    listed = json.loads(cli(capsys, home, "node", "list", "--json").out)["unregistered"]
    wanted = ("node", "port", "target", "first_at", "last_at")
    assert [tuple(one[key] for key in wanted) for one in listed] == [
        ("other", 50012, None, 1.0, 2.0)
    ]


def test_status_shows_what_is_not_registered(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    seen(home, device(50010, SSH), device(50011, WEB, "other"))

    document = json.loads(cli(capsys, home, "status", "--json", "other").out)
    text = cli(capsys, home, "status").out

    assert [one["node"] for one in document["unregistered"]] == ["other"]
    assert set(document["unregistered"][0]) >= {
        "status",
        "detail",
        "pid",
        "kills",
        "first_at",
        "last_at",
    }
    assert document["tunnels"] == []
    assert [line.split()[:3] for line in text.splitlines()[1:]] == [
        ["office", "50010", "unregistered"],
        ["other", "50011", "unregistered"],
    ]


def test_a_target_that_can_not_be_guessed_must_be_given() -> None:
    assert usual_target(device(50010, SSH).forward) == Target(host="127.0.0.1", port=Port(22))
    with pytest.raises(InvalidValue, match="--target 50011=HOST:PORT"):
        usual_target(device(50011, WEB).forward)


@pytest.mark.parametrize("text", ["50012=127.0.0.1:1", "127.0.0.1:1"])
def test_a_target_is_about_one_of_the_nodes_ports(text: str) -> None:
    with pytest.raises(InvalidValue, match="50010, 50011"):
        targets_in([text], [device(50010, SSH).forward, device(50011, WEB).forward])


def test_no_node_gets_the_key_of_all(home: Path) -> None:
    layout = home_layout(home)

    with pytest.raises(SharedKeyTaken, match="node office needs a key of its own"):
        add(layout, node(number=9), gate_command(layout))
