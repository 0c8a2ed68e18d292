"""The verbs `node pin` and `known-hosts` on homes without tunnels; tests/system has the others."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.node_pin import report
from checker.cli.selection import MANY
from checker.config.layout import Layout
from checker.control.key_readings import Found, Reading
from checker.model import Node, fingerprint
from checker.registry.changes import change
from checker.registry.edits import with_forward
from checker.registry.lock import locked
from tests.checker.cli.homes import COMMAND, MAIN, Run, registered, registry_events
from tests.strategies import OFFICE, free_port, public_key
from tests.terminals import answered

KEY = public_key(7)


def give_key(home: Layout) -> Node:
    """Pin a host key at the first forward; the node afterwards."""
    before = registered(home)
    pinned = replace(before.forwards[0], host_key=KEY)
    with locked(home):
        change(home, OFFICE, with_forward(before, before.forwards[0], pinned), COMMAND)
    return registered(home)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param((), "give nodes, or --filter TEXT, or --all", id="nothing"),
        pytest.param(("office", "--all"), "not two of them", id="two ways"),
        pytest.param(("office", "--filter", "x"), "give nodes, or --filter", id="two other ways"),
        pytest.param(("ofice",), "did you mean", id="mistyped"),
        pytest.param(("--filter", "node:nowhere"), "nothing matches", id="no match"),
    ],
)
def test_what_to_pin_must_be_said_once(
    edit: Run, home: Layout, words: tuple[str, ...], complaint: str
) -> None:
    code, _, err = edit("pin", *words)

    assert code != ExitCode.OK
    assert complaint in err


def test_nodes_that_are_not_up_are_named_and_nothing_is_pinned(edit: Run, home: Layout) -> None:
    before = registered(home)
    ports = [forward.port for forward in before.forwards]

    code, out, err = edit("pin", "--all", "--yes")

    assert code == ExitCode.NOT_UP
    assert out == "".join(f"office:{p}: not up: the daemon has not probed it yet\n" for p in ports)
    assert err.endswith("host keys: 2 not up\n")
    assert registered(home) == before


def test_a_key_that_is_pinned_already_is_shown_so(
    home: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    forward = give_key(home).forwards[0]
    args = argparse.Namespace(json=False, dry_run=False)

    report(args, [Reading(forward=forward, found=Found.SAME, key=KEY)], frozenset(), frozenset())

    shown = f"office:{forward.port}: host key pinned already: {fingerprint(KEY)} (ED25519)\n"
    assert capsys.readouterr().out == shown


def test_a_node_without_an_ssh_server_is_refused(edit: Run, home: Layout) -> None:
    for forward in registered(home).forwards:
        edit("set", "office", "--forward", str(forward.port), "--expect", "http")

    code, _, err = edit("pin", "office")

    assert code == ExitCode.USAGE
    assert "no forward leads to an SSH server" in err


def test_a_pinned_key_is_shown_printed_and_removed(edit: Run, checker: Run, home: Layout) -> None:
    node = give_key(home)
    port = node.forwards[0].port
    shown = f"{fingerprint(KEY)} (ED25519)"

    assert f"host key  {port} {shown}\n" in edit("show", "office")[1]
    assert checker("known-hosts")[1] == f"reversi:office {KEY}\n"
    dry = edit("pin", "office", "--remove", "--dry-run")[1]
    assert dry == f"would forget the host key of office:{port}: {shown}\n"
    assert registered(home) == node

    code, out, _ = edit("pin", "office", "--remove", "--json")

    assert (code, json.loads(out)["removed"]) == (ExitCode.OK, [{"node": "office", "port": port}])
    assert not registered(home).forwards[0].host_key
    again = edit("pin", "office", "--remove", "--dry-run")
    assert again == (ExitCode.OK, "", "no host key is pinned there; nothing to change\n")
    _, out, err = checker("known-hosts")
    assert (out, err) == (
        "",
        "no host key is pinned there; to pin them, run: reversi-checker node pin --all\n",
    )
    assert "nothing to change" in edit("pin", "office", "--remove")[2]
    assert f"host key no longer pinned: {fingerprint(KEY)}" in [
        one.text for one in registry_events(home)
    ]


def test_at_a_terminal_no_key_is_forgotten_without_a_yes(home: Layout) -> None:
    port = give_key(home).forwards[0].port
    words = [sys.executable, "-c", MAIN, "--home", str(home.home), "node", "pin", "office"]

    code, out, shown = answered([*words, "--remove"], "n")

    assert (code, out) == (ExitCode.DECLINED, "")
    assert shown.endswith(
        f"This will:\n  forget the host key of office:{port}: {fingerprint(KEY)} (ED25519)\n"
        "forget these keys? [y/N] reversi-checker: nothing was done\n"
    )
    assert registered(home).forwards[0].host_key == KEY


def test_all_of_many_takes_a_yes_without_a_terminal(edit: Run, home: Layout) -> None:
    before = registered(home)
    pinned = tuple(
        replace(before.forwards[0], port=free_port(), host_key=KEY) for _ in range(MANY + 1)
    )
    with locked(home):
        change(home, OFFICE, replace(before, forwards=pinned), COMMAND)

    code, _, err = edit("pin", "--all", "--remove")

    assert code == ExitCode.USAGE
    assert "--all means 6 forwards" in err
    assert edit("pin", "--all", "--remove", "--yes")[0] == ExitCode.OK
    assert not any(one.host_key for one in registered(home).forwards)


def test_a_forward_can_expect_its_host_key(edit: Run, home: Layout) -> None:
    port = str(give_key(home).forwards[0].port)

    code, out, err = edit("set", "office", "--forward", port, "--expect", "hostkey")

    assert (code, out) == (ExitCode.OK, f"office:{port}: expect open -> hostkey\n")
    assert "no host key is pinned" not in err
    assert f"{port} -> 127.0.0.1:22, expecting hostkey\n" in edit("show", "office")[1]
    assert registered(home).forwards[0].host_key == KEY


def test_who_expects_a_host_key_that_is_not_pinned_is_told(edit: Run, home: Layout) -> None:
    port = str(registered(home).forwards[0].port)

    code, _, err = edit("set", "office", "--forward", port, "--expect", "hostkey")

    assert code == ExitCode.OK
    assert f"office:{port}: no host key is pinned, so none is compared" in err
    assert "run: reversi-checker node pin office" in err


def test_a_new_target_loses_the_pinned_key_and_says_so(edit: Run, home: Layout) -> None:
    port = str(give_key(home).forwards[0].port)

    _, out, _ = edit("set", "office", "--forward", port, "--target", "nas:22")

    assert f"office:{port}: host key no longer pinned: {fingerprint(KEY)}\n" in out


def test_a_node_of_the_shared_key_cannot_expect_its_host_key(edit: Run, home: Layout) -> None:
    shared = replace(registered(home), public_key="shared")
    with locked(home):
        change(home, OFFICE, shared, COMMAND)
    port = str(shared.forwards[0].port)
    before = registered(home)

    for words in (
        ("set", "office", "--forward", port, "--expect", "hostkey"),
        ("forward", "add", "office", "127.0.0.1:22,hostkey"),
    ):
        code, _, err = edit(*words)

        assert code == ExitCode.USAGE
        assert "node office has no key of its own yet" in err
        assert "cannot expect hostkey; expect banner:SSH- until" in err
    assert registered(home) == before
