"""Parses `[[view]]` of the operator's file: a bad table costs only its own view. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checker.config.toml_file import ConfigError, refuse_unknown, text_in
from checker.model import InvalidValue
from reversi_tui.settings.preferences import BadPreference, parse_columns, parse_sort
from reversi_tui.settings.toml import flag_in, key_in, texts_in
from reversi_tui.settings.views import NamedView, parse_view_name

VIEW_KEYS = ("name", "key", "filter", "sort", "columns", "faults", "group")


def views_in(path: Path, tables: Any) -> tuple[tuple[NamedView, ...], tuple[str, ...]]:
    """The views of `[[view]]`, and a sentence for each table that is not one."""
    if not isinstance(tables, list):
        return (), (f"{path}: view must be a list of tables; write [[view]]",)
    views: dict[str, NamedView] = {}
    remarks = []
    for number, table in enumerate(tables, start=1):
        try:
            view = view_from(path, number, table)
            if view.name in views:
                raise ConfigError(path, f"view {number}: two views are called {view.name!r}")
        except ConfigError as error:
            remarks.append(f"{error}; the other views work")
        else:
            views[view.name] = view
    return tuple(views.values()), tuple(remarks)


def view_from(path: Path, number: int, table: Any) -> NamedView:
    """One `[[view]]`. Raises ConfigError."""
    where = f"view {number}: "
    if not isinstance(table, dict):
        raise ConfigError(path, f"{where}it must be a table; write [[view]]")
    refuse_unknown(path, where, table, VIEW_KEYS)
    try:
        return view_of(path, where, table)
    except (BadPreference, InvalidValue) as error:
        raise ConfigError(path, f"{where}{error}") from error


def view_of(path: Path, where: str, table: Mapping[str, Any]) -> NamedView:
    """The view in a table whose keys are known. Raises ConfigError, BadPreference, InvalidValue."""
    if "name" not in table:
        raise ConfigError(path, f"{where}name is missing")
    key = key_in(path, f"{where}key", table["key"]) if "key" in table else ""
    if "," in key:
        raise ConfigError(path, f"{where}key must be one key, as in '7', not {table['key']!r}")
    columns = texts_in(path, f"{where}columns", table.get("columns", []))
    return NamedView(
        name=parse_view_name(text_in(path, f"{where}name", table["name"])),
        key=key,
        filter_text=text_in(path, f"{where}filter", table["filter"]) if "filter" in table else "",
        sort=parse_sort(text_in(path, f"{where}sort", table["sort"])) if "sort" in table else None,
        columns=parse_columns(columns),
        faults_only=flag_in(path, f"{where}faults", table.get("faults", False)),
        grouped=flag_in(path, f"{where}group", table.get("group", False)),
    )
