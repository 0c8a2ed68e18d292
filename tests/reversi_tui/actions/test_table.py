"""The table of actions: keys, footer, help."""

from __future__ import annotations

from collections import Counter

from reversi_tui.actions.table import ACTIONS, SECTIONS, help_sections, of_command, off, with_keys
from reversi_tui.settings.preferences import Command

COMMAND = Command(name="ping", key="f5", title="Ping it", argv=("ping", "-c1", "{node}"))


def test_every_action_has_a_key_a_title_and_a_sentence_and_no_two_share_one() -> None:
    keys = Counter(key for action in ACTIONS for key in action.keys)

    assert [key for key, count in keys.items() if count > 1] == []
    for action in ACTIONS:
        assert action.keys or action.id in ("act.reject", "find.next", "find.previous")
        assert action.title
        assert action.tip
        assert action.id.partition(".")[0] in SECTIONS


def test_what_is_dangerous_changes_something() -> None:
    assert {action.id for action in ACTIONS if action.dangerous} == {
        "act.kill",
        "act.reset",
        "act.disable",
    }
    assert all(action.changes for action in ACTIONS if action.dangerous)


def test_a_read_only_console_does_nothing_that_changes_anything() -> None:
    silent = off([*ACTIONS, of_command(COMMAND)], read_only=True)

    assert {
        "act.kill",
        "act.reset",
        "act.probe",
        "act.enable",
        "act.add",
        "row.shell",
        "row.bundle",
        "command.ping",
    } <= silent
    assert "find.filter" not in silent
    assert off(ACTIONS, read_only=False) == frozenset()


def test_the_operators_keys_are_told_in_the_help() -> None:
    actions = with_keys(ACTIONS, {"act.kill": "f9"})

    sections = dict(
        help_sections([*actions, of_command(COMMAND)], [("up", "One row up")], read_only=True)
    )

    assert (
        "f9",
        "Kill the sshd process that holds the port; asks first (off: this console is read-only)",
    ) in sections["Act"]
    assert ("f5", "ping -c1 {node} (off: this console is read-only)") in sections["Your commands"]
    assert sections["Move"] == (("up", "One row up"),)
