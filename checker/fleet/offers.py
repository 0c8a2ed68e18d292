"""What is offered, compared with what a gateway has: an entry or a card, as `taking` wants them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.fleet.cards import Card
from checker.fleet.taking import Here, Offer
from checker.model import Node, NodeName
from checker.registry.changes import present_text
from checker.registry.entries import Entry, foreign, is_followed, shape
from checker.registry.entry_files import entry_path, left_out_path, read_kept
from checker.registry.node_file import node_toml, read_node
from checker.registry.reading import node_path


def offer_of(entry: Entry) -> Offer:
    return Offer(
        rev=entry.head.rev,
        content=content_of(entry),
        bars=entry.bars,
        is_tombstone=entry.node is None,
        changed_at=entry.head.changed_at,
        born=entry.born,
        begun=entry.head.begun,
    )


def content_of(entry: Entry) -> object:
    """Return what an entry says; None: that there is no such node."""
    if entry.node is None:
        return None
    return shape(entry.node), foreign(entry.body), entry.head.paths, entry.head.gateways


LOST = Offer(rev=0, content="lost", bars=False)
"""What stands for an entry whose file cannot be read: whatever is signed replaces it, and a node
that is disabled or gone here lets nobody in by that.
"""


def here_of(layout: Layout, name: NodeName) -> Here:
    """Return what this gateway has of that name. A file that cannot be read is not what anybody
    signed, and stops nothing.
    """
    entry, is_lost = readable(entry_path(layout, name))
    left_out, _ = readable(left_out_path(layout, name))
    path = node_path(layout, name)
    content: object = None
    bars = True
    if os.path.lexists(path):
        try:
            node = read_node(path)
            paths, gateways = (entry.head.paths, entry.head.gateways) if entry else (1, ())
            content = (shape(node), foreign(present_text(path)), paths, gateways)
            bars = not node.enabled
        except ConfigError:
            content, bars = "broken", False
    offer = LOST if is_lost else None
    return Here(
        offer=offer_of(entry) if entry else offer,
        content=content,
        bars=bars,
        is_barred_by_clash=is_clash(entry, left_out),
    )


def readable(path: Path) -> tuple[Entry | None, bool]:
    """Return the entry in a file, and whether there is a file that cannot be read."""
    try:
        kept = read_kept(path)
    except ConfigError:
        return None, True
    return (kept.entry if kept else None), False


def is_clash(entry: Entry | None, left_out: Entry | None) -> bool:
    """Whether an entry that lets nobody in waits beside another one of its revision."""
    if entry is None or left_out is None:
        return False
    return left_out.bars and left_out.head.rev == entry.head.rev


def unsigned_text(layout: Layout, entry: Entry, here: Here) -> bytes:
    """Return the text of a node's file with an edit that nobody signed and that the entry does not
    say; empty if there is none.
    """
    if here.offer is None or not here.is_edited or here.content == content_of(entry):
        return b""
    present, _ = readable(entry_path(layout, entry.name))
    path = node_path(layout, entry.name)
    try:
        if present and is_followed(present, read_node(path)):
            return b""
    except ConfigError:
        pass
    return present_text(path)


def card_offer(card: Card) -> Offer:
    return Offer(rev=card.rev, content=card.content, bars=card.bars, changed_at=card.changed_at)


def as_here(node: Node, before: Node | None) -> Node:
    """Return an entry's node with this gateway's own times: since when it has had each right."""
    if before is None:
        return replace(node, key_since=0)
    old = {one.port: one for one in before.forwards}
    forwards = (
        replace(
            one,
            port_at=old[one.port].port_at,
            leaves_at=(old[one.port].leaves_at or one.leaves_at) if one.leaves_at else 0,
        )
        if one.port in old
        else one
        for one in node.forwards
    )
    return replace(node, key_since=before.key_since, forwards=tuple(forwards))


def follow_text(layout: Layout, entry: Entry) -> None:
    """Bring the comments and foreign keys of the entry into the node's file. Raises ConfigError."""
    path = node_path(layout, entry.name)
    text = node_toml(read_node(path), entry.body)
    if text != present_text(path):
        write_atomically(path, text, mode=0o644)
