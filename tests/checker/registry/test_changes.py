"""The registry: files that are as they must be, files that are not, and that writing is whole or
not at all.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checker.config.files import write_atomically
from checker.config.layout import Layout, home_layout
from checker.config.toml_file import ConfigError
from checker.model import (
    Expect,
    ExpectKind,
    Forward,
    ForwardRequest,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Target,
)
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.changes import add, change, remove, use_new_key
from checker.registry.edits import renamed
from checker.registry.file_stamps import stamp
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.node_file import forward_from, node_toml, read_node
from checker.registry.nodes import (
    KeyTaken,
    NameTaken,
    PortsUsedUp,
    PortTaken,
    PortTwice,
    Registry,
    UnknownNode,
    allot,
    conflict,
    renames,
)
from checker.registry.reading import Cache, read_registry
from tests.strategies import OFFICE, names, node, ports, public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
TARGET = Target(host="127.0.0.1", port=Port(22))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path / "home")


def write(layout: Layout, name: str, text: str | bytes) -> Path:
    layout.nodes.mkdir(parents=True, exist_ok=True)
    path = layout.nodes / f"{name}.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def node_text(number: int = 1, port: int = 20010, more: str = "") -> str:
    return (
        f'public_key = "{public_key(number)}"\n[[forward]]\nport = {port}\ntarget ='
        f' "127.0.0.1:22"\n{more}'
    )


plain = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=" "),
    min_size=1,
    max_size=12,
)
expects = st.one_of(
    st.sampled_from([ExpectKind.HTTP, ExpectKind.TLS, ExpectKind.OPEN]).map(
        lambda kind: Expect(kind=kind)
    ),
    plain.map(lambda text: Expect(kind=ExpectKind.BANNER, text=f"a{text}")),
    st.builds(Expect, kind=st.just(ExpectKind.SEND), send=plain, text=plain),
)
targets = st.builds(
    Target, host=st.sampled_from(["10.0.0.1", "nas.lan", "fe80::1%eth0", "::1"]), port=ports
)


days = st.dates(min_value=date(2000, 1, 1)).map(str)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    name = draw(names)
    taken = draw(st.lists(ports, unique=True, max_size=4))
    deadlines = st.none() | st.floats(0.5, 60)
    forwards = tuple(
        Forward(
            node=name,
            port=port,
            target=draw(targets),
            expect=draw(expects),
            deadline_s=draw(deadlines),
            public=draw(st.booleans()),
        )
        for port in taken
    )
    number = draw(st.integers(0, 2**31))
    return Node(
        name=name,
        public_key=public_key(number),
        forwards=forwards,
        added_at=draw(st.integers(0, 2**40)),
        enabled=draw(st.booleans()),
        expires=draw(st.none() | days),
        next_key=draw(st.none() | st.just(public_key(number + 1))),
    )


@given(nodes())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_node_is_read_back_from_its_file(layout: Layout, one: Node) -> None:
    path = write(layout, one.name, node_toml(one))

    assert read_node(path) == one


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"forward = [1]")
@example(b"public_key = 5")
@example(('public_key = "ssh-ed25519 ключ"').encode())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_node_or_a_config_error(layout: Layout, content: bytes) -> None:
    path = write(layout, "office", content)

    try:
        read_node(path)
    except ConfigError as error:
        refused = str(error)
    else:
        return

    assert refused.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("office", "", "public_key must be a text", id="empty"),
        pytest.param(
            "office",
            'public_kye = "x"',
            "public_key is missing: unknown key 'public_kye' (did you mean 'public_key'?)",
            id="nearest",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forwards]]\nport = 20010\ntarget = "x:1"',
            "forward is missing: unknown key 'forwards' (did you mean 'forward'?)",
            id="plural",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\nforward = 1',
            "forward must be a list of tables; write [[forward]]",
            id="no list",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\nforward = [1]',
            "forward 1: must be a table",
            id="no table",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forward]]\nport = 20010',
            "forward 1: target is missing",
            id="no target",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forward]]\ntarget = "x:1"',
            "forward 1: port is missing",
            id="no port",
        ),
        pytest.param(
            "office",
            node_text(port=70000),
            "forward 1: port must be a whole number from 1 to 65535",
            id="port too high",
        ),
        pytest.param(
            "office",
            node_text(more='expect = "ftp"'),
            "forward 1: expect 'ftp' is not known",
            id="expect",
        ),
        pytest.param(
            "office",
            node_text(more="deadline_s = 0"),
            "forward 1: deadline_s must be a number from 0.5 to 60",
            id="deadline",
        ),
        pytest.param(
            "office",
            "added_at = -1\n" + node_text(),
            "added_at must be a whole number",
            id="added_at",
        ),
        pytest.param("office", 'public_key = "ssh-ed25519 AAAA"', "is not whole", id="key"),
        pytest.param(
            "office",
            'enabled = "no"\n' + node_text(),
            "enabled must be true or false, not 'no'",
            id="enabled",
        ),
        pytest.param(
            "office",
            'expires = "2026-02-30"\n' + node_text(),
            "'2026-02-30' is not a day; write YYYY-MM-DD",
            id="no such day",
        ),
        pytest.param(
            "office",
            "expires = 2026-02-03T04:05:06\n" + node_text(),
            "is not a day; write YYYY-MM-DD",
            id="a time of day",
        ),
        pytest.param(
            "office", 'next_key = "x"\n' + node_text(), "not a public key: 'x'", id="next key"
        ),
        pytest.param(
            "office",
            node_text(more="public = 1"),
            "forward 1: public must be true or false, not 1",
            id="public",
        ),
        pytest.param("check", node_text(), "a word of the protocol", id="a word of the protocol"),
        pytest.param("Of Fice", node_text(), "can not name a node", id="name"),
    ],
)
def test_a_broken_file_is_named_and_leaves_the_good_ones(
    layout: Layout, name: str, text: str, says: str
) -> None:
    write(layout, "good", node_text(2, 20020))
    path = write(layout, name, text)

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["good"]
    assert registry.broken == {name}
    assert len(registry.problems) == 1
    assert registry.problems[0].startswith(f"{path}: ")
    assert says in registry.problems[0]


def test_a_file_that_takes_anothers_port_or_key_is_left_out_and_told_of(layout: Layout) -> None:
    write(layout, "a", node_text(1, 20010))
    write(layout, "b", node_text(2, 20010))
    write(layout, "c", node_text(1, 20011))
    write(layout, "d", node_text(3, 20013) + '[[forward]]\nport = 20013\ntarget = "x:1"')

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["a"]
    assert ["belongs to node a" in problem for problem in registry.problems] == [True, True, False]
    assert "asks for port 20013 twice" in registry.problems[2]


def test_a_cache_reads_what_changed_and_forgets_nothing_else(layout: Layout) -> None:
    write(layout, "a", node_text(1, 20010))
    cache: Cache = {}
    first = read_registry(layout.nodes, cache)

    write(layout, "a", node_text(1, 20011, 'expect = "tls"\n'))
    write(layout, "b", node_text(2, 20012))

    again = read_registry(layout.nodes, cache)
    assert [forward.port for forward in first.forwards] == [20010]
    assert [forward.port for forward in again.forwards] == [20011, 20012]
    assert again.nodes == read_registry(layout.nodes).nodes


def test_hidden_files_and_others_are_no_nodes(layout: Layout) -> None:
    path = write(layout, "a", node_text())
    (layout.nodes / ".#a.toml").symlink_to("nowhere")
    (layout.nodes / "README").write_text("x")

    assert list(read_registry(layout.nodes).nodes) == ["a"]
    assert [name for name, *_ in stamp(layout.nodes)] == [path.name]


def test_a_folder_that_is_not_there_is_an_empty_registry(layout: Layout) -> None:
    assert read_registry(layout.nodes) == Registry()
    assert stamp(layout.nodes) == ()


def test_a_folder_that_can_not_be_listed_does_not_pass_for_an_empty_registry(
    layout: Layout,
) -> None:
    layout.nodes.parent.mkdir()
    layout.nodes.write_text("a file")

    with pytest.raises(ConfigError, match="can not be listed"):
        read_registry(layout.nodes)
    assert stamp(layout.nodes) == ()


def test_the_stamp_differs_once_a_file_changes(layout: Layout) -> None:
    path = write(layout, "a", node_text())
    (layout.nodes / "link.toml").symlink_to(layout.nodes / "gone")
    before = stamp(layout.nodes)

    path.write_text(node_text(more='expect = "tls"'))

    assert stamp(layout.nodes) != before


def test_a_port_is_allotted_from_the_lowest_free_one() -> None:
    registry = Registry(nodes={"a": node("a", ports=(20000, 20002))})  # type: ignore[arg-type]
    asked = ForwardRequest(port=None, target=TARGET)

    forwards = allot(
        registry,
        OFFICE,
        [asked, replace(asked, port=Port(20001)), asked],
        range(20000, 20010),
        deadline_s=2.5,
    )

    assert [forward.port for forward in forwards] == [20003, 20001, 20004]
    assert {forward.deadline_s for forward in forwards} == {2.5}


def test_a_range_without_a_free_port_is_told() -> None:
    registry = Registry(nodes={"a": node("a", ports=(20000,))})  # type: ignore[arg-type]

    with pytest.raises(
        PortsUsedUp,
        match=r"every port from 20000 to 20000 is allotted; widen ports in reversi.toml",
    ):
        allot(registry, OFFICE, [ForwardRequest(port=None, target=TARGET)], range(20000, 20001))


def test_the_registry_finds_nodes_and_owners() -> None:
    registry = Registry(nodes={"a": node("a", ports=(20000,))})  # type: ignore[arg-type]

    owner = registry.owner(20000)
    assert owner is not None
    assert owner.name == "a"
    assert registry.owner(20001) is None
    with pytest.raises(UnknownNode, match="there is no node 'b'"):
        registry.node("b")


def test_what_stands_in_the_way_of_a_node_names_the_holder() -> None:
    there = [node("a", 1, (20010,))]

    assert conflict(node("b", 2, (20011,)), there) is None
    assert isinstance(conflict(node("a", 2, (20011,)), there), NameTaken)
    assert isinstance(conflict(node("b", 2, (20011, 20011)), there), PortTwice)
    taken = conflict(node("b", 2, (20010,)), there)
    assert isinstance(taken, PortTaken)
    assert (
        str(taken)
        == "port 20010 belongs to node a; choose another, or run: reversi-checker node remove a"
    )
    key = conflict(node("b", 1, (20011,)), there)
    assert isinstance(key, KeyTaken)
    assert "belongs to node a" in str(key)


def test_a_node_that_is_added_gets_its_file_and_its_key_line(layout: Layout) -> None:
    add(layout, node(), COMMAND)

    assert read_registry(layout.nodes).nodes == {"office": node()}
    assert layout.authorized_keys.read_text().endswith("reversi:office\n")


@pytest.mark.parametrize(
    ("other", "error"),
    [
        pytest.param(node("office", 2, (20011,)), NameTaken, id="name"),
        pytest.param(node("b", 2, (20010,)), PortTaken, id="port"),
        pytest.param(node("b", 1, (20011,)), KeyTaken, id="key"),
        pytest.param(node("b", 2, (20011, 20011)), PortTwice, id="port twice"),
    ],
)
def test_a_node_that_takes_what_is_anothers_is_not_added(
    layout: Layout, other: Node, error: type[Exception]
) -> None:
    add(layout, node(), COMMAND)
    before = (stamp(layout.nodes), layout.authorized_keys.read_bytes())

    with pytest.raises(error):
        add(layout, other, COMMAND)

    assert (stamp(layout.nodes), layout.authorized_keys.read_bytes()) == before


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_huge(path: Path) -> None:
    path.write_text("[[forward]]\nport = 20000\n", encoding="ascii")
    os.truncate(path, 100 << 20)


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "says", "broken_ports"),
    [
        pytest.param(
            make_pipe, "x.toml: cannot be read: it is not a regular file", set(), id="pipe"
        ),
        pytest.param(
            Path.mkdir, "x.toml: cannot be read: it is not a regular file", set(), id="directory"
        ),
        pytest.param(make_dangling, "x.toml: can not be read", set(), id="dangling link"),
        pytest.param(make_huge, "x.toml: is larger than 1 MiB", {20000}, id="100 MiB"),
        pytest.param(
            lambda path: path.symlink_to("/dev/zero"),
            "x.toml: cannot be read: it is not a regular file",
            set(),
            id="device",
        ),
    ],
)
def test_what_is_no_file_of_a_node_is_named_and_holds_nobody_up(
    layout: Layout, make: Callable[[Path], None], says: str, broken_ports: set[int]
) -> None:
    write(layout, "office", node_text())
    make(layout.nodes / "x.toml")

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["office"]
    assert registry.broken == {"x"}
    assert says in registry.problems[0]
    assert registry.broken_ports == broken_ports


def test_the_name_of_a_broken_file_is_taken_too(layout: Layout) -> None:
    write(layout, "office", "broken")

    with pytest.raises(NameTaken):
        add(layout, node(), COMMAND)


def test_a_node_whose_key_line_can_not_be_written_is_not_registered(layout: Layout) -> None:
    layout.authorized_keys.mkdir(parents=True)

    with pytest.raises(ConfigError, match="authorized_keys"):
        add(layout, node(), COMMAND)

    assert read_registry(layout.nodes).nodes == {}


def test_a_node_that_is_removed_loses_its_line_and_no_other(layout: Layout) -> None:
    layout.authorized_keys.parent.mkdir()
    layout.authorized_keys.write_text("ssh-rsa AAAA admin\n")
    add(layout, node(), COMMAND)
    add(layout, node("b", 2, (20011,)), COMMAND)

    remove(layout, OFFICE, COMMAND)

    assert layout.authorized_keys.read_text().startswith("ssh-rsa AAAA admin\n")
    assert "reversi:office" not in layout.authorized_keys.read_text()
    assert "reversi:b" in layout.authorized_keys.read_text()


def test_a_key_file_that_is_a_link_stays_one(layout: Layout, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.write_text("ssh-rsa AAAA admin\n")
    layout.authorized_keys.parent.mkdir(exist_ok=True)
    layout.authorized_keys.symlink_to(shared)

    with locked(layout):
        add(layout, node(), COMMAND)

    assert layout.authorized_keys.readlink() == shared
    assert shared.read_text().startswith("ssh-rsa AAAA admin\n")
    assert shared.read_text().endswith("reversi:office\n")


def test_a_node_that_is_not_there_can_not_be_removed(layout: Layout) -> None:
    with pytest.raises(UnknownNode):
        remove(layout, OFFICE, COMMAND)


def test_a_directory_in_the_place_of_a_file_is_moved_aside_by_remove(layout: Layout) -> None:
    (layout.nodes / "office.toml").mkdir(parents=True)

    remove(layout, OFFICE, COMMAND)

    assert read_registry(layout.nodes).broken == frozenset()
    assert len(list(layout.nodes.glob(".office.toml.removed-*"))) == 1


def test_a_node_whose_file_breaks_keeps_its_key_line(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    lines = layout.authorized_keys.read_bytes()
    write(layout, "office", "broken")

    write_keys(layout, COMMAND)
    assert layout.authorized_keys.read_bytes() == lines

    write_keys(layout, COMMAND, without={OFFICE})
    assert layout.authorized_keys.read_bytes() == b""


def test_a_day_may_be_written_as_toml_has_days(layout: Layout) -> None:
    assert (
        read_node(write(layout, "office", "expires = 2031-12-31\n" + node_text())).expires
        == "2031-12-31"
    )


def test_a_key_that_waits_is_taken_too(layout: Layout) -> None:
    waiting = replace(node(), next_key=public_key(2))
    add(layout, waiting, COMMAND)

    for key in (public_key(1), public_key(2)):
        with pytest.raises(KeyTaken, match="belongs to node office"):
            add(layout, replace(node("b", 3, (20011,)), next_key=key), COMMAND)
        with pytest.raises(KeyTaken, match="belongs to node office"):
            add(layout, replace(node("b", 3, (20011,)), public_key=key), COMMAND)


def test_what_stops_a_change_undoes_it(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    before = (stamp(layout.nodes), layout.authorized_keys.read_bytes())
    meanwhile = []

    def fails() -> None:
        meanwhile.append(layout.authorized_keys.read_bytes())
        raise InvalidValue("not allowed")

    with pytest.raises(InvalidValue, match="not allowed"):
        change(layout, OFFICE, replace(node(), enabled=False), COMMAND, meanwhile=fails)

    assert meanwhile == [b""], "what is ended meanwhile can not come back"
    assert (stamp(layout.nodes), layout.authorized_keys.read_bytes()) == before


def test_a_rename_to_a_name_that_is_taken_is_refused(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    write(layout, "b", "broken")

    with pytest.raises(NameTaken, match="node b is registered already"):
        change(layout, OFFICE, renamed(node(), NodeName("b")), COMMAND)


def test_a_new_key_that_was_used_is_the_only_one(layout: Layout) -> None:
    add(layout, replace(node(), next_key=public_key(2)), COMMAND)

    assert use_new_key(layout, OFFICE, COMMAND) == replace(node(), public_key=public_key(2))
    assert use_new_key(layout, OFFICE, COMMAND).public_key == public_key(2)
    assert layout.authorized_keys.read_text().count("reversi:office") == 1
    with pytest.raises(UnknownNode):
        use_new_key(layout, NodeName("b"), COMMAND)


def test_a_node_that_is_renamed_is_known_by_its_key() -> None:
    def registry(*there: Node) -> Registry:
        return Registry(nodes={one.name: one for one in there})  # type: ignore[arg-type]

    before = registry(node("a", 1, (1,)), node("b", 2, (2,)))

    assert renames(before, registry(node("c", 1, (1,)), node("b", 2, (2,)))) == (("a", "c"),)
    assert renames(before, registry(node("c", 3, (1,)), node("b", 2, (2,)))) == ()
    assert renames(before, registry(node("b", 2, (2,)))) == ()
    assert (
        renames(before, replace(registry(node("c", 1, (1,))), broken=frozenset({NodeName("a")})))
        == ()
    )
    shared = registry(replace(node("a", 1, (1,)), public_key="shared"))
    assert renames(shared, registry(replace(node("c", 1, (1,)), public_key="shared"))) == ()


def test_a_key_file_that_is_in_line_is_not_written_again(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.stat().st_ino

    write_keys(layout, COMMAND)

    assert layout.authorized_keys.stat().st_ino == before


def test_a_forward_must_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="forward 3: must be a table"):
        forward_from(tmp_path, OFFICE, 3, "x")


def test_the_forced_command_names_this_installation(layout: Layout) -> None:
    command = gate_command(layout)

    assert (command.python, command.home) == (sys.executable, str(layout.home))
    assert Path(command.gate).is_file()


def test_a_written_file_keeps_the_mode_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one", mode=0o640)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    path.chmod(0o604)
    write_atomically(path, b"two", mode=0o600)

    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert path.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_under_a_file_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(ConfigError, match="can not be written"):
        write_atomically(tmp_path / "file" / "below", b"x", mode=0o600)


def test_a_directory_is_not_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()

    with pytest.raises(ConfigError, match="can not be written"):
        write_atomically(tmp_path / "place", b"x", mode=0o600)

    assert [path.name for path in tmp_path.iterdir()] == ["place"]


WRITE_TOO_MUCH = """
import json, sys
from pathlib import Path
from checker.config.files import write_atomically
from checker.config.toml_file import ConfigError
try:
    write_atomically(Path(sys.argv[1]), b"x" * 100_000, mode=0o600)
except ConfigError as error:
    print(json.dumps(str(error)))
"""


def limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_file_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    said = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, str(path)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=20,
        preexec_fn=limit_files,
    )

    assert "can not be written (File too large)" in json.loads(said.stdout)
    assert path.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lock_that_is_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    layout.nodes.mkdir(parents=True)
    (layout.nodes / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="can not be opened"), locked(layout):
        pass

    assert not (tmp_path / "elsewhere").exists()


def test_a_registry_in_the_place_of_a_file_can_not_be_locked(layout: Layout) -> None:
    layout.nodes.parent.mkdir()
    layout.nodes.write_text("a file")

    with pytest.raises(ConfigError, match="check the permissions"), locked(layout):
        pass


def test_a_broken_name_of_a_value_is_a_config_error_with_the_forwards_number(
    layout: Layout,
) -> None:
    path = write(layout, "office", node_text().replace("127.0.0.1:22", "127.0.0.1"))

    with pytest.raises(
        ConfigError, match=r"forward 1: target '127.0.0.1' is not HOST:PORT"
    ) as caught:
        read_node(path)

    assert isinstance(caught.value.__cause__, InvalidValue)
    assert NodeName(path.stem) == OFFICE


def test_the_ports_of_a_broken_file_are_allotted_to_nobody(layout: Layout) -> None:
    write(layout, "broken", node_text(port=20000, more="nonsense"))

    registry = read_registry(layout.nodes)

    assert registry.broken_ports == {20000}
    forward = allot(
        registry, OFFICE, [ForwardRequest(port=None, target=TARGET)], range(20000, 20002)
    )[0]
    assert forward.port == 20001
