"""Where the preferences come from: the gateway's file, the operator's own, what is remembered, the
environment, the command line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from checker.config.layout import Layout, is_there
from checker.config.toml_file import ConfigError, read_toml, refuse_unknown
from reversi_tui.settings.preferences import Layer, Preferences, combined

WORDS = {"sort_by": "sort", "backwards": "reverse", "filter_text": "filter"}
"""What a field of Preferences is called where it is not by its own name."""
NOT_SHOWN = ("keys", "commands", "history", "origins")


def own_file(environ: Mapping[str, str]) -> Path | None:
    """The operator's own file; None where the environment tells of no home."""
    config, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    folder = (
        Path(config)
        if config.startswith("/")
        else Path(home) / ".config"
        if home.startswith("/")
        else None
    )
    return folder and folder / "reversi" / "console.toml"


def layers_of_files(
    layout: Layout, table: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Layer, ...]:
    """What `reversi.toml`, whose table this is, and the operator's own file say. Raises
    ConfigError.
    """
    found = []
    if "console" in table or "command" in table:
        from reversi_tui.settings.toml import layer_in

        found.append(layer_in(layout.config, table))
    own = own_file(environ)
    if own is not None and is_there(own):
        found.append(layer_of_own(own))
    return tuple(found)


def layer_of_own(path: Path) -> Layer:
    """What the operator's own file says. Raises ConfigError."""
    from reversi_tui.settings.toml import FILE_KEYS, layer_in

    if path.stat().st_mode & 0o002:
        raise ConfigError(
            path, "everyone may write it, and it names programs that we run; run: chmod o-w on it"
        )
    table = read_toml(path)
    refuse_unknown(path, "", table, FILE_KEYS)
    return layer_in(path, table)


def layer_of_environment(environ: Mapping[str, str]) -> Layer:
    """Source: https://no-color.org."""
    return Layer(
        origin="environment NO_COLOR", values={"theme": "mono"} if environ.get("NO_COLOR") else {}
    )


def for_scripts(files: tuple[Layer, ...], environ: Mapping[str, str], typed: Layer) -> Preferences:
    """Nothing remembered; and of the files nothing that hides rows: an exit status must not depend
    on them.
    """
    hiding = ("filter_text", "faults_only", "grouped")
    open_files = (
        Layer(
            origin=layer.origin,
            values={name: value for name, value in layer.values.items() if name not in hiding},
        )
        for layer in files
    )
    return combined((*open_files, layer_of_environment(environ), typed))


def shown_settings(preferences: Preferences) -> list[tuple[str, Any, str]]:
    """Name, value and origin of each setting, as the operator calls it."""
    names = [field.name for field in fields(Preferences) if field.name not in NOT_SHOWN]
    shown = [
        (WORDS.get(name, name), getattr(preferences, name), preferences.origin(name))
        for name in names
    ]
    shown += [
        (f"keys.{action}", key, preferences.origin(f"keys.{action}"))
        for action, key in preferences.keys
    ]
    shown += [
        (f"command.{each.name}", each.argv, preferences.origin(f"command.{each.name}"))
        for each in preferences.commands
    ]
    return shown


def config_text(preferences: Preferences) -> str:
    """`--show-config` for people: name, value and origin in line."""
    rows = [
        (name, value_text(value), origin) for name, value, origin in shown_settings(preferences)
    ]
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows
    )


def config_json(preferences: Preferences) -> str:
    """`--show-config --json`: one document."""
    settings = [
        {"name": name, "value": value, "origin": origin}
        for name, value, origin in shown_settings(preferences)
    ]
    return json.dumps({"schema": 1, "settings": settings})


def value_text(value: Any) -> str:
    """A value as TOML has it, on one line; what is chosen by itself is called auto."""
    if value is None:
        return "auto"
    return json.dumps(value, ensure_ascii=True)
