"""The verbs `node set` and `node move`, without a daemon."""

from __future__ import annotations

import json
import socket

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from tests.checker.cli.homes import Run, key_lines, registered
from tests.strategies import free_port


def test_a_move_to_a_freed_port_says_whose_it_was(edit: Run, home: Layout) -> None:
    first, _ = (forward.port for forward in registered(home).forwards)
    edit("move", "office", str(first), str(free_port()), "--now")

    code, _, err = edit("move", "office", str(registered(home).forwards[0].port), str(first))

    assert code == ExitCode.OK
    assert f"port {first} belonged to node office until " in err


def test_a_forward_is_moved_and_set(edit: Run, home: Layout) -> None:
    first, second = (forward.port for forward in registered(home).forwards)
    new = free_port()

    code, _, err = edit("move", "office", str(first), str(new), "--now")
    assert code == ExitCode.OK
    assert "now change the device's own configuration too" in err
    words = ("--target", "nas:80", "--expect", "http", "--deadline", "2", "--public", "yes")
    assert edit("set", "office", "--forward", str(second), *words)[0] == ExitCode.OK

    moved, changed = registered(home).forwards
    assert moved.port == new
    assert (str(changed.target), str(changed.expect), changed.deadline_s, changed.public) == (
        "nas:80",
        "http",
        2.0,
        True,
    )
    assert f'permitlisten="localhost:{second}",permitlisten="*:{second}"' in key_lines(home)[0]
    edit("set", "office", "--forward", str(second), "--deadline", "default", "--public", "no")
    assert (registered(home).forwards[1].deadline_s, registered(home).forwards[1].public) == (
        None,
        False,
    )


def test_a_moving_forward_keeps_its_port_until_its_device_follows(edit: Run, home: Layout) -> None:
    first, _ = (forward.port for forward in registered(home).forwards)
    new = free_port()

    code, out, err = edit("set", "office", "--forward", str(first), "--port", str(new))

    assert code == ExitCode.OK
    assert (
        out == f"office:{first}: moves to port {new}; it keeps {first} until its device listens on"
        f" {new}\n"
    )
    assert f"copy that to the device through port {first}" in err
    assert registered(home).forwards[0].ports == (first, new)
    assert f'permitlisten="localhost:{first}",permitlisten="localhost:{new}"' in key_lines(home)[0]
    assert f"{first}, moves to {new}" in edit("list")[1]
    assert f"moves to port {new} since 20" in edit("show", "office")[1]
    shown = json.loads(edit("show", "office", "--json")[1])["node"]["forwards"][0]
    assert (shown["port"], shown["next_port"], shown["next_port_at"]) == (
        first,
        new,
        registered(home).forwards[0].next_port_at,
    )
    assert edit("move", "office", str(new), str(first))[0] == ExitCode.OK
    assert registered(home).forwards[0].ports == (first,)


def test_a_move_that_the_device_followed_is_cancelled_only_with_yes(
    edit: Run, home: Layout
) -> None:
    first, _ = (forward.port for forward in registered(home).forwards)
    with socket.create_server(("127.0.0.1", 0)) as device:
        new = device.getsockname()[1]
        edit("move", "office", str(first), str(new), "--yes")

        code, _, err = edit("move", "office", str(first), str(first))

        assert code == ExitCode.USAGE
        assert f"listens on port {new} already" in err
        assert registered(home).forwards[0].ports == (first, new)
    assert edit("move", "office", str(first), str(first))[0] == ExitCode.OK


def test_a_port_that_only_root_can_bind_is_taken_only_with_yes(edit: Run, home: Layout) -> None:
    home.config.write_text('tunnel_user = "nobody"\n')
    first = registered(home).forwards[0].port

    code, _, err = edit("move", "office", str(first), "22", "--now")
    assert (code, registered(home).forwards[0].port) == (ExitCode.USAGE, first)
    assert err.index("sshd binds port 22 only for root") < err.index("nothing was changed")
    assert edit("move", "office", str(first), "22", "--dry-run")[0] == ExitCode.OK
    assert registered(home).forwards[0].port == first
    assert edit("move", "office", str(first), "22", "--yes")[0] == ExitCode.OK
    assert registered(home).forwards[0].ports == (first, 22)
