"""Write a large registry of a fleet, signed, as many `node add` would have left it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from bench.scale.registered import FIRST_PORT, MORE_PORTS, write_nodes
from checker.config.layout import Layout
from checker.control.sealing import AT_ONCE
from checker.model import NodeName
from checker.registry.authorized_keys import update_keys
from checker.registry.entries import Head, entry_text
from checker.registry.entry_files import entries_folder, entry_path, signature_path
from checker.registry.index import update_index
from checker.registry.node_file import read_node
from checker.registry.reading import node_path, read_registry
from checker.signatures import SigningKey, sign
from demo.fleet_gateway import failing

SIGNER = "operator"


def allow_ports(layout: Layout, count: int) -> None:
    """Have ports for `count` nodes, and for some more."""
    text = layout.config.read_text(encoding="ascii")
    ports = f'ports = "{FIRST_PORT}-{FIRST_PORT + count + MORE_PORTS - 1}"\n'
    layout.config.write_text(ports + text, encoding="ascii")


def register(layout: Layout, operator: Path, count: int) -> None:
    """Write nodes, keys, entries and signatures of one gateway. Raises CheckerError."""
    layout.nodes.mkdir(exist_ok=True)
    entries_folder(layout).mkdir(exist_ok=True)
    ports = range(FIRST_PORT, FIRST_PORT + count)
    write_nodes(layout, ports)
    update_keys(layout)
    key = SigningKey(signer=SIGNER, file=operator)
    for part in parts([NodeName(f"node{port}") for port in ports]):
        texts = [text_of(layout, name) for name in part]
        for name, text, signature in zip(part, texts, sign(texts, key), strict=True):
            path = entry_path(layout, name)
            path.write_bytes(text)
            signature_path(path).write_bytes(signature)


def text_of(layout: Layout, name: NodeName) -> bytes:
    head = Head(name=name, rev=1, begun=1, changed_at=int(time.time()), changed_by=SIGNER)
    path = node_path(layout, name)
    return entry_text(head, read_node(path), path.read_bytes())


def parts(names: Sequence[NodeName]) -> Iterator[Sequence[NodeName]]:
    left = iter(names)
    while part := tuple(islice(left, AT_ONCE)):
        yield part


def fill(layouts: Sequence[Layout], operator: Path, count: int) -> None:
    """Give all gateways the same registry of so many nodes. Raises DemoFailed."""
    for layout in layouts:
        allow_ports(layout, count)
    with failing():
        register(layouts[0], operator, count)
    for layout in layouts[1:]:
        copy(layouts[0], layout)


def copy(source: Layout, target: Layout) -> None:
    """Give another gateway the same registry, with an index of its own files."""
    for path in (source.nodes, entries_folder(source), source.keys, source.authorized_keys):
        assert source.home is not None
        assert target.home is not None
        place = target.home / path.relative_to(source.home)
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True)
        elif path.exists():
            shutil.copy2(path, place)
    update_index(target.nodes, read_registry(target.nodes).nodes, ())
