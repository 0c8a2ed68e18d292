"""What commands ask at a terminal before they end or delete something, and what a `no` does."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.install import afterwards
from checker.config.layout import Layout
from checker.model import Publication
from checker.registry.changes import kept_key_path, write_node
from checker.registry.edits import with_forward
from tests.checker.cli.homes import MAIN, registered
from tests.terminals import answered


def at_a_terminal(layout: Layout, answer: str, *words: str) -> tuple[int, str, str]:
    """Run a command on this home, with an answer typed."""
    return answered([sys.executable, "-c", MAIN, "--home", str(layout.home), *words], answer)


def test_removing_a_node_says_exactly_what_goes_and_no_does_nothing(home: Layout) -> None:
    before = registered(home)
    public = replace(before.forwards[0], published=(Publication(port=before.ports[0]),))
    write_node(home, before.name, with_forward(before, before.forwards[0], public))
    kept_key_path(home, before.name).write_text("key")
    first, second = before.ports

    code, out, shown = at_a_terminal(home, "n", "node", "remove", "office")

    assert (code, out) == (ExitCode.DECLINED, "")
    question = shown[shown.index("This will:") :]
    assert question == (
        f"This will:\n  remove node office: {home.nodes}/office.toml\n"
        f"  delete its private key, which was kept in {home.nodes}/office.key\n"
        "  reject its key: its device cannot log in again\n"
        f"  free ports {first}, {second} for other nodes\n"
        f"  close the public port {first}\n"
        "  end its tunnel\n"
        "remove node office? [y/N] reversi-checker: nothing was done\n"
    )
    assert registered(home).ports == before.ports

    code, out, _ = at_a_terminal(home, "y", "node", "remove", "office")
    assert (code, out) == (ExitCode.OK, "removed office\n")


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        pytest.param(
            ("kill", "office:{port}"),
            "  end the sshd process that holds office:{port}, with all its forwards; the device"
            " reconnects\ndo it? [y/N] ",
            id="kill",
        ),
        pytest.param(("reset", "office:{port}", "--json"), "forget failures and flaps", id="reset"),
        pytest.param(
            ("node", "disable", "office"),
            "  change office: disabled\n  end the tunnel on port {port}\n",
            id="disable",
        ),
        pytest.param(
            ("node", "forward", "remove", "office", "{port}", "--now"),
            "  change office:{port}: forward removed\n  end the tunnel on port {port}\n"
            "change node office? [y/N] ",
            id="forward remove",
        ),
    ],
)
def test_each_command_that_asks_shows_what_it_would_do(
    home: Layout, words: tuple[str, ...], asks: str
) -> None:
    before = registered(home)
    port = str(before.ports[0])

    code, out, shown = at_a_terminal(home, "", *(word.format(port=port) for word in words))

    assert (code, out) == (ExitCode.DECLINED, "")
    assert asks.format(port=port) in shown
    assert shown.endswith("? [y/N] reversi-checker: nothing was done\n")
    assert registered(home) == before


def test_a_yes_carries_out_what_was_shown(home: Layout) -> None:
    code, out, _ = at_a_terminal(home, "y", "node", "disable", "office")

    assert (code, out) == (ExitCode.OK, "office: disabled\n")


@pytest.mark.parametrize(
    ("nodes", "purge", "says"),
    [
        pytest.param(["a"], True, "forget 1 node with their keys and ports", id="purge"),
        pytest.param(["a", "b"], False, "shut out the devices of 2 nodes until init", id="keep"),
        pytest.param([], True, "left: x", id="no nodes"),
    ],
)
def test_uninstall_says_what_becomes_of_the_nodes(nodes: list[str], purge: bool, says: str) -> None:
    lines = list(afterwards(nodes, ["left: x"], purge=purge))

    assert lines[0].startswith(says)
    assert lines[-1] == "left: x"
