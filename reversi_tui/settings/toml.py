"""Parses `[console]`, `[console.keys]` and `[[command]]` of both settings files. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from checker.config.toml_file import ConfigError, refuse_unknown, text_in, whole_in
from reversi_tui.settings.preferences import (
    BRACED,
    WORDS,
    BadPreference,
    Command,
    Layer,
    parse_columns,
    parse_sort,
    parse_theme,
    parse_user,
)
from reversi_tui.settings.presets import UnknownPreset, parse_preset

FILE_KEYS = ("console", "command", "view")
"""Of the operator's own file; the gateway's has no views."""
CONSOLE_KEYS = (
    "sort",
    "columns",
    "wide",
    "filter",
    "faults_only",
    "grouped",
    "theme",
    "mouse",
    "bell",
    "title",
    "confirm_over",
    "shell_user",
    "keys",
)
SIGNS = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Textual's names where they differ from Unicode's."""
PRESET = "preset"
"""The key in `[console.keys]` that is not an action."""
COMMAND_KEYS = ("name", "key", "title", "argv", "dangerous", "terminal")


def layer_in(path: Path, table: Mapping[str, Any]) -> Layer:
    """`[console]`, `[console.keys]` and `[[command]]` of a file; other tables are ignored. Raises
    ConfigError.
    """
    console = table.get("console", {})
    if not isinstance(console, dict):
        raise ConfigError(path, "console must be a table; write [console]")
    refuse_preset(path, "below [console]", console)
    refuse_unknown(path, "console: ", console, CONSOLE_KEYS)
    keys = keys_in(path, console.get("keys", {}))
    preset = keys.pop(PRESET, "")
    return Layer(
        origin=str(path),
        values={**values_in(path, console), **({"preset": preset} if preset else {})},
        keys=keys,
        commands=commands_in(path, table.get("command", [])),
    )


def refuse_preset(path: Path, where: str, table: Iterable[str]) -> None:
    """Raise ConfigError if a preset of keys is written there."""
    if PRESET in table:
        raise ConfigError(path, f"{PRESET} belongs below [console.keys], not {where}")


def values_in(path: Path, console: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in `[console]`. Raises ConfigError."""
    values: dict[str, Any] = {}
    try:
        if "sort" in console:
            values["sort_by"], values["backwards"] = parse_sort(
                text_in(path, "console: sort", console["sort"])
            )
        if "columns" in console:
            values["columns"] = parse_columns(
                texts_in(path, "console: columns", console["columns"])
            )
        if "theme" in console:
            values["theme"] = parse_theme(text_in(path, "console: theme", console["theme"]))
        if "shell_user" in console:
            values["shell_user"] = parse_user(
                text_in(path, "console: shell_user", console["shell_user"])
            )
    except BadPreference as error:
        raise ConfigError(path, f"console: {error}") from error
    for key in ("wide", "faults_only", "grouped", "mouse", "bell", "title"):
        if key in console:
            values[key] = flag_in(path, f"console: {key}", console[key])
    if "filter" in console:
        values["filter_text"] = text_in(path, "console: filter", console["filter"])
    if "confirm_over" in console:
        values["confirm_over"] = whole_in(
            path, "console: confirm_over", console["confirm_over"], 0, 1_000_000
        )
    return values


def texts_in(path: Path, key: str, value: Any) -> tuple[str, ...]:
    """A list of texts. Raises ConfigError."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(path, f"{key} must be a list of texts, not {value!r}")
    return tuple(value)


def keys_in(path: Path, table: Any) -> dict[str, str]:
    """The keys in `[console.keys]`, by action, and the name of a preset. Raises ConfigError."""
    if not isinstance(table, dict):
        raise ConfigError(path, "console: keys must be a table; write [console.keys]")
    found: dict[str, str] = {}
    for name, value in table.items():  # TOML makes a table of the first part of act.kill
        within = (
            {f"{name}.{part}": key for part, key in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
        found.update(
            {
                action: key_in(path, f"console: keys: {action}", key)
                for action, key in within.items()
                if action != PRESET
            }
        )
    if PRESET in table:
        found[PRESET] = preset_in(path, table[PRESET])
    return found


def preset_in(path: Path, value: Any) -> str:
    """The name of a preset of keys. Raises ConfigError."""
    try:
        return parse_preset(text_in(path, f"console: keys: {PRESET}", value))
    except UnknownPreset as error:
        raise ConfigError(path, f"console: keys: {error}") from error


def key_in(path: Path, where: str, value: Any) -> str:
    """Textual's names of the keys in a text, which commas separate; `/` stands for itself. Raises
    ConfigError.
    """
    text = text_in(path, where, value)
    keys = [text] if text == "," else text.split(",")
    if not all(key == key.strip() and key for key in keys):
        raise ConfigError(
            path, f"{where} must be a key, as in 'k', 'ctrl+k', 'f5' or '/', not {value!r}"
        )
    return ",".join(map(name_of_sign, keys))


def name_of_sign(key: str) -> str:
    """Textual's name of a sign; any other text is a name already."""
    if len(key) > 1 or key.isalnum():
        return key
    name = unicodedata.name(key, key).lower().replace("-", "_").replace(" ", "_")
    return SIGNS.get(name, name)


def commands_in(path: Path, tables: Any) -> tuple[Command, ...]:
    """Each `[[command]]`. Raises ConfigError."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(path, "command must be a list of tables; write [[command]]")
    found: dict[str, Command] = {}
    for number, table in enumerate(tables, start=1):
        refuse_unknown(path, f"command {number}: ", table, COMMAND_KEYS)
        command = command_from(path, number, table)
        if command.name in found:
            raise ConfigError(
                path,
                f"command {number}: two commands have the name {command.name!r}; rename one",
            )
        found[command.name] = command
    return tuple(found.values())


def trouble_in(argv: tuple[str, ...]) -> str:
    """Why these cannot be a command's arguments; empty if they can."""
    for place, template in enumerate(argv):
        for match in BRACED.finditer(template):
            if match[1] is None and len(match[0]) == 1:
                return f"has a single {match[0]!r} in {template!r}; write it twice for a brace"
            if match[1] is not None and match[1] not in WORDS:
                return (
                    f"has {match[0]!r}, which is unknown; use one of"
                    f" {', '.join(f'{{{word}}}' for word in WORDS)}"
                )
            if match[1] is not None and not place:
                return "must not have a {word} in the name of its program"
    return "" if argv and argv[0] else "must begin with a program"


def argv_in(path: Path, where: str, value: Any) -> tuple[str, ...]:
    """The program and its arguments. Raises ConfigError."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(
            path,
            f"{where}argv must be a list of texts, as in argv = ['ping', '{{node}}'], not"
            f" {value!r}",
        )
    argv = tuple(value)
    trouble = trouble_in(argv)
    if trouble:
        raise ConfigError(path, f"{where}argv {trouble}")
    return argv


def flag_in(path: Path, key: str, value: Any) -> bool:
    """A truth value. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(path, f"{key} must be true or false, not {value!r}")
    return value


def command_from(path: Path, number: int, table: Mapping[str, Any]) -> Command:
    """One `[[command]]` whose keys are all known. Raises ConfigError."""
    where = f"command {number}: "
    for key in ("name", "argv"):
        if key not in table:
            raise ConfigError(path, f"{where}{key} is missing")
    name = text_in(path, f"{where}name", table["name"])
    return Command(
        name=name,
        key=key_in(path, f"{where}key", table["key"]) if "key" in table else "",
        title=text_in(path, f"{where}title", table["title"]) if "title" in table else name,
        argv=argv_in(path, where, table["argv"]),
        dangerous=flag_in(path, f"{where}dangerous", table.get("dangerous", True)),
        terminal=flag_in(path, f"{where}terminal", table.get("terminal", False)),
    )
