"""The sources of the preferences: files, environment; and `--show-config`, which names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from checker.config.layout import Layout, is_there
from checker.config.toml_file import ConfigError, read_toml, refuse_unknown
from checker.output import aligned
from reversi_tui.settings.preferences import DEFAULT, Layer, Preferences, combined
from reversi_tui.settings.views import described
from reversi_tui.settings.xdg import xdg_folder

WORDS = {
    "sort_by": "sort",
    "backwards": "reverse",
    "filter_text": "filter",
    "preset": "keys.preset",
}
"""Fields of Preferences whose setting has another name."""
NOT_SHOWN = ("keys", "commands", "views", "remarks", "history", "origins")


def own_file(environ: Mapping[str, str]) -> Path | None:
    """The operator's own file; None if the environment names no home."""
    folder = xdg_folder(environ, "XDG_CONFIG_HOME", ".config")
    return folder and folder / "reversi" / "console.toml"


def layers_of_files(
    layout: Layout, table: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Layer, ...]:
    """The settings in `reversi.toml`, given as its table, and in the operator's own file. Raises
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
    """The settings in the operator's own file. Raises ConfigError."""
    from reversi_tui.settings.toml import FILE_KEYS, layer_in, refuse_preset
    from reversi_tui.settings.view_tables import views_in

    if path.stat().st_mode & 0o002:
        raise ConfigError(
            path, "everyone may write to it, and it names programs to run; run: chmod o-w on it"
        )
    table = read_toml(path)
    refuse_preset(path, "at the top", table)
    refuse_unknown(path, "", table, FILE_KEYS)
    views, remarks = views_in(path, table.get("view", []))
    return replace(layer_in(path, table), views=views, remarks=remarks)


def layer_of_environment(environ: Mapping[str, str]) -> Layer:
    """Source: https://no-color.org."""
    return Layer(
        origin="environment NO_COLOR", values={"theme": "mono"} if environ.get("NO_COLOR") else {}
    )


def for_scripts(files: tuple[Layer, ...], environ: Mapping[str, str], typed: Layer) -> Preferences:
    """Leave out what is remembered, and what hides rows in the files: an exit status must not
    depend on it. Unless somebody asks for another order, it is by node, as it always was.
    """
    hiding = ("filter_text", "faults_only", "grouped")
    open_files = (
        Layer(
            origin=layer.origin,
            values={name: value for name, value in layer.values.items() if name not in hiding},
        )
        for layer in files
    )
    by_node = Layer(origin=DEFAULT, values={"sort_by": "node"})
    return combined((by_node, *open_files, layer_of_environment(environ), typed))


def shown_settings(preferences: Preferences) -> list[tuple[str, Any, str]]:
    """Name, value and origin of each setting, by the operator's name for it."""
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
    shown += [
        (f"view.{each.name}", described(each), preferences.origin(f"view.{each.name}"))
        for each in preferences.views
    ]
    return shown


def config_text(preferences: Preferences) -> str:
    """`--show-config` for people: name, value and origin, aligned."""
    settings = shown_settings(preferences)
    return aligned([(name, value_text(value), origin) for name, value, origin in settings])


def config_json(preferences: Preferences) -> str:
    """`--show-config --json`: one document."""
    settings = [
        {"name": name, "value": value, "origin": origin}
        for name, value, origin in shown_settings(preferences)
    ]
    return json.dumps({"schema": 1, "settings": settings})


def value_text(value: Any) -> str:
    """A value in TOML, on one line; None is `auto`."""
    if value is None:
        return "auto"
    return json.dumps(value, ensure_ascii=True)
