"""The command line of `reversi-tui`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from checker import __version__
from checker.arguments import Help, Parser
from checker.config.layout import Layout, find_layout, refuse_missing
from checker.config.readers import refuse_outsider
from checker.config.settings import config_from, config_table
from checker.model import CheckerError
from reversi_tui.exit_codes import STATUSES, ExitCode, status_of
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.theme_names import THEMES
from reversi_tui.settings.layers import (
    config_json,
    config_text,
    for_scripts,
    layer_of_environment,
    layers_of_files,
    own_file,
)
from reversi_tui.settings.preferences import (
    Layer,
    Preferences,
    combined,
    keymap,
    parse_columns,
    parse_sort,
    parse_theme,
)
from reversi_tui.settings.views import settings_of, view_called

EXAMPLES = """\
examples:
  reversi-tui                                    the console
  reversi-tui --read-only --filter status:hung   look, change nothing
  reversi-tui --sort -latency --columns node,status,latency,peer
  reversi-tui --once --filter '!status:up'       what is not up; exit status 1 if anything is not
  reversi-tui --once --json --sort status        for scripts
  reversi-tui --show-config                      each setting, its value, and where it comes from
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Args:
    """The command line, read."""

    home: str | None
    read_only: bool
    once: bool
    as_json: bool
    show_config: bool
    remember: bool
    typed: Layer
    """The settings that were typed."""
    view: str = ""
    """The named view to begin with; empty: none."""
    only_here: bool = False
    """In a fleet: without what the other gateways saw."""


def parser() -> argparse.ArgumentParser:
    made = Parser(
        prog="reversi-tui",
        description="Show every tunnel of this gateway live, with keys to kill, reset and probe.",
        epilog=f"{EXAMPLES}\n{STATUSES}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"reversi-tui {__version__}")
    made.add_argument(
        "--home",
        metavar="DIR",
        help="the gateway's directory (default: REVERSI_HOME, else the installed gateway)",
    )
    made.add_argument(
        "--read-only", action="store_true", help="turn off all keys that change anything"
    )
    add_view_options(made)
    made.add_argument(
        "--once",
        action="store_true",
        help="print the table and exit; exit status 1 if anything shown is not up",
    )
    made.add_argument("--json", action="store_true", help="like --once, as one JSON document")
    made.add_argument(
        "--here",
        action="store_true",
        help="in a fleet: show only what this gateway saw, not what the others did",
    )
    made.add_argument(
        "--show-config",
        action="store_true",
        help="print each setting, its value and where it comes from; also with --json",
    )
    made.add_argument(
        "--debug", action="store_true", help="show a traceback if the console has a bug"
    )
    made.add_argument(
        "--no-remember",
        action="store_true",
        help="neither restore the view of the last run, nor save it for the next",
    )
    return made


def add_view_options(made: argparse.ArgumentParser) -> None:
    """The options for how the rows are shown."""
    switch = argparse.BooleanOptionalAction
    made.add_argument(
        "--filter",
        metavar="TEXT",
        help="show only rows that match: WORD, !WORD, COLUMN:WORD, since:<1h, is:fault, tag:site-a",
    )
    made.add_argument(
        "--view",
        metavar="NAME",
        help="begin with a named view, as with its digit: faults, flapping, slow, or your own",
    )
    made.add_argument(
        "--sort",
        metavar="[-]COLUMN",
        help=f"one of: {', '.join(BY_ID)}; with -, in reverse (default: node)",
    )
    made.add_argument("--reverse", action=switch, help="sort in reverse")
    made.add_argument(
        "--columns",
        metavar="A,B,C",
        help="show these columns, in this order (default: those that fit)",
    )
    made.add_argument(
        "--wide",
        action=switch,
        help="show the wide columns too: instance, client, expect, flaps and more",
    )
    made.add_argument(
        "--theme",
        metavar="NAME",
        help=f"one of: {', '.join(THEMES)} (default: terminal; with NO_COLOR: mono)",
    )
    made.add_argument(
        "--mouse",
        action=switch,
        help="use the mouse (default: yes, but not over SSH or in GNU screen)",
    )


def words_of(argv: Sequence[str]) -> list[str]:
    """The arguments, with a `-COLUMN` after --sort joined to it: argparse would take it for an
    option.
    """
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--sort" and word[:1] == "-" and word[:2] != "--":
            words[-1] = f"--sort={word}"
        else:
            words.append(word)
    return words


def typed_settings(given: argparse.Namespace) -> dict[str, Any]:
    """By the names of the fields of Preferences. Raises BadPreference."""
    values: dict[str, Any] = {}
    if given.sort is not None:
        values["sort_by"], values["backwards"] = parse_sort(given.sort)
    if given.reverse is not None:
        values["backwards"] = given.reverse
    if given.columns is not None:
        values["columns"] = parse_columns(name for name in given.columns.split(",") if name.strip())
    if given.theme is not None:
        values["theme"] = parse_theme(given.theme)
    plain = {"filter_text": given.filter, "wide": given.wide, "mouse": given.mouse}
    return {**values, **{name: value for name, value in plain.items() if value is not None}}


def parse(argv: Sequence[str]) -> Args:
    """The command line. Raises BadPreference."""
    given = parser().parse_args(words_of(argv))
    return Args(
        home=given.home,
        read_only=given.read_only,
        once=given.once or (given.json and not given.show_config),
        as_json=given.json,
        show_config=given.show_config,
        remember=not given.no_remember,
        typed=Layer(origin="command line", values=typed_settings(given)),
        view=given.view or "",
        only_here=given.here,
    )


def of_files(layout: Layout) -> tuple[float, tuple[Layer, ...]]:
    """The seconds between sweeps, and the console's settings in the files. Raises ConfigError."""
    given = config_table(layout.config)
    every_s = config_from(layout.config, given).policy.probe_every_s
    return every_s, layers_of_files(layout, given, os.environ)


def asked_for(args: Args, files: tuple[Layer, ...]) -> Layer:
    """The settings of the named view, and what else was typed. Raises UnknownView."""
    if not args.view:
        return args.typed
    settings = settings_of(view_called(args.view, combined(files).views))
    if args.once:
        del settings["grouped"]  # scripts get a line for each forward
    return replace(args.typed, values={**settings, **args.typed.values})


def preferred(
    args: Args, layout: Layout, files: tuple[Layer, ...]
) -> tuple[Preferences, Callable[[Preferences], str]]:
    """The preferences at the start, and a function that remembers their changes. Raises
    UnknownAction, KeyTwice.
    """
    from reversi_tui.actions.table import ACTIONS, MOVES
    from reversi_tui.settings.remembered import Memory, memory_path

    memory = Memory(layout, memory_path(os.environ) if args.remember else None)
    preferences, remark = memory.begin(
        files, (layer_of_environment(os.environ), asked_for(args, files))
    )
    keymap({**{action.id: action.key for action in ACTIONS}, **MOVES}, preferences)
    if remark:
        print(f"reversi-tui: {remark}", file=sys.stderr)
    return preferences, memory.remember


def show_config(args: Args, layout: Layout) -> ExitCode:
    """Raises ConfigError, UnknownAction, KeyTwice."""
    _, files = of_files(layout)
    preferences = (
        for_scripts(files, os.environ, asked_for(args, files))
        if args.once
        else preferred(args, layout, files)[0]
    )
    print(config_json(preferences) if args.as_json else config_text(preferences))
    return ExitCode.OK


def run_once(args: Args, layout: Layout) -> ExitCode:
    """Raises StateError, ConfigError, NoGateway, NotPrinted."""
    from reversi_tui.once import print_once

    refuse_missing(layout)
    every_s, files = of_files(layout)
    preferences = for_scripts(files, os.environ, asked_for(args, files))
    # collecting garbage among thousands of new rows would take a fifth of the time
    gc.disable()
    try:
        all_up = print_once(
            layout,
            preferences,
            every_s=every_s,
            now=time.time(),
            as_json=args.as_json,
            only_here=args.only_here,
        )
    finally:
        gc.enable()
    return ExitCode.OK if all_up else ExitCode.NOT_UP


def run_console(args: Args, layout: Layout) -> int:
    """Run the console until the operator quits. Raises NoTerminal, PoorTerminal, ConfigError,
    UnknownAction, KeyTwice.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise NoTerminal
    from reversi_tui import collecting
    from reversi_tui.terminal.environment import prepare, wants_mouse

    collecting.begin()
    prepare(os.environ)
    every_s, files = of_files(layout)
    preferences, remember = preferred(args, layout, files)
    from checker.control.client import Control
    from reversi_tui.actions.node_changes import Changes
    from reversi_tui.app import Console
    from reversi_tui.dependencies import Dependencies
    from reversi_tui.reader.daemon import ping
    from reversi_tui.settings.view_file import save_view

    control = Control(layout=layout, read_only=args.read_only)
    dependencies = Dependencies(
        layout=layout,
        acts=control,
        changes=Changes(layout=layout, read_only=args.read_only),
        ping=lambda: ping(control),
        every_s=every_s,
        preferences=preferences,
        in_files=combined(files),
        remember=remember,
        save_view=partial(save_view, own_file(os.environ)),
        only_here=args.only_here,
    )
    console = Console(dependencies)
    console.run(mouse=wants_mouse(os.environ) if preferences.mouse is None else preferences.mouse)
    if console.failure:
        raise console.failure
    return console.return_code or 0


class NoTerminal(CheckerError):
    """The console was started without a terminal."""

    def __init__(self) -> None:
        super().__init__("the console needs a terminal; in scripts, use --once or --json")


def run(argv: Sequence[str]) -> int:
    """Do what the arguments ask for. Raises whatever goes wrong."""
    args = parse(argv)
    layout = find_layout(args.home, os.environ)
    refuse_outsider(layout)
    if args.show_config:
        return show_config(args, layout)
    return run_once(args, layout) if args.once else run_console(args, layout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, and print an error as one sentence."""
    words = sys.argv[1:] if argv is None else argv
    try:
        return run(words)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the root: whatever it is becomes a sentence and an exit status
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        code, sentence = status_of(error)
    print(f"reversi-tui: error: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
