"""The daemon on a home without nodes' connections: its lock, its socket, who may knock, and that
bad input takes nothing down.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checker.config.files import replace_text
from checker.config.layout import Layout, home_layout
from checker.config.settings import Config, current_user
from checker.control.client import Control, DaemonAbsent, NotAllowed, ask, operator_name
from checker.daemon.serve import address_unknown
from checker.daemon.server import operator_uids
from checker.daemon.startup import (
    DaemonRuns,
    lock_home,
    may_read,
    open_to_tunnel_user,
    prepare_folders,
    refuse_shell,
)
from checker.daemon.verdicts import clear_verdicts
from checker.linux.unix_socket import listen
from checker.model import (
    OPERATOR_KINDS,
    Aim,
    CheckerError,
    EventKind,
    NodeName,
    Outcome,
    Port,
    Status,
    Verb,
    aim_from,
    aim_json,
    outcome_from,
    outcome_json,
)
from checker.registry.authorized_keys import keys_lag
from checker.registry.changes import add, change
from checker.registry.edits import renamed
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.registry.snapshot import copied_nodes
from checker.state.store import open_reader
from checker.wire import Asked, encode_asked
from tests.strategies import OFFICE, PORT, SESSION, free_port, node, public_key

pytestmark = pytest.mark.usefixtures("no_blocked_loop")
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
WITHIN_S = 20.0


@pytest.fixture
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = home_layout(tmp_path_factory.mktemp("h"))
    prepare_folders(made, os.geteuid())
    return made


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def start(layout: Layout, first: str = "pass") -> subprocess.Popen[str]:
    program = f"import signal, sys; from checker.cli.main import main; {first}; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "--home", str(layout.home), "serve"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def own() -> Port:
    """The port of `office`: the daemon acts for real, so nobody else may have it."""
    return free_port()


@pytest.fixture
def daemon(layout: Layout, own: Port) -> Iterator[subprocess.Popen[str]]:
    """A daemon that serves the home, with the node `office` that never connects."""
    with locked(layout):
        add(layout, node(ports=(own,)), COMMAND)
    with start(layout) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")
        yield process
        process.terminate()
        process.communicate(timeout=WITHIN_S)


def send(layout: Layout, message: bytes) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(WITHIN_S)
        peer.connect(str(layout.socket))
        peer.sendall(message)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65536):
            answer += part
        return answer


def events(layout: Layout) -> list[str]:
    with closing(open_reader(layout.state)) as reader:
        return [event.text for event in reader.events()]


def test_a_daemon_answers_acts_and_ends_cleanly(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    assert Control(layout=layout).daemon_pid() == daemon.pid
    (probed,) = Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])
    assert (probed.done, probed.sentence) == (True, "down: nobody listens")
    assert (layout.run / "office").read_text() == "1\n"

    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(WITHIN_S) == 0

    assert not layout.socket.exists()
    assert "the daemon stopped" in events(layout)
    with pytest.raises(
        DaemonAbsent, match=r"no daemon answers at .*; start it with: reversi-checker serve"
    ):
        ask(layout, {"verb": "ping"})
    assert Control(layout=layout).daemon_pid() is None


def test_a_second_daemon_on_one_home_is_refused(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    with start(layout) as second:
        out, err = second.communicate(timeout=WITHIN_S)

    assert (second.returncode, out) == (2, "")
    assert err.startswith(
        f"reversi-checker: error: a daemon (process {daemon.pid}) already serves {layout.home}"
    )
    assert Control(layout=layout).daemon_pid() == daemon.pid


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"5",
        b'{"verb": "nosuch", "aims": [], "operator": "x"}',
        b'{"verb": "kill"}',
        b'{"verb": "kill", "aims": [5], "operator": "x"}',
        (
            b'{"verb": "kill", "aims": [{"node": "office", "port": "x", "pid": null}], "operator":'
            b' "x"}'
        ),
        b"\xff" * 100,
    ],
    ids=lambda message: message.decode("ascii", "replace")[:30] or "empty",
)
def test_a_malformed_message_is_told_and_takes_nothing_down(
    layout: Layout, daemon: subprocess.Popen[str], message: bytes
) -> None:
    assert "a malformed request" in json.loads(send(layout, message))["error"]
    assert Control(layout=layout).daemon_pid() == daemon.pid


@pytest.mark.parametrize(
    ("name", "command", "answer"),
    [
        pytest.param("office", "reboot now", b"64\n0\n", id="malformed"),
        pytest.param("office", "check 1", b"77\n0\n", id="not its port"),
        pytest.param("office", "other OWN", b"77\n0\n", id="another's name"),
        pytest.param("nosuch", "check", b"77\n0\n", id="not registered"),
        pytest.param("office", "hold x", b"64\n0\n", id="hold without sshd"),
        pytest.param("office", "check", b"0\n1\n\n", id="check"),
        pytest.param("office", "office OWN SSH-2.0", b"0\n1\n\n", id="the original's words"),
        pytest.param("office", "claim x", b"0\n0\n\n", id="claim"),
        pytest.param("office", "version", b"0\n1 ", id="version"),
    ],
)
def test_what_a_node_says_is_answered_in_one_line(
    layout: Layout, daemon: subprocess.Popen[str], own: Port, name: str, command: str, answer: bytes
) -> None:
    heard = send(
        layout, encode_asked(Asked(node=name, peer="", command=command.replace("OWN", str(own))))
    )

    assert heard.startswith(b".\n" + answer)
    assert heard.count(b"\n") == 4


def test_a_gates_message_without_its_four_fields_is_refused(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    assert send(layout, b"gate\0x").startswith(b".\n64\n0\n")


def test_a_refused_request_is_an_event(layout: Layout, daemon: subprocess.Popen[str]) -> None:
    send(layout, encode_asked(Asked(node="office", peer="192.0.2.1 5", command="check 1")))

    wait_until(
        lambda: any("port 1 is not a port of node office" in text for text in events(layout))
    )


def test_a_node_that_is_added_is_known_without_a_restart(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    (layout.nodes / "broken.toml").write_text("broken")
    with locked(layout):
        add(layout, node("b", 2, (free_port(),)), COMMAND)
    Control(layout=layout).reload()

    assert send(layout, encode_asked(Asked(node="b", peer="", command="check"))) == b".\n0\n1\n\n"
    wait_until(lambda: any("broken.toml: not valid TOML" in text for text in events(layout)))


@pytest.mark.parametrize(
    "harm", [lambda path: path.unlink(), lambda path: path.write_text("")], ids=["gone", "emptied"]
)
def test_a_key_file_that_somebody_took_away_is_there_again(
    layout: Layout, daemon: subprocess.Popen[str], harm: Callable[[Path], object]
) -> None:
    wait_until(lambda: not keys_lag(layout))
    before = layout.authorized_keys.read_bytes()
    assert before

    harm(layout.authorized_keys)

    wait_until(
        lambda: layout.authorized_keys.exists() and layout.authorized_keys.read_bytes() == before
    )


def test_an_unknown_key_is_an_event_once(layout: Layout, daemon: subprocess.Popen[str]) -> None:
    with locked(layout):
        add(layout, node("b", 2, (free_port(),)), COMMAND)
    path = layout.nodes / "b.toml"

    path.write_text('tags = ["attic"]\n' + path.read_text())
    wait_until(lambda: any("unknown key 'tags'" in text for text in events(layout)))
    path.write_text("# touched\n" + path.read_text())
    path.with_name("broken.toml").write_text("x")
    wait_until(lambda: any("broken.toml" in text for text in events(layout)))

    assert sum("unknown key 'tags'" in text for text in events(layout)) == 1


def test_what_was_changed_is_in_the_log_with_the_operators_name(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    assert Control(layout=layout).changed([(OFFICE, None, "its key was replaced")]) == ""

    with closing(open_reader(layout.state)) as reader:
        told = [event for event in reader.events(node=OFFICE) if event.kind is EventKind.REGISTRY]
    assert [(event.text, event.actor) for event in told] == [
        ("its key was replaced", operator_name())
    ]


@pytest.mark.parametrize("runs_daemon", [True, False])
def test_what_an_operator_runs_is_in_the_log_with_his_name(
    layout: Layout, request: pytest.FixtureRequest, runs_daemon: bool
) -> None:
    if runs_daemon:
        request.getfixturevalue("daemon")
    control = Control(layout=layout)

    for kind in (EventKind.SHELL, EventKind.COMMAND):
        text = f"ssh -- office\x1b{'x' * 500}"
        assert control.record(kind, text, node=OFFICE, port=Port(20010)) == ""

    with closing(open_reader(layout.state)) as reader:
        found = [event for event in reader.events(node=OFFICE) if event.kind in OPERATOR_KINDS]
    assert [(event.kind, event.actor, event.port) for event in found] == [
        (EventKind.SHELL, operator_name(), 20010),
        (EventKind.COMMAND, operator_name(), 20010),
    ]
    assert all(event.text.startswith("ssh -- office\\x1bxx") for event in found)
    assert all(len(event.text) <= 400 for event in found)


def test_an_operator_may_tell_of_changes_alone(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    row: dict[str, Any] = {
        "at": 1.0,
        "kind": "kill",
        "text": "not so",
        "node": None,
        "port": None,
        "actor": "x",
    }

    assert json.loads(send(layout, json.dumps({"verb": "reload", "events": [row]}).encode())) == {
        "schema": 1
    }
    assert (
        "a malformed request"
        in json.loads(send(layout, json.dumps({"verb": "reload", "events": [{}]}).encode()))[
            "error"
        ]
    )

    assert "not so" not in events(layout)


def test_a_node_that_is_renamed_while_the_daemon_runs_keeps_its_row(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])

    with locked(layout):
        change(layout, OFFICE, renamed(node(ports=(own,)), NodeName("lobby")), COMMAND)
    Control(layout=layout).changed([])

    with closing(open_reader(layout.state)) as reader:
        assert [(tunnel.node, tunnel.status) for tunnel in reader.tunnels()] == [
            ("lobby", Status.DOWN)
        ]
    assert (layout.run / "office").readlink() == Path("lobby"), (
        "beat loops of the old name read the new one's verdict"
    )
    assert (layout.run / "office").read_text() == (layout.run / "lobby").read_text()


def test_a_node_that_is_disabled_may_say_nothing(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    with locked(layout):
        change(layout, OFFICE, replace(node(ports=(own,)), enabled=False), COMMAND)
    Control(layout=layout).reload()

    assert send(layout, encode_asked(Asked(node="office", peer="", command="check"))).startswith(
        b".\n77\n0\n"
    )
    (probed,) = Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])
    assert probed.sentence == "unknown: disabled"


def test_a_mere_request_over_a_new_key_takes_no_old_one_away(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    with locked(layout):
        change(layout, OFFICE, replace(node(ports=(own,)), next_key=public_key(2)), COMMAND)
    Control(layout=layout).reload()

    for command in ("version", "check", "claim first", "beat"):
        send(layout, encode_asked(Asked(node="office", peer="", command=command, key="new")))

    assert public_key(1) in layout.authorized_keys.read_text()
    assert read_registry(layout.nodes).node("office").public_keys == (public_key(1), public_key(2))


def test_nodes_that_are_added_at_once_while_the_daemon_reloads_are_all_known(
    layout: Layout, daemon: subprocess.Popen[str], tmp_path: Path
) -> None:
    program = "import sys; from checker.cli.main import main; main(sys.argv[1:])"
    adding = []
    for number in range(2, 6):
        key = tmp_path / f"{number}.pub"
        key.write_text(public_key(number))
        words = [
            "node",
            "add",
            f"n{number}",
            "--forward",
            f"{free_port()}=x:1",
            "--public-key",
            str(key),
        ]
        command = [sys.executable, "-c", program, "--home", str(layout.home), *words]
        adding.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    while any(process.poll() is None for process in adding):
        Control(layout=layout).reload()

    assert [process.communicate(timeout=WITHIN_S)[1] for process in adding] == [""] * 4
    for number in range(2, 6):
        assert (
            send(layout, encode_asked(Asked(node=f"n{number}", peer="", command="check")))
            == b".\n0\n1\n\n"
        )
    assert layout.authorized_keys.read_text().count(" reversi:n") == 4
    with closing(open_reader(layout.state)) as reader:
        told = [event.node for event in reader.events() if event.kind is EventKind.REGISTRY]
    assert sorted(name for name in told if name) == ["n2", "n3", "n4", "n5"]


def test_a_registry_that_is_gone_is_not_an_empty_one(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    layout.nodes.rename(layout.nodes.with_name("moved"))
    layout.nodes.write_text("a file")
    Control(layout=layout).reload()

    assert (
        send(layout, encode_asked(Asked(node="office", peer="", command="check"))) == b".\n0\n1\n\n"
    )


def test_a_run_directory_that_somebody_removed_is_made_again(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    wait_until((layout.run / OFFICE).exists)

    shutil.rmtree(layout.run)

    wait_until((layout.run / "_sweep").exists)
    with pytest.raises(DaemonRuns):
        lock_home(layout)
    Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=PORT)])
    wait_until(lambda: copied_nodes(layout) is not None)


def test_verdicts_that_can_not_be_rewritten_are_removed(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with locked(layout):
        add(layout, node(), COMMAND)
    replace_text(layout.run / OFFICE, "7\n")
    monkeypatch.setattr("checker.daemon.verdicts.replace_text", full)

    clear_verdicts(layout.run, read_registry(layout.nodes))

    assert not (layout.run / OFFICE).exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_what_the_gate_reads_is_readable_for_a_tunnel_user_who_is_another(
    layout: Layout, mode: int
) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's files take root")
    with locked(layout):
        add(layout, node(), COMMAND)
    layout.config.write_text("")
    for path in (layout.config, layout.nodes / "office.toml"):
        path.chmod(mode)
    layout.nodes.chmod(0o700)

    open_to_tunnel_user(layout, Config(tunnel_user="nobody"))

    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (layout.config, layout.nodes / "office.toml", layout.nodes)
    ]
    assert modes == [0o644, 0o644, 0o755]


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [
        pytest.param(0o100600, 7, 70, True, id="owner"),
        pytest.param(0o100640, 8, 70, True, id="group"),
        pytest.param(0o100640, 8, 71, False, id="other"),
        pytest.param(0o100604, 8, 71, True, id="all"),
        pytest.param(0o100604, 8, 70, False, id="all but the group"),
        pytest.param(0o040744, 8, 71, False, id="a directory that is listed and not passed"),
        pytest.param(0o040755, 8, 71, True, id="a directory"),
        pytest.param(0o100000, 0, 0, True, id="root"),
    ],
)
def test_who_may_read(mode: int, uid: int, gid: int, *, may: bool) -> None:
    found = os.stat_result((mode, 0, 0, 1, 7, 70, 0, 0, 0, 0))

    assert may_read(found, uid, {gid}) is may


def test_what_was_left_in_the_spool_is_taken_over(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    row: dict[str, Any] = {
        "at": 1.0,
        "kind": "hold",
        "text": "left behind",
        "node": None,
        "port": None,
        "actor": "x",
    }
    (layout.spool / "left").write_text(
        json.dumps({"event": row})
        + "\n"
        + json.dumps({"event": {**row, "at": float("nan")}})
        + "\n"
    )

    wait_until(lambda: "left behind" in events(layout))


def test_the_lock_lasts_as_long_as_its_descriptor(layout: Layout) -> None:
    lock = lock_home(layout)
    with pytest.raises(DaemonRuns, match=rf"a daemon \(process {os.getpid()}\) already serves"):
        lock_home(layout)

    os.close(lock)
    os.close(lock_home(layout))


def test_folders_that_can_not_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(CheckerError, match="can not be prepared"):
        prepare_folders(home_layout(tmp_path / "file"), os.geteuid())


def test_the_tunnel_user_may_read_the_registry_whatever_the_umask_of_who_made_it(
    tmp_path: Path,
) -> None:
    by_daemon, by_admin = home_layout(tmp_path / "daemon"), home_layout(tmp_path / "admin")
    before = os.umask(0o077)
    try:
        prepare_folders(by_daemon, os.geteuid())
        with locked(by_admin):
            pass
    finally:
        os.umask(before)

    assert [made.nodes.stat().st_mode & 0o777 for made in (by_daemon, by_admin)] == [0o755, 0o755]


def test_under_nohup_the_end_of_the_login_does_not_end_the_daemon(layout: Layout) -> None:
    with start(layout, "signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        process.terminate()
        process.communicate(timeout=WITHIN_S)

    ignored = next(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:")
    )
    assert ignored >> signal.SIGHUP - 1 & 1


@pytest.mark.parametrize(
    ("listen_on", "gateway", "unknown"),
    [
        pytest.param("0.0.0.0", (), True, id="all addresses"),
        pytest.param("::", (), True, id="all, IPv6 too"),
        pytest.param("0.0.0.0", ("gw.example.org:2222",), False, id="configured"),
        pytest.param("192.0.2.1", (), False, id="one address"),
    ],
)
def test_who_listens_everywhere_is_asked_for_an_address(
    listen_on: str, gateway: tuple[str, ...], *, unknown: bool
) -> None:
    assert (
        address_unknown(listen_on, Config(tunnel_user=current_user(), gateway=gateway)) is unknown
    )


def test_a_tunnel_user_whose_shell_runs_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("/usr/sbin/nologin", "/bin/false"):
        monkeypatch.setattr("pwd.getpwnam", lambda _, shell=shell: SimpleNamespace(pw_shell=shell))
        with pytest.raises(
            CheckerError,
            match=f"the shell of device is {shell}.*; run: usermod --shell /bin/sh device",
        ):
            refuse_shell("device")
    for shell in ("/bin/sh", ""):
        monkeypatch.setattr("pwd.getpwnam", lambda _, shell=shell: SimpleNamespace(pw_shell=shell))
        refuse_shell("device")


def test_a_group_of_operators_that_is_none_is_told() -> None:
    with pytest.raises(
        CheckerError,
        match="operators_group 'no-such-group' is no group here; make it with groupadd",
    ):
        operator_uids(Config(tunnel_user=current_user(), operators_group="no-such-group"))


def test_root_and_the_daemons_own_user_are_operators() -> None:
    assert operator_uids(Config(tunnel_user=current_user())) == {0, os.geteuid()}


def test_a_socket_may_lie_deeper_than_its_address_has_room_for(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / "y"
    deep.mkdir(parents=True)

    with closing(listen(deep / "checker.sock")):
        assert (deep / "checker.sock").is_socket()


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    replace_text(tmp_path / "office", "1\n")
    replace_text(tmp_path / "office", "60\n")

    assert (tmp_path / "office").read_text() == "60\n"
    assert [path.name for path in tmp_path.iterdir()] == ["office"]


def test_a_read_only_console_does_nothing(layout: Layout) -> None:
    with pytest.raises(NotAllowed, match="read-only: kill is not done"):
        Control(layout=layout, read_only=True).act(Verb.KILL, [Aim(node=OFFICE, port=PORT)])


@pytest.mark.parametrize(
    "aim",
    [Aim(node=OFFICE, port=PORT), Aim(node=OFFICE, port=PORT, session=SESSION)],
    ids=["any", "seen"],
)
def test_an_aim_arrives(aim: Aim) -> None:
    assert aim_from(json.loads(json.dumps(aim_json(aim)))) == aim


def test_an_outcome_arrives() -> None:
    outcome = Outcome(node=OFFICE, port=PORT, done=True, sentence="killed")

    assert outcome_from(json.loads(json.dumps(outcome_json(outcome)))) == outcome


@pytest.mark.parametrize(
    ("table", "error"),
    [(5, TypeError), ({}, KeyError), ({"node": "x", "port": "y", "pid": None}, ValueError)],
)
def test_what_is_no_aim_raises(table: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        aim_from(table)


def test_the_daemon_keeps_a_copy_of_the_registry_that_follows_each_change(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    wait_until(lambda: copied_nodes(layout) is not None)

    path = layout.nodes / "office.toml"
    path.write_text(path.read_text() + "# a word by hand\n")
    assert copied_nodes(layout) is None

    wait_until(lambda: copied_nodes(layout) == dict(read_registry(layout.nodes).nodes))
    # as the home, which is closed to others
    assert (layout.run / "_registry").stat().st_mode & 0o777 == 0o600
