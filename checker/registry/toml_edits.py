"""Edit the text of a node's file; its comments, order and foreign keys stay. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Item, Table

from checker.registry.host_key_value import is_broken_host_key

FORWARD = re.compile(r"\s*\[\[\s*forward\s*\]\]")
FOREIGN_TABLE = re.compile(r"\s*\[(?!\[?\s*forward\b)")
COMMENT = re.compile(r"\s*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The text of a node's file, cut before each table. Comments right above a table belong to
    it.
    """

    head: str
    forwards: tuple[str, ...]
    foreign: str
    """Tables that are not ours."""


def edited(
    before: str, wanted: Mapping[str, Any], known: Collection[str], forward_keys: Collection[str]
) -> str:
    """Change the text `before` so that it says what `wanted` says.

    The `known` keys of the top level and the `forward_keys` of each `[[forward]]` are ours; all
    others stay. A forward is recognized by its port, else by its target. Raises
    tomlkit.exceptions.ParseError.
    """
    parts = cut(before)
    head = tomlkit.parse(parts.head)
    forwards = [*parts.forwards]
    if "forward" in head:  # written as a list of inline tables
        forwards += [tomlkit.dumps({"forward": [one]}) for one in head.unwrap()["forward"]]
        head.remove("forward")
    found = paired(forwards, wanted["forward"])
    top = {key: value for key, value in wanted.items() if key != "forward"}
    texts = [with_values(tomlkit.dumps(head), top, known)]
    for number, forward in enumerate(wanted["forward"]):
        text = found.get(number, "[[forward]]\n")
        texts.append(with_values(text, forward, forward_keys, in_forward=True))
    return apart((*texts, parts.foreign))


def cut(text: str) -> Parts:
    """Cut the text before each of its tables."""
    pieces: list[list[str]] = [[]]
    for line in text.splitlines(keepends=True):
        if FORWARD.match(line) or FOREIGN_TABLE.match(line):
            comments: list[str] = []
            while pieces[-1] and COMMENT.match(pieces[-1][-1]):
                comments.insert(0, pieces[-1].pop())
            pieces.append(comments)
        pieces[-1].append(line)
    head, *rest = ("".join(piece) for piece in pieces)
    is_forward = [any(map(FORWARD.match, piece)) for piece in pieces[1:]]
    return Parts(
        head=head,
        forwards=tuple(piece for piece, ours in zip(rest, is_forward, strict=True) if ours),
        foreign="".join(piece for piece, ours in zip(rest, is_forward, strict=True) if not ours),
    )


def with_values(
    text: str, wanted: Mapping[str, Any], known: Collection[str], *, in_forward: bool = False
) -> str:
    """Set these values in the text, and remove known keys that are not wanted, unless nobody can
    use their value. New keys go before the blank lines at its end.
    """
    ending = text[len(text.rstrip()) :].removeprefix("\n")
    document = tomlkit.parse(text.rstrip() + "\n" if text.strip() else "")
    table: Container | Table = document["forward"][0] if in_forward else document
    for key in [key for key in table if key in known and key not in wanted]:
        if not is_broken_host_key(key, plain(table[key])):
            table.remove(key)
    for key, value in wanted.items():
        if key not in table or not says(table[key], value):
            table[key] = value
    return tomlkit.dumps(document) + ending


def says(found: object, value: object) -> bool:
    """Return whether the file already has this value. Foreign keys of tables in a list do not
    matter.
    """
    has = plain(found)
    if isinstance(value, list) and isinstance(has, list):
        return len(has) == len(value) and all(map(says, has, value))
    if isinstance(value, dict) and isinstance(has, dict):
        return value.items() <= has.items()
    return type(has) is type(value) and has == value


def plain(found: object) -> object:
    """Return a value of the document without its text."""
    return found.unwrap() if isinstance(found, Item) else found


def paired(texts: Sequence[str], wanted: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the text of each forward, by its position in `wanted`."""
    left = [(text, tomlkit.parse(text).unwrap()["forward"][0]) for text in texts]
    found: dict[int, str] = {}
    for key in ("port", "target"):
        for number, forward in enumerate(wanted):
            same = [one for one in left if one[1].get(key) == forward[key]]
            if number not in found and same:
                found[number] = same[0][0]
                left.remove(same[0])
    return found


def apart(texts: Iterable[str]) -> str:
    """Join the texts, with a blank line before each table."""
    whole = ""
    for text in texts:
        if whole and text.strip() and not whole.endswith("\n\n"):
            whole += "\n"
        whole += text
    return whole.rstrip("\n") + "\n"
