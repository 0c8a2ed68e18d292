"""The verb `metrics`: write or serve metrics for Prometheus."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import NothingMatches, add_filter
from checker.cli.verbs import Verbs, add_verb
from checker.config.files import write_atomically
from checker.config.layout import Layout, refuse_missing
from checker.metrics.reading import Reader
from checker.model import CheckerError, InvalidValue, parse_target
from checker.output import say


class LibraryMissing(CheckerError):
    """prometheus_client is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "metrics needs the Python package prometheus_client; run:"
            f" {sys.executable} -m pip install prometheus_client"
        )


def add_to(verbs: Verbs) -> None:
    """Declare the verb."""
    metrics = add_verb(
        verbs,
        "metrics",
        "print metrics for Prometheus, or serve them",
        "reversi-checker metrics",
        "reversi-checker metrics --listen 127.0.0.1:9948",
        "reversi-checker metrics --per node --filter tag:site-a",
        "sudo reversi-checker metrics --textfile /var/lib/prometheus/node-exporter/reversi.prom",
        ending="It needs no rights but to read. `init --metrics` makes a service of it.",
    )
    way = metrics.add_mutually_exclusive_group()
    way.add_argument(
        "--textfile",
        type=Path,
        metavar="FILE.prom",
        help="write them to this file once, for node_exporter",
    )
    way.add_argument(
        "--listen",
        metavar="ADDRESS:PORT",
        help="serve them at http://ADDRESS:PORT/metrics; only a loopback address",
    )
    metrics.add_argument(
        "--per",
        choices=("forward", "node", "none"),
        default="forward",
        help="one series for each forward (default), for each node, or only for the gateway",
    )
    add_filter(metrics, "nodes")
    metrics.set_defaults(command=cmd_metrics)


def cmd_metrics(args: argparse.Namespace, layout: Layout) -> ExitCode:
    try:
        import prometheus_client  # noqa: F401 - to say in a sentence that it is missing
    except ModuleNotFoundError as error:
        raise LibraryMissing from error
    from checker.metrics.families import Per
    from checker.metrics.scrape import scrape

    refuse_missing(layout)
    if args.textfile:
        refuse_place(args.textfile)
    reader, per = Reader(layout, args.filter), Per(args.per)
    if args.filter is not None:
        check_filter(reader, args.filter, may_match_later=bool(args.listen))

    def collect() -> bytes:
        return scrape(reader, per)

    if args.listen:
        serve(args.listen, collect)
    elif args.textfile:
        write_atomically(args.textfile.absolute(), collect(), mode=0o644)
    else:
        say(collect().decode(), end="")
    return ExitCode.OK


def serve(address: str, collect: Callable[[], bytes]) -> None:
    """Serve until the process is told to end. Raises InvalidValue, CannotListen."""
    from checker.metrics.serving import Server, Source, loopback

    server = Server(loopback(parse_target(address, "--listen")), Source(collect))
    with server:
        narrate(f"serving {server.url}")
        server.serve_forever()


def check_filter(reader: Reader, text: str, *, may_match_later: bool) -> None:
    """Raises InvalidValue, MistakenFilter, StateError, ConfigError; NothingMatches, unless nodes
    may match later.
    """
    try:
        reader.chosen(text)
    except NothingMatches as nothing:
        if not may_match_later:
            raise
        narrate(str(nothing))


def refuse_place(path: Path) -> None:
    """Raises InvalidValue."""
    if path.suffix != ".prom":
        raise InvalidValue(
            f"--textfile {path}: node_exporter reads only files whose name ends in .prom"
        )
    if not path.absolute().parent.is_dir():
        raise InvalidValue(f"--textfile {path}: there is no such directory; make it first")
