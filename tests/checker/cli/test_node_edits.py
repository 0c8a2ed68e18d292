"""`reversi-checker node rekey|disable|enable|rename|set|expire|move` without a daemon: registry,
key file and log.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.control.client import events_of, operator_name, write_down
from checker.model import Event, EventKind, Node, Status, Tunnel
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from tests.programs import require
from tests.strategies import NOW, free_port, node, public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home with the node `office` and two forwards."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node(ports=(free_port(), free_port())), COMMAND)
    return made


@pytest.fixture
def checker(
    layout: Layout,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """One command on the test's home, from a directory of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def one(*words: str) -> tuple[int, str, str]:
        try:
            code = int(run(["--home", str(layout.home), "node", *words]))
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


def office(layout: Layout, name: str = "office") -> Node:
    return read_registry(layout.nodes).node(name)


def lines(layout: Layout) -> list[str]:
    return layout.authorized_keys.read_text(encoding="utf-8").splitlines()


def told(layout: Layout) -> list[Event]:
    with closing(open_reader(layout.state)) as state:
        return [event for event in state.events() if event.kind is EventKind.REGISTRY]


def test_a_disabled_node_keeps_everything_but_its_line(checker: Run, layout: Layout) -> None:
    before = office(layout)

    assert checker("disable", "office")[:2] == (ExitCode.OK, "office: disabled\n")
    assert office(layout) == replace(before, enabled=False)
    assert lines(layout) == []
    assert "disabled" in checker("list")[1]
    assert checker("disable", "office")[:2] == (ExitCode.OK, "office: that is so already\n")

    assert checker("enable", "office")[0] == ExitCode.OK
    after = office(layout)
    assert after == replace(before, key_since=after.key_since)
    assert after.key_since >= before.added_at
    assert len(lines(layout)) == 1
    assert [(event.text, event.actor) for event in told(layout)] == [
        ("disabled", operator_name()),
        ("enabled", operator_name()),
    ]


def test_a_new_key_stands_beside_the_old_one_until_it_was_used(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    (tmp_path / "new.pub").write_text(public_key(2))

    code, out, _ = checker("rekey", "office", "--public-key", "new.pub")

    assert (code, out) == (
        ExitCode.OK,
        "office: a new key waits; the present one stays until a tunnel with the new one beats\n",
    )
    assert office(layout).public_keys == (public_key(1), public_key(2))
    old, new = lines(layout)
    assert (public_key(1) in old, "--key new" in old) == (True, False)
    assert (public_key(2) in new, "--key new --node office" in new) == (True, True)
    assert f"next key  {public_key(2)}" in checker("show", "office")[1]


def test_a_key_that_is_replaced_at_once_leaves_one_line(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")

    code, out, _ = checker("rekey", "office", "--now", "--key-type", "rsa", "--keep-key")

    assert (code, out.splitlines()[0]) == (ExitCode.OK, "office: its key was replaced")
    assert office(layout).public_key.startswith("ssh-rsa ")
    assert len(lines(layout)) == 1
    handed, kept = tmp_path / "office.key", layout.nodes / "office.key"
    assert handed.read_bytes() == kept.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (handed, kept)] == [0o600, 0o600]
    size = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(kept)],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout
    assert size.startswith("3072 ")
    assert json.loads(checker("show", "office", "--json")[1])["node"]["key_kept"] is True

    checker("rename", "office", "lobby")
    assert (layout.nodes / "lobby.key").exists()
    assert not kept.exists()
    checker("remove", "lobby", "--yes")
    assert list(layout.nodes.glob("*.key")) == []


def test_a_new_key_that_is_not_to_be_kept_takes_the_old_one_along(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    kept = layout.nodes / "office.key"
    kept.write_text("old")
    (tmp_path / "new.pub").write_text(public_key(2))

    checker("rekey", "office", "--public-key", "new.pub")

    assert not kept.exists()


def test_a_key_that_can_not_be_handed_over_changes_nothing(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    before = office(layout)
    (tmp_path / "office.toml").write_text("in use")
    layout.host_key.with_name(f"{layout.host_key.name}.pub").write_text(public_key(9))

    code, out, err = checker(
        "rekey", "office", "--keep-key", "--client-config", "office.toml", "--gateway", "gw:22"
    )

    assert (code, out) == (ExitCode.USAGE, "")
    assert "is there already, and may be in use" in err
    assert office(layout) == before
    assert (tmp_path / "office.toml").read_text() == "in use"
    assert not (layout.nodes / "office.key").exists()


def test_a_new_key_lies_beside_the_old_one(checker: Run, tmp_path: Path) -> None:
    require("ssh-keygen")
    (tmp_path / "office.key").write_text("in use")

    said = [checker("rekey", "office", "--now")[:2] for _ in range(2)]

    assert [(code, out.splitlines()[-1]) for code, out in said] == [
        (ExitCode.OK, f"wrote office-{number}.key") for number in (2, 3)
    ]
    assert (tmp_path / "office.key").read_text() == "in use"


def test_a_renamed_node_keeps_key_ports_and_history(checker: Run, layout: Layout) -> None:
    before = office(layout)
    port = before.forwards[0].port
    with closing(open_store(layout.state)) as store:
        events = [Event(at=NOW, kind=EventKind.KILL, text="earlier", node=before.name)]
        store.write(
            Batch(
                tunnels=[Tunnel(node=before.name, port=port, status=Status.UP, kills=3)],
                events=events,
            )
        )

    assert checker("rename", "office", "lobby")[0] == ExitCode.OK

    after = office(layout, "lobby")
    assert (after.public_key, [f.port for f in after.forwards]) == (
        before.public_key,
        [f.port for f in before.forwards],
    )
    assert [line.endswith("reversi:lobby") for line in lines(layout)] == [True]
    with closing(open_reader(layout.state)) as state:
        assert [(tunnel.node, tunnel.kills) for tunnel in state.tunnels()] == [("lobby", 3)]
        assert [event.text for event in state.events(node=after.name)] == [
            "earlier",
            "renamed from office to lobby",
        ]


def test_who_moves_to_a_freed_port_is_told_whose_it_was(checker: Run, layout: Layout) -> None:
    first, _ = (forward.port for forward in office(layout).forwards)
    checker("move", "office", str(first), str(free_port()), "--now")

    code, _, err = checker("move", "office", str(office(layout).forwards[0].port), str(first))

    assert code == ExitCode.OK
    assert f"port {first} belonged to node office until " in err


def test_a_disabled_node_with_a_broken_file_stays_disabled(checker: Run, layout: Layout) -> None:
    path = layout.nodes / "office.toml"
    path.write_bytes(path.read_bytes() + b"oops")

    code, out, _ = checker("disable", "office", "--yes")

    assert code == ExitCode.OK
    assert "also once its file is mended" in out
    assert not any("reversi:office" in line for line in lines(layout))
    path.write_bytes(path.read_bytes().removesuffix(b"oops"))
    assert not office(layout).enabled


def test_a_copied_file_that_inherits_from_a_broken_one_is_told(
    checker: Run, layout: Layout
) -> None:
    path = layout.nodes / "office.toml"
    copy = path.with_name("office-old.toml")
    copy.write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"oops")

    assert (
        f"{copy} counts from now on, and lets a node in" in checker("disable", "office", "--yes")[2]
    )


def test_a_forward_is_moved_and_set(checker: Run, layout: Layout) -> None:
    first, second = (forward.port for forward in office(layout).forwards)
    new = free_port()

    code, _, err = checker("move", "office", str(first), str(new), "--now")
    assert code == ExitCode.OK
    assert "now change the same in the device's own configuration" in err
    words = ("--target", "nas:80", "--expect", "http", "--deadline", "2", "--public", "yes")
    assert checker("set", "office", "--forward", str(second), *words)[0] == ExitCode.OK

    moved, changed = office(layout).forwards
    assert moved.port == new
    assert (str(changed.target), str(changed.expect), changed.deadline_s, changed.public) == (
        "nas:80",
        "http",
        2.0,
        True,
    )
    assert f'permitlisten="localhost:{second}",permitlisten="*:{second}"' in lines(layout)[0]
    checker("set", "office", "--forward", str(second), "--deadline", "default", "--public", "no")
    assert (office(layout).forwards[1].deadline_s, office(layout).forwards[1].public) == (
        None,
        False,
    )


def test_a_forward_that_moves_keeps_its_port_until_its_device_has_followed(
    checker: Run, layout: Layout
) -> None:
    first, _ = (forward.port for forward in office(layout).forwards)
    new = free_port()

    code, out, err = checker("set", "office", "--forward", str(first), "--port", str(new))

    assert code == ExitCode.OK
    assert (
        out == f"office:{first}: moves to port {new}; it keeps {first} until its device listens on"
        f" {new}\n"
    )
    assert f"bring that over through port {first}" in err
    assert office(layout).forwards[0].ports == (first, new)
    assert f'permitlisten="localhost:{first}",permitlisten="localhost:{new}"' in lines(layout)[0]
    assert f"{first}, moves to {new}" in checker("list")[1]
    assert f"moves to port {new} since 20" in checker("show", "office")[1]
    shown = json.loads(checker("show", "office", "--json")[1])["node"]["forwards"][0]
    assert (shown["port"], shown["next_port"], shown["next_port_at"]) == (
        first,
        new,
        office(layout).forwards[0].next_port_at,
    )
    assert checker("move", "office", str(new), str(first))[0] == ExitCode.OK
    assert office(layout).forwards[0].ports == (first,)


def test_a_move_that_its_device_has_followed_is_taken_back_only_if_asked(
    checker: Run, layout: Layout
) -> None:
    first, _ = (forward.port for forward in office(layout).forwards)
    with socket.create_server(("127.0.0.1", 0)) as device:
        new = device.getsockname()[1]
        checker("move", "office", str(first), str(new), "--yes")

        code, _, err = checker("move", "office", str(first), str(first))

        assert code == ExitCode.USAGE
        assert f"listens on port {new} already" in err
        assert office(layout).forwards[0].ports == (first, new)
    assert checker("move", "office", str(first), str(first))[0] == ExitCode.OK


def test_a_port_of_root_alone_is_told_before_and_taken_only_if_asked(
    checker: Run, layout: Layout
) -> None:
    layout.config.write_text('tunnel_user = "nobody"\n')
    first = office(layout).forwards[0].port

    code, _, err = checker("move", "office", str(first), "22", "--now")
    assert (code, office(layout).forwards[0].port) == (ExitCode.USAGE, first)
    assert err.index("sshd binds port 22 only for root") < err.index("nothing was changed")
    assert checker("move", "office", str(first), "22", "--dry-run")[0] == ExitCode.OK
    assert office(layout).forwards[0].port == first
    assert checker("move", "office", str(first), "22", "--yes")[0] == ExitCode.OK
    assert office(layout).forwards[0].ports == (first, 22)


def test_a_key_that_waits_is_made_the_only_one_by_hand(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    (tmp_path / "new.pub").write_text(public_key(2))
    checker("rekey", "office", "--public-key", "new.pub")
    assert "old key still valid since 20" in checker("show", "office")[1]

    code, out, _ = checker("rekey", "office", "--now")

    assert (code, out) == (ExitCode.OK, "office: the new key is the only one now\n")
    assert office(layout).public_keys == (public_key(2),)
    assert [path.name for path in tmp_path.glob("*.key")] == []


def test_a_day_of_expiry_is_in_the_line_and_goes_again(checker: Run, layout: Layout) -> None:
    checker("expire", "office", "2099-12-31")
    assert 'expiry-time="20991231"' in lines(layout)[0]
    assert "until 2099-12-31" in checker("list")[1]
    checker("expire", "office", "2001-01-01")
    assert "expired 2001-01-01" in checker("list")[1]
    checker("expire", "office", "never")
    assert "expiry-time" not in lines(layout)[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("rename", "office", "b"), "node b is registered already", id="name"),
        pytest.param(("move", "office", "OWN", "20099"), "port 20099 belongs to node b", id="port"),
        pytest.param(
            ("rekey", "office", "--public-key", "b.pub"),
            "that public key belongs to node b",
            id="key",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "b-next.pub"),
            "that public key belongs to node b",
            id="a key that waits",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "office.pub"),
            "node office has that key already",
            id="its own key",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "b.pub", "--keep-key"),
            "--public-key brings a key",
            id="keep what is not known",
        ),
        pytest.param(("rekey", "nosuch"), "there is no node 'nosuch'", id="unknown node"),
        pytest.param(
            ("rename", "office", "check"), "a word of the protocol", id="a word of the protocol"
        ),
        pytest.param(
            ("expire", "office", "2026-02-30"), "is not a day; write YYYY-MM-DD", id="no such day"
        ),
        pytest.param(
            ("expire", "office", "tomorrow"), "is not a day; write YYYY-MM-DD", id="no day"
        ),
        pytest.param(
            ("move", "office", "20500"), "which forward of node office?", id="which forward"
        ),
        pytest.param(
            ("move", "office", "1", "2", "3"), "move takes one port, or two", id="three ports"
        ),
        pytest.param(("move", "office", "1", "2"), "node office has no port 1", id="not its port"),
        pytest.param(("set", "office"), "nothing to set; give --target", id="nothing"),
        pytest.param(
            ("set", "office", "--forward", "OWN", "--deadline", "soon"),
            "--deadline 'soon' is out of bounds",
            id="deadline",
        ),
        pytest.param(
            ("set", "office", "--forward", "OWN", "--target", "x"),
            "target 'x' is not HOST:PORT",
            id="target",
        ),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(
    checker: Run, layout: Layout, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    with locked(layout):
        add(layout, replace(node("b", 2, (20099,)), next_key=public_key(3)), COMMAND)
    for name, number in (("office", 1), ("b", 2), ("b-next", 3)):
        (tmp_path / f"{name}.pub").write_text(public_key(number))
    before = (read_registry(layout.nodes), layout.authorized_keys.read_bytes())

    code, out, err = checker(
        *(str(office(layout).forwards[0].port) if word == "OWN" else word for word in words)
    )

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("reversi-checker: error: ")
    assert says in err
    assert (read_registry(layout.nodes), layout.authorized_keys.read_bytes()) == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(checker: Run, layout: Layout) -> None:
    before = (read_registry(layout.nodes), layout.authorized_keys.read_bytes())
    port = office(layout).forwards[0].port

    code, out, err = checker("disable", "office", "--dry-run")

    assert (code, err) == (ExitCode.OK, "")
    assert out.startswith(f"would change office: disabled\nwould end the tunnel on port {port}\n")
    assert (read_registry(layout.nodes), layout.authorized_keys.read_bytes()) == before
    assert not layout.state.exists()


def test_a_log_that_can_not_be_written_undoes_nothing(checker: Run, layout: Layout) -> None:
    layout.state.mkdir()

    code, out, err = checker("disable", "office")

    assert (code, out) == (ExitCode.OK, "office: disabled\n")
    assert "reversi-checker: warning: it is done, and the log could not be told: " in err
    assert not office(layout).enabled


def test_who_is_behind_sudo_is_named(
    checker: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")

    checker("expire", "office", "2099-01-01")

    assert [event.actor for event in told(layout)] == [
        "alice" if os.geteuid() == 0 else operator_name()
    ]


def test_a_state_file_that_a_change_begins_is_the_daemons_to_write(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    daemon = 65534 if os.geteuid() == 0 else os.geteuid()
    folder = tmp_path / "var"
    folder.mkdir()
    os.chown(folder, daemon, -1)
    apart = replace(layout, state=folder / "state.db")

    assert write_down(apart, events_of([(node().name, None, "disabled")], "alice")) == ""

    assert {path.stat().st_uid for path in folder.iterdir()} == {daemon}
    assert [event.text for event in told(apart)] == ["disabled"]


def test_lines_of_others_stay_as_they_are(checker: Run, layout: Layout) -> None:
    others = b"# the admin's\r\nssh-rsa AAAA admin \xff\n"
    layout.authorized_keys.write_bytes(others + layout.authorized_keys.read_bytes())
    layout.authorized_keys.chmod(0o640)

    for words in (
        ("disable", "office"),
        ("enable", "office"),
        ("rename", "office", "x"),
        ("expire", "x", "2099-01-01"),
    ):
        assert checker(*words)[0] == ExitCode.OK
        assert layout.authorized_keys.read_bytes().startswith(others)
    checker("remove", "x")

    assert layout.authorized_keys.read_bytes() == others
    assert stat.S_IMODE(layout.authorized_keys.stat().st_mode) == 0o640


ADD = "import sys; from checker.cli.main import main; main(sys.argv[1:])"


def test_nodes_that_are_added_at_once_get_ports_of_their_own(
    layout: Layout, tmp_path: Path
) -> None:
    adding = []
    for number in range(2, 6):
        (tmp_path / f"{number}.pub").write_text(public_key(number))
        words = [
            "node",
            "add",
            f"n{number}",
            "--forward",
            "x:1",
            "--public-key",
            str(tmp_path / f"{number}.pub"),
        ]
        adding.append(
            subprocess.Popen(
                [sys.executable, "-c", ADD, "--home", str(layout.home), *words],
                stdout=subprocess.DEVNULL,
            )
        )

    assert [process.wait(60) for process in adding] == [0] * 4
    registry = read_registry(layout.nodes)
    ports = [
        forward.port
        for name in ("n2", "n3", "n4", "n5")
        for forward in registry.node(name).forwards
    ]
    assert sorted(ports) == [20000, 20001, 20002, 20003]
    assert len(lines(layout)) == 5
    assert len(told(layout)) == 4
