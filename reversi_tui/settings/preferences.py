"""What an operator prefers: sources put together, the later wins, and each setting knows where it
came from; commands, filled in. Pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.model import CheckerError
from reversi_tui.rows.columns import column_named
from reversi_tui.rows.palette import THEMES

MOST_FILTERS = 50
"""So many are kept in the history."""
DEFAULT = "default"
WORDS = ("node", "port", "pid", "target")
USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@-]{0,63}")
BRACED = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program that an operator runs on a row."""

    name: str
    key: str = ""
    """Empty: only the palette has it."""
    title: str
    argv: tuple[str, ...]
    """May hold {node} {port} {pid} {target} within an argument; {{ and }} are braces."""
    dangerous: bool = True
    """Whether it is asked for before it runs."""
    terminal: bool = False
    """It takes the terminal over while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How the console looks and behaves."""

    sort_by: str = "node"
    backwards: bool = False
    columns: tuple[str, ...] = ()
    """Ids, in their order; empty: those that fit."""
    wide: bool = False
    filter_text: str = ""
    faults_only: bool = False
    grouped: bool = False
    theme: str = "terminal"
    mouse: bool | None = None
    """None: on, but off over SSH."""
    confirm_over: int = 5
    """Of more targets than this the count must be typed."""
    shell_user: str = ""
    """Whom a shell on a node logs in as; empty: ssh decides."""
    keys: tuple[tuple[str, str], ...] = ()
    """Action id and key, where it is not the action's own."""
    commands: tuple[Command, ...] = ()
    history: tuple[str, ...] = ()
    """Filters, the newest last."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where a setting came from, by its field's name, `keys.ACTION` or `command.NAME`; what is not
    in it is the default.
    """

    def origin(self, name: str) -> str:
        """Where the setting came from."""
        return self.origins.get(name, DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one source says; the rest it leaves to others."""

    origin: str
    """As it is told to the operator: a file's path, `environment NO_COLOR`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """By the names of the fields of Preferences."""
    keys: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()


def combined(layers: Iterable[Layer]) -> Preferences:
    """The sources put together: a later one wins, setting by setting, key by key, command by
    command.
    """
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    commands: dict[str, Command] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        values.update(layer.values)
        keys.update(layer.keys)
        commands.update({command.name: command for command in layer.commands})
        names = (
            *layer.values,
            *(f"keys.{action}" for action in layer.keys),
            *(f"command.{command.name}" for command in layer.commands),
        )
        origins.update(dict.fromkeys(names, layer.origin))
    return Preferences(
        **values, keys=tuple(keys.items()), commands=tuple(commands.values()), origins=origins
    )


class UnknownAction(CheckerError):
    """A key was given to an action that there is not."""

    def __init__(self, action: str, known: Iterable[str], origin: str) -> None:
        known = tuple(known)
        near = difflib.get_close_matches(action, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
        super().__init__(f"{origin}: console: keys: unknown action {action!r}; {hint}")


class KeyTwice(CheckerError):
    """Two actions asked for one key."""

    def __init__(self, key: str, first: str, second: str, origin: str) -> None:
        super().__init__(
            f"{origin}: key {key!r} belongs to {first} and to {second}; give one of them"
            " another key"
        )


def keymap(actions: Mapping[str, str], preferences: Preferences) -> dict[str, str]:
    """The key of each action, from the actions' own (several are parted by commas). Raises
    UnknownAction, KeyTwice.

    The keys of the operator's commands are not in it, but may not be those of an action either.
    """
    for action, _ in preferences.keys:
        if action not in actions:
            raise UnknownAction(action, actions, preferences.origin(f"keys.{action}"))
    chosen = {**actions, **dict(preferences.keys)}
    owners: dict[str, str] = {}
    asked = [(f"action {action}", key, f"keys.{action}") for action, key in chosen.items()]
    asked += [
        (f"command {command.name}", command.key, f"command.{command.name}")
        for command in preferences.commands
    ]
    # so that who is told of is the one who chose
    for owner, keys, name in sorted(asked, key=lambda one: one[2] in preferences.origins):
        for key in filter(None, keys.split(",")):
            if key in owners:
                raise KeyTwice(key, owners[key], owner, preferences.origin(name))
            owners[key] = owner
    return chosen


class BadPreference(CheckerError):
    """A setting whose value is none that there is."""


def parse_sort(text: str) -> tuple[str, bool]:
    """`COLUMN`, or `-COLUMN` for backwards. Raises BadPreference."""
    return parse_columns((text.removeprefix("-"),))[0], text.startswith("-")


def parse_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The ids of the columns that are named. Raises BadPreference."""
    try:
        ids = tuple(column_named(name).id for name in names)
    except CheckerError as error:
        raise BadPreference(str(error)) from error
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise BadPreference(f"column {twice!r} is named twice")
    return ids


def parse_theme(text: str) -> str:
    """Raises BadPreference."""
    if text not in THEMES:
        raise BadPreference(f"there is no theme {text!r}; themes are: {', '.join(THEMES)}")
    return text


def parse_user(text: str) -> str:
    """Whom to log in as. Raises BadPreference for what ssh could take for an option, or a shell for
    more than a word.
    """
    if not USER.fullmatch(text):
        raise BadPreference(
            f"{text[:40]!r} is no user; use letters, digits and . _ @ -, and begin with none of @ -"
        )
    return text


class CommandRefused(CheckerError):
    """A command that can not be run on this row."""

    def __init__(self, command: Command, why: str) -> None:
        super().__init__(f"{command.name} can not be run here: {why}")


def expanded(
    command: Command, *, node: str, port: int | None, pid: int | None, target: str | None
) -> tuple[str, ...]:
    """The program and its arguments; one argument stays one, whatever the values hold. Raises
    CommandRefused.

    None is not known: refused where the command asks for it.
    """
    values = {
        "node": node,
        "port": None if port is None else str(port),
        "pid": None if pid is None else str(pid),
        "target": target,
    }
    return tuple(argument(command, template, values) for template in command.argv)


def argument(command: Command, template: str, values: Mapping[str, str | None]) -> str:
    """One argument, its words filled in. Raises CommandRefused."""

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        value = values[match[1]]
        if value is None:
            raise CommandRefused(command, f"the {match[1]} is not known")
        return value

    made = BRACED.sub(one, template)
    if made.startswith("-") and not template.startswith("-"):
        raise CommandRefused(command, f"{made!r} would pass for an option of {command.argv[0]}")
    if "\0" in made:
        raise CommandRefused(command, f"{made!r} has a zero byte, which no argument can hold")
    return made
