"""`reversi-checker`: its grammar, its exit codes, its sentences, and the shapes of its `--json`."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker import __version__
from checker.cli.acts import act_code
from checker.cli.common import aims_for
from checker.cli.exit_codes import ExitCode, exit_code_of
from checker.cli.log import followed
from checker.cli.main import build_parser, run
from checker.config.layout import Layout, home_layout
from checker.control.client import Control, DaemonAbsent
from checker.model import (
    Aim,
    CheckerError,
    Event,
    EventKind,
    InvalidValue,
    NodeName,
    Outcome,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    Verb,
)
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.nodes import UnknownNode
from checker.registry.reading import read_registry
from checker.state.errors import StateMissing
from checker.state.rows import Batch, Sweep
from checker.state.store import open_reader, open_store
from tests.programs import require
from tests.strategies import NOW, OFFICE, PORT, free_port, node, public_key

ERROR = "reversi-checker: error: "
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path / "home")


@pytest.fixture
def checker(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command on the test's home: exit code, stdout, stderr."""

    def one(*words: str) -> tuple[int, str, str]:
        try:
            code = int(run(["--home", str(layout.home), *words]))
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


@pytest.fixture
def office(layout: Layout) -> Layout:
    """A home with the node `office` on port 20010: for what only reads and refuses."""
    with locked(layout):
        add(layout, node(), COMMAND)
    return layout


@pytest.fixture
def own(layout: Layout) -> Port:
    """A home with the node `office` on a port that nobody else has: for what acts."""
    port = free_port()
    with locked(layout):
        add(layout, node(ports=(port,)), COMMAND)
    return port


def seen(layout: Layout, **batch: Any) -> None:
    with closing(open_store(layout.state)) as store:
        store.write(Batch(**batch))


UP = Tunnel(
    node=OFFICE,
    port=PORT,
    status=Status.UP,
    latency_ms=12.4,
    session=ProcessId(pid=7, start_ticks=9),
    probed_at=NOW,
    since=NOW,
)


def parsers(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every subcommand of the grammar."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield (*path, name), below
                yield from parsers(below, (*path, name))


COMMANDS = dict(parsers(build_parser()))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example_of_itself(
    path: tuple[str, ...], checker: Run
) -> None:
    code, out, err = checker(*path, "--help")

    assert (code, err) == (0, "")
    assert re.search(r"example: (sudo )?reversi-checker ", out)
    assert f"{' '.join(path)}" in out.partition("example: ")[2]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_example_of_each_command_is_understood(path: tuple[str, ...]) -> None:
    epilog = COMMANDS[path].epilog or ""
    lines = [
        line.partition("reversi-checker")[2].split()
        for line in epilog.splitlines()
        if "reversi-checker" in line
    ]

    assert lines
    for words in lines:
        assert callable(build_parser().parse_args(words).command)


def test_every_command_of_the_design_is_there() -> None:
    verbs = {path[0] for path in COMMANDS}

    assert verbs >= {"up", "serve", "node", "status", "probe", "kill", "reset", "log"}
    assert {path[1] for path in COMMANDS if path[0] == "node" and len(path) == 2} >= {
        "add",
        "list",
        "show",
        "remove",
    }


def test_the_version_is_told(checker: Run) -> None:
    assert checker("--version") == (0, f"reversi-checker {__version__}\n", "")


BAD = [
    pytest.param(
        ("status", "nosuch"),
        "there is no node 'nosuch'; see: reversi-checker node list",
        id="unknown node",
    ),
    pytest.param(("node", "show", "nosuch"), "there is no node 'nosuch'", id="show: unknown node"),
    pytest.param(
        ("node", "remove", "nosuch"), "there is no node 'nosuch'", id="remove: unknown node"
    ),
    pytest.param(("kill", "nosuch:20010"), "there is no node 'nosuch'", id="kill: unknown node"),
    pytest.param(
        ("kill", "office:20099"),
        "node office has no port 20099; see: reversi-checker node show office",
        id="not the node's port",
    ),
    pytest.param(("kill", "20099"), "port 20099 belongs to no node", id="nobody's port"),
    pytest.param(
        ("probe", "99999"),
        "port '99999' is not a port; write a number from 1 to 65535",
        id="no port",
    ),
    pytest.param(
        ("node", "add", "check", "--forward", "127.0.0.1:22"),
        "a word of the protocol",
        id="a node named check",
    ),
    pytest.param(
        ("node", "add", "Of Fice", "--forward", "127.0.0.1:22"),
        "can not name a node",
        id="a name with a space",
    ),
    pytest.param(
        ("node", "add", "../x", "--forward", "127.0.0.1:22"),
        "can not name a node",
        id="a name with a path",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1"),
        "target '127.0.0.1' is not HOST:PORT",
        id="forward without port",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "0=127.0.0.1:22"), "port '0' is not a port", id="port 0"
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22,ftp"),
        "expect 'ftp' is not known; write banner:PREFIX",
        id="expect",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22", "--deadline", "0"),
        "--deadline 0 is out of bounds",
        id="deadline",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22", "--deadline", "nan"),
        "--deadline nan is out of bounds",
        id="deadline nan",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "x:22", "--public-key", "/nowhere/key.pub"),
        "/nowhere/key.pub: can not be read",
        id="no key file",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "x:22", "--client-config", "b.toml"),
        "the gateway's address is not known yet",
        id="no gateway",
    ),
    pytest.param(("log", "--limit", "0"), "--limit 0 is not a count", id="no events"),
    pytest.param(("up", "--ssh-port", "70000"), "--ssh-port 70000 is not a port", id="sshd's port"),
    pytest.param(("log", "--follow"), "there is no state file", id="follow without state file"),
]


@pytest.mark.parametrize(("words", "says"), BAD)
def test_bad_input_is_one_sentence_and_an_exit_code(
    checker: Run, office: Layout, words: tuple[str, ...], says: str
) -> None:
    code, out, err = checker(*words)

    assert code == (ExitCode.STATE if "--follow" in words else ExitCode.USAGE)
    assert out == ""
    assert err.startswith(ERROR)
    assert says in err
    assert err.count("\n") == 1
    assert list(read_registry(office.nodes).nodes) == ["office"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nosuch",),
        ("status", "--nosuch"),
        ("node",),
        ("node", "add", "x"),
        ("log", "--limit", "many"),
    ],
)
def test_a_command_line_that_is_not_understood_is_a_usage_error(
    checker: Run, words: tuple[str, ...]
) -> None:
    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert ": error: " in err


def test_a_nodes_second_self_is_refused_by_name_port_and_key(
    checker: Run, office: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    keys = {}
    for number in (1, 2):
        keys[number] = tmp_path / f"{number}.pub"
        keys[number].write_text(public_key(number))

    for words, says in (
        (
            ("office", "--forward", "x:1", "--public-key", str(keys[2])),
            "node office is registered already",
        ),
        (
            ("b", "--forward", "20010=x:1", "--public-key", str(keys[2])),
            "port 20010 belongs to node office",
        ),
        (
            ("b", "--forward", "x:1", "--public-key", str(keys[1])),
            "that public key belongs to node office",
        ),
        (
            ("b", "--forward", "20011=x:1", "--forward", "20011=x:2", "--public-key", str(keys[2])),
            "node b asks for port 20011 twice",
        ),
    ):
        code, out, err = checker("node", "add", *words)
        assert (code, out) == (ExitCode.USAGE, "")
        assert err.startswith(ERROR)
        assert says in err

    assert list(read_registry(office.nodes).nodes) == ["office"]


@pytest.mark.parametrize("words", [("serve",), ("node", "add", "b", "--forward", "x:1")])
def test_an_unknown_key_of_the_configuration_names_file_and_nearest(
    checker: Run, layout: Layout, words: tuple[str, ...]
) -> None:
    layout.config.parent.mkdir(exist_ok=True)
    layout.config.write_text("strike = 3")

    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err == f"{ERROR}{layout.config}: unknown key 'strike'; did you mean 'strikes'?\n"


def test_a_broken_node_is_told_of_and_takes_no_other_down(checker: Run, office: Layout) -> None:
    (office.nodes / "broken.toml").write_text("public_key = ")

    code, out, err = checker("node", "list", "--json")

    assert code == ExitCode.OK
    assert [entry["name"] for entry in json.loads(out)["nodes"]] == ["office"]
    assert err.startswith(
        f"reversi-checker: warning: {office.nodes / 'broken.toml'}: not valid TOML"
    )


def test_status_without_a_state_file_shows_what_is_registered(checker: Run, office: Layout) -> None:
    code, out, err = checker("status", "--json")

    document = json.loads(out)
    assert code == ExitCode.NOT_UP
    assert list(document) == [
        "schema",
        "now",
        "swept_at",
        "probe_every_s",
        "tunnels",
        "unregistered",
        "broken",
    ]
    assert (document["schema"], document["swept_at"], document["probe_every_s"]) == (1, None, 20.0)
    assert list(document["tunnels"][0]) == [
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
    ]
    assert document["tunnels"][0]["status"] == "unknown"
    assert err.startswith("reversi-checker: warning: there is no state file")
    assert not office.state.exists()


def test_status_shows_what_was_seen(checker: Run, office: Layout) -> None:
    seen(office, tunnels=[UP], sweep=Sweep(pid=1, swept_at=NOW, every_s=30.0))

    code, out, _ = checker("status", "--json", "office")
    document = json.loads(out)
    table = checker("status")[1].splitlines()

    assert code == ExitCode.NOT_UP, "what was seen long ago is not known to be up"
    assert (document["swept_at"], document["probe_every_s"]) == (NOW, 30.0)
    assert (document["tunnels"][0]["pid"], document["tunnels"][0]["latency_ms"]) == (7, 12.4)
    assert table[0].split()[:4] == ["NODE", "PORT", "TARGET", "STATUS"]
    assert table[1].split()[:5] == ["office", "20010", "127.0.0.1:22", "up", "(stale)"]


@pytest.mark.parametrize(
    "words", [("status",), ("node", "list"), ("node", "show", "office"), ("report",)], ids=" ".join
)
def test_a_registry_that_is_gone_does_not_pass_for_an_empty_one(
    checker: Run, office: Layout, words: tuple[str, ...]
) -> None:
    seen(office, tunnels=[UP], sweep=Sweep(pid=1, swept_at=NOW, every_s=30.0))
    office.nodes.rename(office.nodes.with_name("moved"))

    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"{ERROR}{office.nodes}: is gone, though this gateway ran before; ")


def test_all_up_is_the_exit_code_0(checker: Run, office: Layout) -> None:
    seen(
        office,
        tunnels=[replace(UP, probed_at=time.time())],
        sweep=Sweep(pid=1, swept_at=time.time(), every_s=30.0),
    )

    assert checker("status")[0] == ExitCode.OK


def test_a_damaged_state_file_is_an_exit_code_of_its_own(checker: Run, office: Layout) -> None:
    office.state.write_bytes(b"damage" * 1000)

    for words in (("status",), ("log",)):
        code, out, err = checker(*words)
        assert (code, out) == (ExitCode.STATE, "")
        assert err.startswith(f"{ERROR}the state file {office.state} is damaged")


def test_a_copy_of_a_nodes_file_has_a_row_of_its_own(checker: Run, office: Layout) -> None:
    (office.nodes / "office-old.toml").write_bytes((office.nodes / "office.toml").read_bytes())
    os.utime(office.nodes / "office.toml", (1, 1))

    code, out, _ = checker("status")
    assert code == ExitCode.NOT_UP
    assert re.search(
        r"^office-old +- +- +broken .*office-old.toml: .* belongs to node office; ",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^office +20010 ", out, re.MULTILINE)
    assert checker("status", "office-old")[0] == ExitCode.NOT_UP
    code, out, _ = checker("node", "list")
    assert re.search(r"^office-old .*broken: ", out, re.MULTILINE)
    code, _, err = checker("node", "show", "office-old")
    assert code == ExitCode.USAGE
    assert "belongs to node office" in err
    code, _, err = checker("node", "expire", "office-old", "2031-12-31")
    assert code == ExitCode.USAGE
    assert "only node disable and node remove work on it" in err
    assert checker("node", "remove", "office-old")[0] == ExitCode.OK
    assert list(read_registry(office.nodes).nodes) == ["office"]


def test_nodes_are_listed_and_shown(checker: Run, office: Layout) -> None:
    listed = json.loads(checker("node", "list", "--json")[1])
    shown = json.loads(checker("node", "show", "office", "--json")[1])

    expected: dict[str, Any] = {
        "name": "office",
        "public_key": public_key(),
        "next_key": None,
        "next_key_at": None,
        "key_kept": False,
        "added_at": 1_700_000_000,
        "enabled": True,
        "expires": None,
        "forwards": [
            {
                "port": 20010,
                "next_port": None,
                "next_port_at": None,
                "target": "127.0.0.1:22",
                "expect": "open",
                "deadline_s": None,
                "public": False,
                "published": [],
            }
        ],
    }
    assert listed == {"schema": 1, "nodes": [expected], "unregistered": [], "broken": []}
    assert shown == {"schema": 1, "node": {**expected, "client": None}}
    assert (
        checker("node", "list")[1]
        == "NODE    PORT   TARGET        EXPECT  KEY\noffice  20010  127.0.0.1:22  open    valid\n"
    )
    assert (
        "forward   20010 -> 127.0.0.1:22, expecting open\n" in checker("node", "show", "office")[1]
    )


def test_a_node_is_shown_with_what_its_newest_connection_calls_itself(
    checker: Run, office: Layout
) -> None:
    made = [
        Registration(
            node=NodeName(name),
            instance="i",
            session=ProcessId(pid=9, start_ticks=at),
            peer="",
            registered_at=at,
            client=client,
        )
        for name, at, client in (
            ("office", 1, "old/1"),
            ("office", 2, "new/2"),
            ("other", 3, "other/3"),
        )
    ]
    with closing(open_store(office.state)) as store:
        store.write(Batch(registrations=made))

    assert "client    new/2\n" in checker("node", "show", "office")[1]
    assert json.loads(checker("node", "show", "office", "--json")[1])["node"]["client"] == "new/2"


def test_the_log_is_one_document_or_a_line_an_event(checker: Run, office: Layout) -> None:
    assert json.loads(checker("log", "--json")[1]) == {"schema": 1, "events": []}
    assert checker("log") == (ExitCode.OK, "", "")
    events = [
        Event(
            at=NOW + n, kind=EventKind.KILL, text=f"text {n}", node=OFFICE, port=PORT, actor="root"
        )
        for n in range(3)
    ]
    seen(office, events=[*events, Event(at=NOW, kind=EventKind.GATEWAY, text="no node")])

    code, out, _ = checker("log", "--json", "--limit", "2", "--node", "office")

    assert code == ExitCode.OK
    assert json.loads(out)["events"] == [
        {
            "id": n + 1,
            "at": NOW + n,
            "kind": "kill",
            "node": "office",
            "port": 20010,
            "actor": "root",
            "text": f"text {n}",
        }
        for n in (1, 2)
    ]
    seen(office, events=[Event(at=NOW, kind=EventKind.SHELL, text="ssh", actor="ann")])
    newest = json.loads(checker("log", "--json", "--limit", "1")[1])["events"][0]
    assert (newest["kind"], "act" in newest) == ("shell", False)
    lines = checker("log")[1].splitlines()
    assert len(lines) == 5
    assert lines[0].split()[2:] == ["kill", "office:20010", "root:", "text", "0"]
    assert lines[3].split()[2:4] == ["gateway", "-"]


def test_following_the_log_tells_what_comes(office: Layout) -> None:
    first = Event(at=NOW, kind=EventKind.HOLD, text="first", node=OFFICE)
    second = Event(at=NOW, kind=EventKind.KILL, text="second", node=OFFICE)
    seen(office, events=[first])
    with closing(open_store(office.state)) as reader:
        following = followed(reader, reader.events(), None)
        assert next(following).text == "first"

        program = (
            "import sys; from pathlib import Path; from checker.state.store import *;"
            " from checker.state.rows import *; from checker.model import *;"
            " store = open_store(Path(sys.argv[1]));import time; time.sleep(0.3);"
            f" store.write(Batch(events=[Event(at={NOW}, kind=EventKind.KILL, text='second',"
            " node='office')]))"
        )
        with subprocess.Popen([sys.executable, "-c", program, str(office.state)]) as writer:
            found = next(following)
            writer.wait(20)

    assert (found.text, found.kind) == (second.text, second.kind)


def test_following_the_log_goes_on_in_a_file_that_takes_the_place_of_another(
    office: Layout,
) -> None:
    seen(office, events=[Event(at=NOW, kind=EventKind.HOLD, text="first")] * 3)
    reader = open_reader(office.state)
    following = followed(reader, reader.events(), None)
    assert [next(following).text for _ in range(3)] == ["first"] * 3

    for path in office.state.parent.glob("state.db*"):
        path.unlink()
    seen(office, events=[Event(at=NOW, kind=EventKind.GATEWAY, text="anew")])

    assert next(following).text == "anew"


def test_a_word_names_a_nodes_forwards_or_one_of_them(office: Layout) -> None:
    with locked(office):
        add(office, node("b", 2, (20011, 20012)), COMMAND)
        add(office, node("20013", 3, (20014,)), COMMAND)
    registry = read_registry(office.nodes)

    def named(word: str) -> list[tuple[str, int]]:
        return [(aim.node, aim.port) for aim in aims_for(registry, word)]

    assert named("b") == [("b", 20011), ("b", 20012)]
    assert named("b:20012") == named("20012") == [("b", 20012)]
    assert named("20013") == [("20013", 20014)], "a node's name comes before a port"
    for word in ("", ":", "b:", ":20012", "b:20010", "²"):
        with pytest.raises(CheckerError):
            named(word)


@pytest.mark.parametrize("verb", ["kill", "reset"])
def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    checker: Run, office: Layout, verb: str
) -> None:
    assert checker(verb, "office", "--dry-run") == (
        ExitCode.OK,
        f"office:20010: would {verb}\n",
        "",
    )
    assert checker("node", "remove", "office", "--dry-run") == (
        ExitCode.OK,
        "would remove office, and end its tunnel\n",
        "",
    )
    assert list(read_registry(office.nodes).nodes) == ["office"]
    assert not office.state.exists()


def test_an_act_without_a_daemon_is_done_by_the_command_itself(checker: Run, own: Port) -> None:
    code, out, _ = checker("kill", "office", "--json", "--yes")

    assert code == ExitCode.NOT_UP
    document = json.loads(out)
    assert list(document) == ["schema", "verb", "outcomes"]
    assert document["outcomes"] == [
        {"node": "office", "port": own, "done": False, "sentence": f"nobody listens on port {own}"}
    ]


def test_an_act_while_the_registry_is_away_says_so(layout: Layout) -> None:
    aims = [Aim(node=OFFICE, port=PORT)]

    outcomes = Control(layout=layout).act(Verb.RESET, aims)

    assert [one.sentence for one in outcomes] == [
        f"the registry cannot be read: there is no directory {layout.nodes}"
    ]


def test_a_probe_without_a_daemon_tells_the_status_and_writes_it_down(
    checker: Run, own: Port
) -> None:
    code, out, _ = checker("probe", str(own))

    assert (code, out) == (ExitCode.NOT_UP, f"office:{own}: down: nobody listens\n")
    assert json.loads(checker("status", "--json")[1])["tunnels"][0]["status"] == "down"


def test_a_node_is_added_with_a_key_and_all_that_its_client_needs(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    config = tmp_path / "office.toml"
    words = (
        "office",
        "--forward",
        "127.0.0.1:22,banner:SSH-2.0",
        "--forward",
        "20500=nas:443,tls",
        "--gateway",
        "gw:22",
        "--deadline",
        "2",
    )

    code, out, err = checker("node", "add", *words, "--client-config", str(config), "--json")

    assert (code, err) == (ExitCode.OK, "")
    document = json.loads(out)
    assert [forward["port"] for forward in document["node"]["forwards"]] == [20000, 20500]
    assert document["files"] == [f"{config}.key", str(config)]
    for path in (config, Path(f"{config}.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "reversi:office" in layout.authorized_keys.read_text()

    again = checker(
        "node", "add", "b", "--forward", "x:1", "--gateway", "gw:22", "--client-config", str(config)
    )
    assert again[0] == ExitCode.USAGE
    assert (
        f"{config}.key: is there already" in again[2] or f"{config}: is there already" in again[2]
    )
    assert list(read_registry(layout.nodes).nodes) == ["office"]


def test_a_public_key_may_come_from_stdin(
    checker: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("ssh-keygen")
    monkeypatch.setattr(sys, "stdin", io.StringIO(public_key(5)))

    assert (
        checker("node", "add", "office", "--forward", "127.0.0.1:22", "--public-key", "-")[0]
        == ExitCode.OK
    )
    assert read_registry(layout.nodes).node("office").public_key == public_key(5)


def test_a_node_is_removed_with_its_key_line(checker: Run, layout: Layout, own: Port) -> None:
    code, out, _ = checker("node", "remove", "office", "--yes")

    assert code == ExitCode.OK
    assert out.startswith("removed office")
    assert read_registry(layout.nodes).nodes == {}
    assert layout.authorized_keys.read_bytes() == b""


def test_a_copied_file_that_inherits_from_a_removed_one_is_told(
    checker: Run, layout: Layout, own: Port
) -> None:
    copy = layout.nodes / "office-old.toml"
    copy.write_bytes((layout.nodes / "office.toml").read_bytes())

    assert (
        f"{copy} counts from now on, and lets a node in"
        in checker("node", "remove", "office", "--yes")[2]
    )


def test_a_broken_node_can_be_removed(checker: Run, layout: Layout, own: Port) -> None:
    (layout.nodes / "office.toml").write_text("broken")

    assert checker("node", "remove", "office", "--yes")[0] == ExitCode.OK
    assert not (layout.nodes / "office.toml").exists()
    assert layout.authorized_keys.read_bytes() == b""


def test_up_needs_a_home(
    checker: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    installed = tmp_path / "reversi.toml"
    installed.touch()
    monkeypatch.setattr(
        "checker.config.layout.SYSTEM",
        Layout(
            **{
                name: getattr(home_layout(tmp_path), name)
                for name in Layout.__slots__
                if name != "home"
            },
            home=None,
        ),
    )

    assert run(["up"]) == ExitCode.USAGE
    assert (
        capsys.readouterr().err
        == f"{ERROR}up needs a home of its own: give --home DIR; an installed gateway"
        " already has an sshd\n"
    )


def test_a_home_in_the_place_of_a_file_is_told(checker: Run, layout: Layout) -> None:
    assert layout.home is not None
    layout.home.write_text("a file")

    for words in (("serve",), ("node", "list")):
        code, out, err = checker(*words)
        assert (code, out) == (ExitCode.USAGE, ""), words
        assert err.startswith(ERROR)
        assert "a bug in reversi" not in err


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        pytest.param("up", ExitCode.OK, id="up"),
        pytest.param("up: its key is on two devices", ExitCode.OK, id="up, with a remark"),
        pytest.param("unknown: could not be probed", ExitCode.NOT_UP, id="unknown"),
        pytest.param("hung: nothing came", ExitCode.NOT_UP, id="hung"),
    ],
)
def test_a_probe_is_judged_by_the_status_that_it_saw(sentence: str, code: ExitCode) -> None:
    assert (
        act_code(Verb.PROBE, [Outcome(node=OFFICE, port=PORT, done=True, sentence=sentence)])
        is code
    )


def test_where_a_key_that_was_made_elsewhere_belongs_is_told(checker: Run, tmp_path: Path) -> None:
    public, client = tmp_path / "own.pub", tmp_path / "office.toml"
    public.write_text(f"{public_key(1)}\n")
    words = (
        "--public-key",
        str(public),
        "--client-config",
        str(client),
        "--gateway",
        "gw.example.org:22",
    )

    code, out, _ = checker("node", "add", "office", "--forward", "127.0.0.1:22", *words)

    assert code == ExitCode.OK
    assert out.splitlines()[1:] == [
        f"wrote {client}",
        "the private key of --public-key belongs beside it on the device, as office.toml.key",
    ]


def test_the_home_may_stand_behind_the_verb_too(
    office: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(office.home)

    assert run(["node", "show", "office", "--home", home, "--json"]) is ExitCode.OK
    assert run(["--home", "/nowhere", "node", "list", "--home", home]) is ExitCode.OK
    assert capsys.readouterr().out.count("office") == 2


def test_a_file_that_the_system_refuses_is_named_and_not_our_bug(
    checker: Run, office: Layout
) -> None:
    (office.nodes.parent / "run").mkdir()
    (office.nodes.parent / "run" / "_lock").mkdir()

    code, _, err = checker("serve")

    assert code == ExitCode.USAGE
    assert (
        err == f"{ERROR}cannot use {office.run / '_lock'} (Is a directory); check its permissions"
        " and the disk's free space\n"
    )


READING = [
    ("status",),
    ("status", "--json"),
    ("log",),
    ("log", "--json"),
    ("node", "list"),
    ("node", "show", "office"),
]


@pytest.mark.parametrize("words", [*READING, ("probe", "office")], ids=" ".join)
def test_a_gateway_that_is_not_there_is_told_by_all_who_read(
    checker: Run, layout: Layout, words: tuple[str, ...]
) -> None:
    assert checker(*words) == (
        ExitCode.USAGE,
        "",
        (
            f"{ERROR}there is no directory {layout.home}, so there is no gateway; see --home"
            " and REVERSI_HOME\n"
        ),
    )


@pytest.mark.parametrize("words", [*READING, ("doctor",)], ids=" ".join)
def test_an_output_that_takes_nothing_is_told_and_no_bug(
    office: Layout, words: tuple[str, ...]
) -> None:
    seen(office, events=[Event(at=NOW, kind=EventKind.HOLD, text="x" * 200) for _ in range(90)])
    script = "import sys; from checker.cli.main import main; main(sys.argv[1:])"

    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", script, "--home", str(office.home), *words]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=20
        )

    assert done.stderr == f"{ERROR}cannot write to standard output: No space left on device\n"
    assert done.returncode == ExitCode.USAGE


def test_each_error_has_its_exit_code(layout: Layout) -> None:
    assert exit_code_of(InvalidValue("x")) is ExitCode.USAGE
    assert exit_code_of(UnknownNode("x")) is ExitCode.USAGE
    assert exit_code_of(DaemonAbsent(layout)) is ExitCode.UNREACHABLE
    assert exit_code_of(StateMissing(layout.state)) is ExitCode.STATE


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (RuntimeError("odd"), ExitCode.BUG)],
)
def test_what_nobody_foresaw_has_its_exit_code(
    error: BaseException,
    code: ExitCode,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> ExitCode:
        raise error

    monkeypatch.setattr("checker.cli.main.find_layout", fails)

    assert run(["--home", str(layout.home), "status"]) is code
    assert (
        "a bug in reversi: RuntimeError('odd'); run it again with --debug"
        in capsys.readouterr().err
    ) is (code is ExitCode.BUG)


def test_a_traceback_comes_with_debug_alone(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["--home", str(layout.home), "status", "nosuch"])
    plain = capsys.readouterr().err
    run(["--home", str(layout.home), "--debug", "status", "nosuch"])

    assert "Traceback" not in plain
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error(office: Layout) -> None:
    seen(office, events=[Event(at=NOW, kind=EventKind.HOLD, text="x" * 200) for _ in range(5000)])
    command = [
        sys.executable,
        "-m",
        "checker.cli.main",
        "--home",
        str(office.home),
        "log",
        "--limit",
        "5000",
    ]
    script = "import sys; from checker.cli.main import main; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", script, *command[3:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        code = process.wait(20)

    assert (code, complaint) == (0, b"")


def test_a_port_that_no_tunnel_can_listen_on_is_warned_of_with_the_way_out(
    checker: Run, layout: Layout
) -> None:
    layout.config.parent.mkdir(parents=True, exist_ok=True)
    layout.config.write_text('tunnel_user = "nobody"\n', encoding="ascii")
    key = layout.config.with_name("key.pub")
    key.write_text(public_key(), encoding="ascii")

    code, _, added = checker(
        "node", "add", "mail", "--forward", "25=10.0.0.5:25,banner:220", "--public-key", str(key)
    )
    _, _, again = checker("node", "set", "mail", "--target", "10.0.0.6:25")
    _, _, moved = checker("node", "move", "mail", "25", "587")

    assert code == ExitCode.OK
    assert "reversi-checker publish mail:PORT --port 25" in added
    assert "publish" not in again
    assert "reversi-checker publish mail:PORT --port 587" in moved
