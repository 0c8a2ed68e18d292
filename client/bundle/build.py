"""`reversi-client build`: make bundles from the gateway's registry and the nodes' keys.

It runs on the gateway.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from checker.config.files import write_secret
from checker.config.layout import Layout, find_layout, refuse_unmade
from checker.config.readers import refuse_outsider
from checker.config.settings import Config, load_config
from checker.control.client_files import addresses
from checker.model import (
    CheckerError,
    Forward,
    InvalidValue,
    Node,
    decoded,
    parse_forward,
    parse_name,
    parse_public_key,
)
from checker.output import progress_bar
from checker.registry.changes import kept_key_path
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.sshd.host_key_files import host_keys
from client.bundle.compose import Bundle, render
from client.bundle.fleet_order import FleetOrder, fleet_order
from client.bundle.gateways import (
    Given,
    Pinning,
    key_texts,
    parse_gateway,
    pinning,
    split_id,
)
from client.bundle.host_keys import compare
from client.bundle.keyforms import KeyForms, KeyUnusable, read_key
from client.bundle.noted_pins import note, pins_in, unnoted
from client.bundle.options import BuildOptions
from client.bundle.paths import gateways_of, paths_to_build, pins_for, signed_paths
from client.errors import ClientError
from client.paths import ONLY

STDOUT = Path("-")


class CannotBuild(ClientError):
    """A bundle cannot be built; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The gateway that bundles are built for."""

    layout: Layout
    config: Config
    registry: Registry
    gateways: Sequence[str]
    """`[ID=]HOST:PORT` each, in order."""
    pins: Pinning
    order: FleetOrder | None = None
    """In which order each node has them; None: in that of `gateways`."""
    doubt: str = ""
    """Why sshd may not have these host keys; empty if it was asked."""


def given_keys(text: str) -> Given:
    """Read the file of `--host-key [ID=]FILE`. Raises CannotBuild, InvalidValue."""
    id_, name = ("", text) if os.path.lexists(text) else split_id(text, "--host-key")
    return Given(id=id_, keys=host_keys_in(Path(name)))


def host_keys_in(file: Path) -> tuple[str, ...]:
    """Read public host keys: a .pub file, or lines of known_hosts. Raises CannotBuild."""
    try:
        found = tuple(map(parse_public_key, key_texts(decoded(file.read_bytes()))))
    except OSError as error:
        raise CannotBuild(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CannotBuild(f"{file} is not a public key; give the .pub file") from error
    except InvalidValue as error:
        raise CannotBuild(f"{file}: {error}") from error
    if not found:
        raise CannotBuild(f"{file} has no public key")
    return found


def find_source(wanted: BuildOptions) -> Source:
    """Read the gateway's configuration and registry. Raises CheckerError."""
    layout = find_layout(wanted.home, os.environ)
    refuse_outsider(layout)
    refuse_unmade(layout, wanted.home, os.environ)
    config = load_config(layout.config)
    present = host_keys(layout)
    is_typed = wanted.gateways or wanted.enrolment
    order = None if is_typed else fleet_order(layout, config)
    texts = wanted.gateways or (order.gateways if order else addresses(layout, config, None))
    gateways = tuple(map(parse_gateway, texts))
    typed = tuple(map(given_keys, wanted.host_keys))
    pins = pinning(gateways, present.keys, order.given(typed) if order else typed)
    return Source(
        layout=layout,
        config=config,
        registry=read_registry(layout.nodes),
        gateways=gateways,
        pins=pins,
        order=order,
        doubt=present.doubt if pins.own else "",
    )


def key_files(node: Node, place: Path, kept: Path) -> list[Path]:
    """Return where the node's private key may be.

    If the place is a directory, these are the names that `node add` and `node rekey` may have used.
    """
    if not os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises if it may not look
        return [place]
    usual = (place / f"{node.name}.key", place / f"{node.name}.toml.key", kept)
    return [
        *(file for file in usual if os.path.lexists(file)),
        *sorted(place.glob(f"{node.name}-*.key")),
    ]


def key_in(file: Path) -> KeyForms:
    """Read a private key. Raises CannotBuild."""
    try:
        return read_key(file.read_bytes())
    except OSError as error:
        raise CannotBuild(f"{file} cannot be read: {error.strerror}") from error
    except KeyUnusable as error:
        raise CannotBuild(f"{file}: {error}") from error


def find_key(node: Node, place: Path, kept: Path) -> KeyForms:
    """Return the node's private key from whichever file has it. Raises CannotBuild.

    Prefer a new key that was not used yet to the present one.
    """
    files = key_files(node, place, kept)
    found: dict[str, KeyForms] = {}
    troubles = []
    for file in files:
        try:
            forms = key_in(file)
        except CannotBuild as error:
            troubles.append(str(error))
        else:
            found[forms.public] = forms
    fitting = next((found[key] for key in (node.next_key, node.public_key) if key in found), None)
    if fitting is None:
        raise CannotBuild(no_key(node, place, files, troubles))
    return fitting


def no_key(node: Node, place: Path, files: Sequence[Path], troubles: Sequence[str]) -> str:
    """Return a message that says why the node's private key was not found, and what to do."""
    way_out = "name it with --private-key, or let the device make its own with --key device"
    if not files:
        usual = f"{place / node.name}.key, {node.name}-2.key ... or {node.name}.toml.key"
        return (
            f"{node.name}: no private key at {usual}; node add hands it out once and keeps no copy:"
            f" {way_out}"
        )
    if troubles:
        return "; ".join(troubles)
    names = ", ".join(map(str, files))
    if len(files) > 1:
        return (
            f"none of {names} is the private key of node {node.name}: they do not match its public"
            f" key; {way_out}"
        )
    return (
        f"{names} is not the private key of node {node.name}: it does not match its public key;"
        f" {way_out}"
    )


def unregistered(name: str, texts: Sequence[str]) -> Node:
    """Return a node as it will be once its device has made a key.

    Raises InvalidValue, CannotBuild.
    """
    requests = [parse_forward(text) for text in texts]
    if any(request.port is None for request in requests):
        raise CannotBuild(
            f"{name}: the node is not registered yet, so each --forward must name its gateway port:"
            " PORT=HOST:PORT"
        )
    parsed = parse_name(name)
    forwards = tuple(
        Forward(node=parsed, port=request.port, target=request.target, expect=request.expect)
        for request in requests
        if request.port is not None
    )
    return Node(name=parsed, public_key="", forwards=forwards, added_at=0)


def node_add(source: Source, node: Node) -> str:
    """Return the command that registers the node, with its public key on stdin.

    For a node that is registered already it is the command that replaces its key.
    """
    if node.public_key:
        return checker_words(source, "node", "rekey", node.name, "--public-key", "-")
    asked = [
        word
        for forward in node.forwards
        for word in ("--forward", f"{forward.port}={forward.target},{forward.expect}")
    ]
    return checker_words(source, "node", "add", node.name, *asked, "--public-key", "-")


def checker_words(source: Source, *words: str) -> str:
    """Return a command of the gateway's admin, as text for a shell."""
    home = ["--home", str(source.layout.home)] if source.layout.home else []
    return shlex.join(["reversi-checker", *home, *words])


def bundle_for(source: Source, node: Node, wanted: BuildOptions, path: int = ONLY) -> Bundle:
    """Collect the content of the node's bundle. Raises CannotBuild, InvalidValue."""
    if not node.lasting:
        raise CannotBuild(f"{node.name} has no forward, so it needs no tunnel")
    all_ = source.order.of(node.name, source.gateways) if source.order else source.gateways
    gateways = gateways_of(all_, path)
    is_whole = path == ONLY and source.order is None
    return Bundle(
        node=node.name,
        path=path,
        gateways=gateways,
        user=source.config.tunnel_user,
        forwards=node.remote_forwards,
        host_keys=source.pins.lines if is_whole else pins_for(gateways, source.pins.lines),
        key=(
            None
            if wanted.makes_key or wanted.keep
            else find_key(node, wanted.private_key, kept_key_path(source.layout, node.name))
        ),
        node_add=node_add(source, node),
        settings=wanted.settings,
        keep=wanted.keep,
    )


def handed_out(source: Source, bundle: Bundle, wanted: BuildOptions) -> Path:
    """Write the bundle, note what it pins, and return its path. Raises ConfigError."""
    path = wanted.output or wanted.output_dir / f"{bundle.name}.sh"
    note(source.layout, bundle.node, pins_in(bundle, source.pins, int(time.time())))
    if path == STDOUT:
        sys.stdout.write(render(bundle))
    else:
        write_secret(path, render(bundle).encode())
    return path


def confirm(source: Source, wanted: BuildOptions, narration: TextIO) -> None:
    """Compare the host keys with what the gateway's addresses answer. Raises AnotherHostKey."""
    said = [source.doubt, unnoted(source.layout)]
    if wanted.scans:
        said += compare(source.gateways, source.pins)
    for sentence in filter(None, said):
        print(f"reversi-client: {sentence}", file=narration)


def moves(node: Node) -> tuple[str, ...]:
    """Return a sentence for each forward that moves to another port, for the admin."""
    return tuple(
        f"the new bundle listens on port {f.next_port}; bring it to the device through port"
        f" {f.port}, which stays the node's until then"
        for f in node.forwards
        if f.next_port is not None
    )


def wanted_nodes(source: Source, filter_text: str | None) -> tuple[list[Node], list[str]]:
    """Return the nodes to build for, and a sentence for each other whose file is broken. Raises
    CheckerError if nothing matches the filter.
    """
    registry = source.registry
    if filter_text is None:
        found = list(registry.nodes.values())
        return [node for node in found if node.name not in registry.broken], [*registry.problems]
    from checker.control.matching import matching_nodes

    matching = matching_nodes(source.layout, registry, filter_text)
    names = {node.name for node in matching}
    return (
        [node for node in matching if node.name not in registry.broken],
        [one.sentence for one in registry.broken_files if one.name in names],
    )


def paths_of(source: Source, node: Node, wanted: BuildOptions) -> tuple[int, ...]:
    """Return the paths for which to build the node's bundles. Raises ConfigError, InvalidValue."""
    signed = signed_paths(source.layout, source.config, node.name)
    return paths_to_build(node.name, signed, wanted.path, all_=wanted.node is None)


def wanted_bundles(
    source: Source, wanted: BuildOptions
) -> tuple[list[tuple[Node, int]], list[str]]:
    """Return the nodes with the path of each bundle, and a sentence for each node that gets none.
    Raises CheckerError if nothing matches the filter.
    """
    nodes, problems = wanted_nodes(source, wanted.filter_text)
    bundles: list[tuple[Node, int]] = []
    for node in nodes:
        try:
            bundles += [(node, path) for path in paths_of(source, node, wanted)]
        except CheckerError as error:
            problems.append(str(error))
    return bundles, problems


def build_all(source: Source, wanted: BuildOptions, narration: TextIO) -> int:
    """Build a bundle for each node. Report the failures, and return how many there were."""
    bundles, problems = wanted_bundles(source, wanted)
    total = len(bundles) + len(problems)
    confirm(source, wanted, narration)
    with progress_bar(narration, len(bundles)) as step:
        for node, path in bundles:
            try:
                handed_out(source, bundle_for(source, node, wanted, path), wanted)
            except (CannotBuild, InvalidValue) as error:
                problems.append(str(error))
            step(node.name)
    for problem in problems:
        print(f"reversi-client: {problem}", file=narration)
    print(
        f"reversi-client: {total - len(problems)} of {total} bundles are in {wanted.output_dir}",
        file=narration,
    )
    return len(problems)


def build_one(source: Source, wanted: BuildOptions, name: str, narration: TextIO) -> Path:
    """Build the node's bundle, and return its path. Raises CheckerError, CannotBuild."""
    if wanted.forwards and name in source.registry.nodes:
        raise CannotBuild(f"{name} is registered with its own forwards: leave out --forward")
    if not wanted.forwards:
        source.registry.refuse_broken(name)
    node = unregistered(name, wanted.forwards) if wanted.forwards else source.registry.node(name)
    (number,) = paths_of(source, node, wanted)
    bundle = bundle_for(source, node, wanted, number)
    confirm(source, wanted, narration)
    path = handed_out(source, bundle, wanted)
    verb = "upgrade" if wanted.keep else "install"
    if path != STDOUT:
        print(f"reversi-client: wrote {path}; on the device: sh {path.name} {verb}", file=narration)
    for sentence in moves(node):
        print(f"reversi-client: {sentence}", file=narration)
    return path


def build(wanted: BuildOptions) -> bool:
    """Carry out `build`, and return whether every bundle was made. Raises CannotBuild."""
    try:
        source = find_source(wanted)
        if wanted.node is None:
            return build_all(source, wanted, sys.stderr) == 0
        build_one(source, wanted, wanted.node, sys.stderr)
    except CheckerError as error:
        raise CannotBuild(str(error)) from error
    return True
