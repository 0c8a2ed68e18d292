"""`reversi-checker node import|adopt`: fleets of the original come over, node by node."""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cli import ExitCode
from checker.commands import registry_of
from checker.config import ConfigError, Layout, load_config
from checker.control import Control
from checker.edits import rekeyed
from checker.keyfiles import add_key_options, key_files, wish_of
from checker.model import CheckerError, Node, parse_name
from checker.node_changes import narrate
from checker.nodefile import node_toml
from checker.output import say
from checker.registrar import tell
from checker.registry import (
    Registry,
    change,
    gate_command,
    locked,
    node_path,
    read_registry,
    write_atomically,
    write_keys,
)
from checker.sharing.adoption import to_be_adopted
from checker.sharing.legacy import MOST_BYTES, Remark, RevFile, read_rev
from checker.sshd import make_host_key

if TYPE_CHECKING:
    from checker.commands import Verbs


TOLD_AT_ONCE = 100
"""Events in one message to the daemon, which takes 64 KiB."""


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    importing = actions.add_parser(
        "import",
        help="register what the original's .rev files describe",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker node import sources/ --dry-run\n"
            "exit code 1: some line or file was not taken"
        ),
    )
    importing.add_argument(
        "path", nargs="+", type=Path, metavar="PATH", help="a .rev file, or a directory of them"
    )
    importing.add_argument("--dry-run", action="store_true", help="report, and register nothing")
    importing.add_argument("--json", action="store_true", help="one JSON document")
    importing.set_defaults(command=cmd_import)
    adopting = actions.add_parser(
        "adopt",
        help="give a node of the shared key one of its own",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker node adopt office --target 127.0.0.1:22 --client-config"
            " office.toml\nThe shared key goes on to open its ports until a tunnel of the new key"
            " beats;\nto end that by hand: reversi-checker node rekey office --now"
        ),
    )
    adopting.add_argument("name")
    adopting.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[PORT=]HOST:PORT",
        help="where a port leads, seen from the node; for SSH it is 127.0.0.1:22 if left out",
    )
    add_key_options(adopting)
    adopting.add_argument("--json", action="store_true", help="one JSON document")
    adopting.set_defaults(command=cmd_adopt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A remark on a line of a file."""

    path: Path
    remark: Remark

    def __str__(self) -> str:
        return (
            f"{self.path}{f':{self.remark.line}' if self.remark.line else ''}: {self.remark.text}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What a look at files came to."""

    nodes: tuple[tuple[Path, Node], ...]
    notes: tuple[Said, ...]
    problems: tuple[Said, ...]


def rev_files(paths: Iterable[Path]) -> tuple[list[Path], list[Said]]:
    """The files that are meant, each once, in order; and what names none."""
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        below = sorted(path.glob("*.rev")) if path.is_dir() else [path]
        if not below:
            problems.append(Said(path=path, remark=Remark(line=0, text="has no .rev file")))
        found.update(dict.fromkeys(below))
    return list(found), problems


class Places:
    """Names and ports that are taken, and by whom, as a clause."""

    def __init__(self, registry: Registry) -> None:
        self.names = dict.fromkeys([*registry.nodes, *registry.broken], "is registered already")
        self.ports = {
            port: f"belongs to node {forward.node}"
            for forward in registry.forwards
            for port in forward.ports
        }
        self.ports |= dict.fromkeys(
            registry.broken_ports, "is named by a node's file that can not be read"
        )

    def rival(self, node: Node) -> str:
        """Why this node can not be taken, as a clause; empty where it can."""
        if node.name in self.names:
            return f"node {node.name} {self.names[node.name]}"
        return next(
            (f"port {f.port} {self.ports[f.port]}" for f in node.forwards if f.port in self.ports),
            "",
        )

    def take(self, node: Node, path: Path) -> None:
        self.names[node.name] = f"is described by {path} too"
        self.ports |= {
            forward.port: f"belongs to node {node.name}, by {path}" for forward in node.forwards
        }


def look_at_files(paths: Iterable[Path], registry: Registry, *, now: int) -> Import:
    """What the files describe, and what of it can stand beside the registry and the files
    before.
    """
    files, problems = rev_files(paths)
    notes: list[Said] = []
    taken: list[tuple[Path, Node]] = []
    places = Places(registry)
    for path in files:
        found = look_at_file(path, now=now)
        notes += [Said(path=path, remark=remark) for remark in found.notes]
        problems += [Said(path=path, remark=remark) for remark in found.problems]
        if found.node is None:
            continue
        rival = places.rival(found.node)
        if rival:
            problems.append(
                Said(path=path, remark=Remark(line=0, text=f"{rival}; the node is not taken"))
            )
            continue
        taken.append((path, found.node))
        places.take(found.node, path)
    return Import(nodes=tuple(taken), notes=tuple(notes), problems=tuple(problems))


def look_at_file(path: Path, *, now: int) -> RevFile:
    """What one file came to, also where it can not be read. A pipe or a device is none: who reads
    it may wait for ever.
    """
    try:
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
        ) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return read_rev(file.read(MOST_BYTES + 1), added_at=now)
            why = "is no file"
    except OSError as error:
        why = f"can not be read ({error.strerror})"
    return RevFile(node=None, notes=(), problems=(Remark(line=0, text=why),))


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    shared_key = load_config(layout.config).shared_key
    if args.dry_run:
        registry = registry_of(layout)
        found, freed = look_at_files(args.path, registry, now=int(time.time())), registry.freed
    else:
        with locked(layout):
            registry = registry_of(layout)
            found, freed = look_at_files(args.path, registry, now=int(time.time())), registry.freed
            register(layout, [node for _, node in found.nodes])
        clauses = [
            (node.name, forward.port, f"imported from {path.name}")
            for path, node in found.nodes
            for forward in node.forwards
        ]
        for at in range(0, len(clauses), TOLD_AT_ONCE):
            trouble = Control(layout=layout).changed(clauses[at : at + TOLD_AT_ONCE])
            if trouble:
                print(
                    "reversi-checker: warning: it is done, and the log could not be told:"
                    f" {trouble}",
                    file=sys.stderr,
                )
    report_import(args, found)
    for _, node in found.nodes:
        for forward in node.forwards:
            if forward.port in freed:
                print(f"reversi-checker: warning: {freed[forward.port].sentence}", file=sys.stderr)
    if found.nodes and not shared_key.enabled:
        print(
            "reversi-checker: warning: the shared key is off, and these nodes have no other: set"
            " [shared_key] in reversi.toml, or give each its own with: reversi-checker node adopt"
            " NAME",
            file=sys.stderr,
        )
    return ExitCode.NOT_UP if found.problems else ExitCode.OK


def register(layout: Layout, nodes: Sequence[Node]) -> None:
    """Write these nodes' files, under `locked`; all of them or none. Raises ConfigError."""
    paths = [node_path(layout, node.name) for node in nodes]
    try:
        for path, node in zip(paths, nodes, strict=True):
            write_atomically(path, node_toml(node), mode=0o644)
        write_keys(layout, gate_command(layout))
    except ConfigError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def said_json(said: Said) -> dict[str, Any]:
    return {"file": str(said.path), "line": said.remark.line or None, "text": said.remark.text}


def report_import(args: argparse.Namespace, found: Import) -> None:
    if args.json:
        nodes = [
            {
                "name": node.name,
                "file": str(path),
                "forwards": [
                    {
                        "port": f.port,
                        "target": str(f.target),
                        "expect": str(f.expect),
                        "public": f.public,
                    }
                    for f in node.forwards
                ],
            }
            for path, node in found.nodes
        ]
        remarks = {
            "notes": [said_json(one) for one in found.notes],
            "problems": [said_json(one) for one in found.problems],
        }
        say(json.dumps({"schema": 1, "dry_run": args.dry_run, "nodes": nodes, **remarks}, indent=2))
        return
    for _, node in found.nodes:
        for forward in node.forwards:
            verb = "would register" if args.dry_run else "registered"
            say(
                f"{verb} {node.name}: port {forward.port} -> {forward.target}, expecting"
                f" {forward.expect}"
            )
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in found.problems:
        print(f"not taken: {problem}", file=sys.stderr)


def cmd_adopt(args: argparse.Namespace, layout: Layout) -> ExitCode:
    name = parse_name(args.name)
    present = to_be_adopted(args.target, layout, read_registry(layout.nodes), name)
    keys = key_files(wish_of(args), layout, load_config(layout.config))
    if layout.home is not None:
        make_host_key(layout.host_key)
    after = rekeyed(present, keys.public, now=False)
    with locked(layout):
        if read_registry(layout.nodes).nodes.get(name) not in (None, present):
            raise CheckerError(
                f"node {name} was changed by somebody else meanwhile; look at it, and run this"
                " again"
            )
        with keys.handed_over(after) as written:
            change(layout, name, after, gate_command(layout))
    text = (
        "adopted: its own key waits, and the shared one opens its ports until a tunnel of its own"
        " beats"
    )
    tell(layout, name, [(forward.port, text) for forward in after.forwards], narrate)
    if args.json:
        from checker.node_commands import node_json

        say(
            json.dumps(
                {
                    "schema": 1,
                    "node": node_json(after, layout),
                    "files": [str(path) for path in written],
                },
                indent=2,
            )
        )
        return ExitCode.OK
    for forward in after.forwards:
        say(f"{name}: port {forward.port} -> {forward.target}, expecting {forward.expect}")
    for line in keys.report(written):
        say(line)
    return ExitCode.OK
