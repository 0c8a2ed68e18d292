"""Tags and note in the table of a node's file. Pure.

They give no rights, so a value that cannot be used is named and ignored: a wrong tag must never
lock a device out. Its text stays in the file, as it may be of a later version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from checker.model import MOST_TAGS, InvalidValue, Node, parse_note, parse_tag, parse_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a file says about tags and note."""

    tags: tuple[str, ...] = ()
    note: str = ""
    odd_tags: tuple[Any, ...] = ()
    """Items of the list that cannot be a tag."""
    clauses: tuple[str, ...] = ()
    """What is wrong, a clause each."""


def labels_in(table: Mapping[str, Any]) -> Labels:
    """Read tags and note of a node's table."""
    tags, odd, about_tags = tags_in(table.get("tags", []))
    note, about_note = note_in(table.get("note", ""))
    return Labels(tags=tags, note=note, odd_tags=odd, clauses=(*about_tags, *about_note))


def tags_in(value: Any) -> tuple[tuple[str, ...], tuple[Any, ...], tuple[str, ...]]:
    """Return the tags of a list, the items that cannot be one, and a clause about each that is
    ignored.
    """
    if not isinstance(value, list):
        return (), (), ('tags must be a list, as in tags = ["site-a"]',)
    good: dict[str, None] = {}
    odd: list[Any] = []
    clauses: list[str] = []
    for item in value:
        try:
            tag = parse_tag(item if isinstance(item, str) else str(item))
        except InvalidValue as error:
            odd.append(item)
            clauses.append(f"tags: {error}")
            continue
        if tag in good or len(good) < MOST_TAGS:
            good[tag] = None
        else:
            clauses.append(f"tags: {tag!r} is one too many; a node can have {MOST_TAGS}")
    return tuple(sorted(good)), tuple(odd), tuple(clauses)


def note_in(value: Any) -> tuple[str, tuple[str, ...]]:
    """Return the note, empty if it cannot be used, and then a clause that says why."""
    if not isinstance(value, str):
        return "", ('note must be a text, as in note = "key at the bakery"',)
    try:
        return parse_note(value), ()
    except InvalidValue as error:
        return "", (f"note: {error}",)


def labels_table(node: Node) -> dict[str, Any]:
    """Return the keys of a node's file that say its tags and note."""
    return {
        **({"tags": list(node.tags)} if node.tags else {}),
        **({"note": node.note} if node.note else {}),
    }


def as_written(node: Node, before: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of these two whose text in the file, `before`, says already what the node
    has: it stays as the admin wrote it.
    """
    said = labels_in(before)
    if said.tags == node.tags:
        yield "tags"
    if said.note == node.note:
        yield "note"


def with_odd_tags(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table to write, with the items of the file's list that cannot be tags."""
    odd = labels_in(before).odd_tags
    return {**wanted, "tags": [*wanted.get("tags", []), *odd]} if odd else dict(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelling:
    """A change of tags and note."""

    add: Collection[str] = ()
    remove: Collection[str] = ()
    note: str | None = None
    """None: it stays."""

    def __bool__(self) -> bool:
        return bool(self.add or self.remove) or self.note is not None

    def of(self, node: Node) -> Node:
        """Return the node with its new labels. Raises InvalidValue if it would have too many."""
        tags = parse_tags({*node.tags, *self.add}.difference(self.remove))
        return replace(node, tags=tags, note=node.note if self.note is None else self.note)


def parse_relabelling(
    add: Collection[str], remove: Collection[str], note: str | None
) -> Relabelling:
    """Parse what an admin wants to change. Raises InvalidValue."""
    both = sorted(set(add).intersection(remove))
    if both:
        raise InvalidValue(f"tag {both[0]} is in --tag and in --untag; leave one of them out")
    return Relabelling(
        add=tuple(map(parse_tag, add)),
        remove=tuple(map(parse_tag, remove)),
        note=None if note is None else parse_note(note),
    )


def label_clauses(before: Node, after: Node) -> Iterator[str]:
    """Compare tags and note."""
    for tag in after.tags:
        if tag not in before.tags:
            yield f"tag {tag} added"
    for tag in before.tags:
        if tag not in after.tags:
            yield f"tag {tag} removed"
    if before.note != after.note:
        yield f"note: {after.note}" if after.note else "note removed"
