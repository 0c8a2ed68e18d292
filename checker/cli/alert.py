"""The verb `alert`: tell the admin what is down, until stopped; or send a test message."""

from __future__ import annotations

import argparse
from pathlib import Path

from checker.cli.dialog import warn
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_verb
from checker.config.layout import Layout, refuse_missing
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    alert = add_verb(
        verbs,
        "alert",
        "send messages about outages, by ntfy, mail and other services, until stopped",
        "sudo reversi-checker alert --test",
        "reversi-checker --home ~/gateway alert",
        ending="alerts.toml, beside reversi.toml, says where messages go; see docs/alerts.md.\n"
        "`init --alerts` makes a service of it.",
    )
    alert.add_argument(
        "--test",
        action="store_true",
        help="send one test message each way, and print whether it was sent (exit status 1: one was"
        " not)",
    )
    alert.set_defaults(command=cmd_alert)


def cmd_alert(args: argparse.Namespace, layout: Layout) -> ExitCode:
    refuse_missing(layout)
    if args.test:
        return send_test(layout)
    serve(layout)
    return ExitCode.OK


def gateway_name() -> str:
    """How messages call this gateway."""
    import socket

    from checker.model import printable

    return printable(socket.gethostname(), 64).partition(".")[0]


def send_test(layout: Layout) -> ExitCode:
    """Raises ConfigError, LibraryMissing."""
    import time

    from checker.alerts.settings import load_settings
    from checker.alerts.ways import open_ways
    from checker.alerts.words import trial_message
    from checker.config.layout import is_there
    from checker.config.toml_file import ConfigError

    path = layout.alerts
    if not is_there(path):
        raise ConfigError(
            path, "does not exist; write it, with send or command: see docs/alerts.md"
        )
    settings, warnings = load_settings(path)
    for warning in warnings:
        warn(warning)
    ways = open_ways(path, settings)
    if not ways:
        raise ConfigError(path, "names no way to send: give it send or command; see docs/alerts.md")
    if settings.filter_text:
        warn_of_filter(layout, path, settings.filter_text)
    message = trial_message(gateway_name(), time.time())
    results = [(way.name, way.send(message)) for way in ways]
    for name, why_not in results:
        say(f"{name}: {why_not or 'sent'}")
    return ExitCode.NOT_UP if any(why_not for _, why_not in results) else ExitCode.OK


def warn_of_filter(layout: Layout, path: Path, text: str) -> None:
    """Warn if the settings' filter is mistyped, or shows nothing. Raises CheckerError."""
    from checker.cli.common import existing_registry
    from checker.cli.selection import NothingMatches, matching_rows
    from checker.rows.mistakes import MistakenFilter

    try:
        matching_rows(layout, existing_registry(layout), text)
    except MistakenFilter as mistake:
        warn(f"{path}: filter: {mistake}")
    except NothingMatches as nothing:
        warn(f"{path}: filter: {nothing}; until a node matches, no outage is reported")


def serve(layout: Layout) -> None:
    """Send alerts until SIGTERM or SIGINT. Raises CheckerError."""
    import signal
    from functools import partial

    from checker.alerts.following import Following
    from checker.alerts.memory_file import memory_file, only_one
    from checker.alerts.process import Alerting, Stop
    from checker.alerts.reading import look

    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    memory = memory_file(layout)
    following = Following(layout.alerts)
    with only_one(memory):
        Alerting(following, memory, partial(look, layout), gateway_name()).run(stop)
