"""The table of actions: bindings, footer, help, palette and keymap are made from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reversi_tui.actions.action import Action
from reversi_tui.actions.key_names import key_name
from reversi_tui.actions.view_actions import VIEW_ACTIONS
from reversi_tui.settings.preferences import Command

SECTIONS = {
    "act": "Act",
    "row": "On the row",
    "view": "See",
    "find": "Find",
    "views": "Views",
    "command": "Your commands",
    "app": "Console",
}
"""Titles by the first part of an action's id, in the order of the help."""
ACTIONS = (
    Action(
        id="act.kill",
        key="k",
        title="Kill",
        dangerous=True,
        changes=True,
        shown=True,
        tip="Kill the sshd process that holds the port; asks first",
    ),
    Action(
        id="act.reset",
        key="r",
        title="Reset",
        dangerous=True,
        changes=True,
        shown=True,
        tip="Kill, forget strikes and flaps, call the node back; asks first",
    ),
    Action(
        id="act.probe",
        key="p",
        title="Probe",
        changes=True,
        shown=True,
        tip="Probe the forward now; many ask first",
    ),
    Action(
        id="find.filter",
        key="slash",
        title="Filter",
        shown=True,
        tip="Filter the rows; enter keeps, escape clears",
    ),
    Action(
        id="view.faults",
        key="f",
        title="Faults",
        shown=True,
        tip="Show only what is not up, or all again",
    ),
    Action(
        id="app.help",
        key="question_mark,f1",
        title="Help",
        shown=True,
        tip="Show this help",
    ),
    Action(
        id="app.quit",
        key="q",
        of_app="leave",
        title="Quit",
        shown=True,
        tip="Quit the console; no tunnel is touched",
    ),
    Action(
        id="row.detail",
        key="enter",
        title="Detail",
        shown=True,
        tip="Show everything known about the row, and its node's last events",
    ),
    Action(
        id="row.shell",
        key="s",
        title="Shell",
        changes=True,
        shown=True,
        tip="Log in to the node through its tunnel; then the console comes back",
    ),
    Action(
        id="act.mark",
        key="space",
        title="Mark",
        shown=True,
        tip="Mark the row, or unmark it; keys then act on all marked rows",
    ),
    Action(
        id="act.mark_all",
        key="a",
        title="All",
        shown=True,
        tip="Mark all rows shown; again, or escape, unmarks all",
    ),
    Action(
        id="view.sort",
        key="o",
        title="Sort",
        shown=True,
        tip="Choose the column to sort by",
    ),
    Action(
        id="view.groups",
        key="g",
        title="Groups",
        shown=True,
        tip="Fold each node's forwards into one row, or unfold them",
    ),
    Action(
        id="view.unfold",
        key="right",
        title="Unfold",
        tip="Unfold the node's forwards",
    ),
    Action(
        id="view.fold",
        key="left",
        title="Fold",
        tip="Fold the node's forwards",
    ),
    Action(
        id="view.columns",
        key="c",
        title="Columns",
        shown=True,
        tip="Choose the columns and their order",
    ),
    Action(
        id="view.wide",
        key="w",
        title="Wide",
        shown=True,
        tip="Show more columns where there is room: flaps, kills, bytes, client, tags",
    ),
    Action(
        id="view.beside",
        key="backslash",
        title="Side pane",
        tip="Show the row's sheet beside the table, from 160 columns, or hide it",
    ),
    Action(
        id="view.pause",
        key="z",
        title="Pause",
        shown=True,
        tip="Freeze the table, or let it go on",
    ),
    Action(
        id="view.uptime",
        key="u",
        title="Uptime",
        tip="Show how much of the time each forward was up, worst first; by tag, as CSV",
    ),
    Action(
        id="view.log",
        key="l",
        title="Log",
        shown=True,
        tip="Show or hide the last lines of what this console did",
    ),
    Action(
        id="view.log_sheet",
        key="v",
        title="Events",
        shown=True,
        tip="Show the event log: all that happened on the gateway, and what this console did",
    ),
    Action(
        id="row.events",
        key="E",
        title="Its events",
        tip="Open the event log with what happened to the row's node",
    ),
    *VIEW_ACTIONS,
    Action(
        id="act.disable",
        key="d",
        title="Disable",
        dangerous=True,
        changes=True,
        shown=True,
        tip="End the node's tunnel and reject its key; asks first",
    ),
    Action(
        id="act.enable",
        key="e",
        title="Enable",
        changes=True,
        shown=True,
        tip="Let a disabled node in again",
    ),
    Action(
        id="row.copy",
        key="y",
        title="Reach",
        shown=True,
        tip="Copy or run a command that reaches the node: ssh, ssh -J, ssh -L, curl, openssl",
    ),
    Action(
        id="row.shell_as",
        key="S",
        title="Shell as",
        changes=True,
        tip="Ask for a user, and log in to the node as that one",
    ),
    Action(
        id="row.bundle",
        key="b",
        title="Bundle",
        changes=True,
        shown=True,
        tip="Build the script that installs the node's tunnel",
    ),
    Action(
        id="act.add",
        key="n",
        title="New",
        changes=True,
        shown=True,
        tip="Add a node",
    ),
    Action(
        id="row.registry",
        key="m",
        title="Registry",
        changes=True,
        tip="Change the node: set, rename, new key, expire, publish, remove; asks first",
    ),
    Action(
        id="act.accept",
        key="plus",
        title="Accept",
        changes=True,
        tip="Accept the device that asks to become a node; asks first",
    ),
    Action(
        id="act.reject",
        key="",
        title="Reject",
        changes=True,
        tip="Reject the device that asks to become a node; asks first",
    ),
    Action(
        id="act.tags",
        key="T",
        title="Tags",
        changes=True,
        tip="Give tags to the node, or take them away (-tag)",
    ),
    Action(
        id="row.note",
        key="N",
        title="Note",
        changes=True,
        tip="Write a note about the node",
    ),
    Action(
        id="row.command",
        key="x",
        title="Commands",
        changes=True,
        shown=True,
        tip="Run one of your own commands on the row",
    ),
    Action(
        id="act.mute",
        key="M",
        title="Mute",
        changes=True,
        shown=True,
        tip="Send no alerts about the row for some time; again: unmute it",
    ),
    Action(
        id="app.palette",
        key="colon,ctrl+p",
        of_app="command_palette",
        title="Palette",
        tip="Find an action by its name",
    ),
    Action(
        id="app.clear",
        key="escape",
        title="Clear",
        tip="Stop acts on many rows; else clear the last message, the marks, then the filter",
    ),
)
WITHOUT_KEY = frozenset(action.id for action in ACTIONS if not action.key)
"""Ids of the actions that have no key unless the operator gives them one."""
MOVES = {
    "table.up": "up",
    "table.down": "down",
    "table.page_up": "pageup",
    "table.page_down": "pagedown",
    "table.half_up": "shift+pageup",
    "table.half_down": "shift+pagedown",
    "table.first": "home",
    "table.last": "end",
    "app.leave": "ctrl+c,ctrl+q",
    "sheet.previous": "left_square_bracket",
    "sheet.next": "right_square_bracket",
}
"""Ids and keys of actions that are bound elsewhere; the operator may change these keys too."""


def moves(keys: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The keys of the table and of a row's sheet, and what they do; `keys` differ from the default
    ones.
    """
    mine = {**MOVES, **keys}

    def keys_of(*ids: str) -> str:
        return ", ".join(key_name(key) for name in ids for key in mine[name].split(","))

    def first_of(name: str, default: str) -> str:
        return key_name(keys.get(name, default).split(",")[0])

    return (
        (keys_of("table.up", "table.down"), "One row up or down"),
        (keys_of("table.page_up", "table.page_down"), "One page up or down"),
        (keys_of("table.half_up", "table.half_down"), "Half a page up or down"),
        (keys_of("table.first", "table.last"), "The first row, the last row"),
        (
            keys_of("sheet.previous", "sheet.next"),
            "In a row's sheet: the row before, the row after",
        ),
        (
            f"1-5, {first_of('sheet.tab_back', 'left')} {first_of('sheet.tab_next', 'right')}",
            "In a row's sheet: state, events, history, registry, raw; other keys act on it",
        ),
        (keys_of("app.leave"), "Quit the console, from any screen"),
    )


def of_command(command: Command) -> Action:
    """The action that runs an operator's own command."""
    return Action(
        id=f"command.{command.name}",
        key=command.key,
        title=command.title or command.name,
        dangerous=command.dangerous,
        changes=True,
        tip=" ".join(command.argv),
    )


def with_keys(actions: Iterable[Action], keys: Mapping[str, str]) -> tuple[Action, ...]:
    """The actions with the keys that the operator gave, by action id."""
    return tuple(replace(action, key=keys.get(action.id, action.key)) for action in actions)


def off(actions: Iterable[Action], *, read_only: bool) -> frozenset[str]:
    """Ids of the actions that are off."""
    return frozenset(action.id for action in actions if read_only and action.changes)


OFF = " (off: this console is read-only)"
Section = tuple[str, tuple[tuple[str, str], ...]]
"""A title, and keys with what they do."""


def help_sections(
    actions: Iterable[Action], moves: Iterable[tuple[str, str]], *, read_only: bool
) -> tuple[Section, ...]:
    """Each action in its section; `moves` are the keys of the table itself."""
    by_part: dict[str, list[tuple[str, str]]] = {part: [] for part in SECTIONS}
    for action in actions:
        keys = " ".join(key_name(key) for key in action.keys) or "palette"
        by_part[action.id.partition(".")[0]].append(
            (keys, f"{action.tip}{OFF if read_only and action.changes else ''}")
        )
    return (
        *((SECTIONS[part], tuple(lines)) for part, lines in by_part.items() if lines),
        ("Move", tuple(moves)),
    )
