"""An operator's preferences, merged from their sources, and own commands, filled in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.model import SSH_USER, CheckerError
from checker.nearest import did_you_mean
from reversi_tui.rows.columns import column_named
from reversi_tui.rows.theme_names import THEMES
from reversi_tui.settings.presets import DEFAULT_KEYS, PRESETS, origin_of, typed_first
from reversi_tui.settings.views import SHIPPED, NamedView, merged

MOST_FILTERS = 50
"""How many filters the history keeps."""
DEFAULT = "default"
WORDS = ("node", "port", "pid", "target")
BRACED = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program that an operator runs on a row."""

    name: str
    key: str = ""
    """Empty: it is only in the palette."""
    title: str
    argv: tuple[str, ...]
    """Arguments may contain {node} {port} {pid} {target}; {{ and }} are braces."""
    dangerous: bool = True
    """Whether the console asks before it runs."""
    terminal: bool = False
    """It takes over the terminal while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """How the console looks and behaves."""

    sort_by: str = "status"
    """Worst first, unless the operator wants another order."""
    backwards: bool = False
    columns: tuple[str, ...] = ()
    """Ids, in their order; empty: those that fit."""
    wide: bool = False
    filter_text: str = ""
    faults_only: bool = False
    grouped: bool = False
    theme: str = "dark"
    """With 16 colours, dark and light look as `terminal`."""
    mouse: bool | None = None
    """None: on, but off over SSH."""
    bell: bool = False
    """Whether the terminal's bell rings for a new fault."""
    title: bool = True
    """Whether the number of faults is in the title of the terminal's window."""
    confirm_over: int = 5
    """For more targets than this, the operator must type the count."""
    shell_user: str = ""
    """The user of a shell on a node; empty: ssh decides."""
    preset: str = DEFAULT_KEYS
    """The preset of keys that the others change."""
    keys: tuple[tuple[str, str], ...] = ()
    """Action ids and their keys, the preset's too, unless they are the default."""
    commands: tuple[Command, ...] = ()
    views: tuple[NamedView, ...] = SHIPPED
    remarks: tuple[str, ...] = ()
    """A sentence for each table of a file that cannot be used."""
    history: tuple[str, ...] = ()
    """Filters, the newest last."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The origin of each setting that is not the default, by its field's name, `keys.ACTION`,
    `command.NAME` or `view.NAME`.
    """

    def origin(self, name: str) -> str:
        """Where the setting comes from."""
        return self.origins.get(name, DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The settings of one source."""

    origin: str
    """Its name for the operator: a file's path, `environment NO_COLOR`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """By the names of the fields of Preferences."""
    keys: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    views: tuple[NamedView, ...] = ()
    remarks: tuple[str, ...] = ()


def combined(layers: Iterable[Layer]) -> Preferences:
    """Merge the sources: a later one wins, for each setting, key and command on its own."""
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    commands: dict[str, Command] = {}
    origins: dict[str, str] = {}
    views, remarks = list(SHIPPED), list[str]()
    for layer in layers:
        values.update(layer.values)
        keys.update(layer.keys)
        commands.update({command.name: command for command in layer.commands})
        names = (
            *layer.values,
            *(f"keys.{action}" for action in layer.keys),
            *(f"command.{command.name}" for command in layer.commands),
            *(f"view.{view.name}" for view in layer.views),
        )
        views += layer.views
        remarks += layer.remarks
        origins.update(dict.fromkeys(names, layer.origin))
    preset = str(values.get("preset", DEFAULT_KEYS))
    of_preset = dict.fromkeys(
        (f"keys.{action}" for action in PRESETS[preset].keys), origin_of(preset)
    )
    origins = {**of_preset, **origins}
    return Preferences(
        **values,
        keys=tuple({**PRESETS[preset].keys, **keys}.items()),
        commands=tuple(commands.values()),
        views=merged(views),
        remarks=tuple(remarks),
        origins=origins,
    )


class UnknownAction(CheckerError):
    """A key for an action that does not exist."""

    def __init__(self, action: str, known: Iterable[str], origin: str) -> None:
        known = tuple(known)
        hint = did_you_mean(action, known) or f"; known are: {', '.join(known)}"
        super().__init__(f"{origin}: console: keys: unknown action {action!r}{hint}")


class KeyTwice(CheckerError):
    """Two actions with the same key."""

    def __init__(self, key: str, first: str, second: str, origin: str) -> None:
        super().__init__(
            f"{origin}: key {key!r} is for both {first} and {second}; give one of them another key"
        )


def keymap(actions: Mapping[str, str], preferences: Preferences) -> dict[str, str]:
    """The key of each action, with the operator's own keys; several are separated by commas. Raises
    UnknownAction, KeyTwice, also for the keys of the operator's commands.
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
    # the operator's choice last, so that the error names its origin
    ranks = {DEFAULT: 0, origin_of(preferences.preset): 1}
    for owner, keys, name in sorted(
        asked, key=lambda one: ranks.get(preferences.origin(one[2]), 2)
    ):
        for key in {typed_first(key) for key in keys.split(",") if key}:
            if key in owners:
                raise KeyTwice(key, owners[key], owner, preferences.origin(name))
            owners[key] = owner
    return chosen


class BadPreference(CheckerError):
    """A setting with an invalid value."""


def parse_sort(text: str) -> tuple[str, bool]:
    """`COLUMN`, or `-COLUMN` for the reverse order. Raises BadPreference."""
    return parse_columns((text.removeprefix("-"),))[0], text.startswith("-")


def parse_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The ids of the named columns. Raises BadPreference."""
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
        hint = did_you_mean(text, THEMES)
        raise BadPreference(
            f"there is no theme {text!r}{hint or ';'} themes are: {', '.join(THEMES)}"
        )
    return text


def parse_user(text: str) -> str:
    """The user to log in as. Raises BadPreference for what ssh could take for an option, or a shell
    for several words.
    """
    if not SSH_USER.fullmatch(text):
        raise BadPreference(
            f"{text[:40]!r} is not a user name; use letters, digits and . _ @ -, not beginning with"
            " @ or -"
        )
    return text


class CommandRefused(CheckerError):
    """A command that cannot run on this row."""

    def __init__(self, command: Command, why: str) -> None:
        super().__init__(f"{command.name} cannot run here: {why}")


def expanded(
    command: Command, *, node: str, port: int | None, pid: int | None, target: str | None
) -> tuple[str, ...]:
    """The program and its arguments; one argument stays one, whatever the values contain. Raises
    CommandRefused, also if the command needs a value that is None (unknown).
    """
    values = {
        "node": node,
        "port": None if port is None else str(port),
        "pid": None if pid is None else str(pid),
        "target": target,
    }
    return tuple(argument(command, template, values) for template in command.argv)


def argument(command: Command, template: str, values: Mapping[str, str | None]) -> str:
    """One argument, with its words filled in. Raises CommandRefused."""

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        value = values[match[1]]
        if value is None:
            raise CommandRefused(command, f"the {match[1]} is unknown")
        return value

    made = BRACED.sub(one, template)
    if made.startswith("-") and not template.startswith("-"):
        raise CommandRefused(command, f"{command.argv[0]} would take {made!r} for an option")
    if "\0" in made:
        raise CommandRefused(command, f"{made!r} has a NUL byte, which no argument can contain")
    return made
