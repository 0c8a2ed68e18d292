"""Replace the key lines of some nodes among those of many. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from checker.registry.key_files import (
    LINE,
    SPLIT,
    VOID,
    files_for,
    key_of,
    owner_word,
    spans_of,
    without_spans,
)
from checker.registry.key_lines import owner_of_line

FEW = 16
"""Of so many keys, looking for each is faster than looking at each line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """What becomes of the lines of some owners."""

    wanted: bytes
    """All lines afterwards."""
    old: tuple[bytes, ...]
    """The lines that go, each with a newline."""
    new: tuple[bytes, ...]

    @property
    def differing(self) -> frozenset[bytes]:
        """The lines that are only among the old, or only among the new ones."""
        return frozenset(self.old) ^ frozenset(self.new)

    @property
    def vanished(self) -> bytes:
        """The lines that go, and do not come again."""
        new = set(self.new)
        return b"".join(line for line in self.old if line not in new)


def spans_in(content: bytes, owners: Collection[str]) -> list[tuple[int, int]]:
    """Return where the lines of these owners stand."""
    names = {owner.encode() for owner in owners}
    if len(names) <= FEW:
        found = [span for name in names for span in spans_of(content, name)]
    else:
        found = [
            (line.start(), line.end())
            for line in LINE.finditer(content)
            if owner_word(line[0].rstrip(b"\r\n")) in names
        ]
    return sorted(
        (start, end)
        for start, end in found
        if owner_of_line(content[start:end].rstrip(b"\r\n")) is not None
    )


def lines_of(content: bytes, owners: Collection[str]) -> bytes:
    """Return the lines of these owners; of those that no release of ours writes, perhaps more."""
    if b"\r" in content:
        return content
    whole = content if content.endswith(b"\n") else content + b"\n"
    return b"".join(whole[start:end] for start, end in spans_in(whole, owners))


def changed(
    content: bytes,
    owners: Collection[str],
    lines: Sequence[bytes],
    spans: Sequence[tuple[int, int]] | None = None,
) -> LineChange:
    """Return the content with these lines in place of those of the `owners`: a node's name, `*` or
    `+ID`. `spans`: where theirs stand, as `spans_in` finds them; None: not known yet.

    Each goes where `key_lines.merge` would put it; all other lines stay where they are.
    """
    if content and not content.endswith(b"\n"):
        content += b"\n"
        spans = None
    if spans is None:
        spans = spans_in(content, owners)
    rest = without_spans(content, spans)
    places = sorted(
        ((place_of(rest, rank(owner_word(line.removesuffix(b"\n")))), line) for line in lines),
        key=lambda pair: pair[0],
    )
    parts, at = [], 0
    for place, line in places:
        parts += [rest[at:place], line]
        at = place
    return LineChange(
        wanted=b"".join((*parts, rest[at:])),
        old=tuple(content[start:end] for start, end in spans),
        new=tuple(lines),
    )


def place_of(content: bytes, key: bytes) -> int:
    """Return where the lines begin that stand after those of this rank."""
    low, high = 0, len(content)
    while low < high:
        middle = (low + high) // 2
        start = content.rfind(b"\n", low, middle) + 1 or low
        end = content.find(b"\n", middle) + 1
        if rank(owner_word(content[start:end].rstrip(b"\r\n"))) <= key:
            low = end
        else:
            high = start
    return low


def rank(word: bytes) -> bytes:
    """Return what orders lines: those of others, of nodes, of the shared key and of enrolments."""
    if not word:
        return b""
    return b"\xff" + word[:1] if word[:1] in b"*+" else word + b".toml"


def count_of_nodes(content: bytes) -> int:
    """Return how many lines of the content seem to be of nodes' keys."""
    return content.count(SPLIT) - content.count(SPLIT + b"*\n") - content.count(SPLIT + b"+")


def journal_of(change: LineChange) -> list[bytes]:
    """Return the lines to append to the list, so that it says the same as `wanted`."""
    old, new = by_owner(change.old), by_owner(change.new)
    found: list[bytes] = []
    for owner in sorted(old.keys() | new.keys()):
        if old.get(owner) != new.get(owner):
            found += [VOID + owner + b"\n"] if owner in old else []
            found += new.get(owner, [])
    return found


def by_owner(lines: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for line in lines:
        found.setdefault(owner_word(line.rstrip(b"\r\n")), []).append(line)
    return found


def changed_key_files(change: LineChange) -> dict[str, bytes]:
    """Return the files of the keys whose lines differ, with their new content; empty: it goes."""
    keys = {key for line in change.differing if (key := key_of(line)) is not None}
    gone = dict.fromkeys(files_for(b"".join(change.old), keys), b"")
    if len(keys) > FEW:
        return gone | files_for(change.wanted, keys)
    found = b"".join(dict.fromkeys(line for key in keys for line in with_key(change.wanted, key)))
    return gone | files_for(found, keys)


def with_key(content: bytes, key: bytes) -> Iterable[bytes]:
    """Yield the lines in which the key stands."""
    mark = b" " + key + b" "
    at = content.find(mark)
    while at >= 0:
        start, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
        yield content[start : end + 1]
        at = content.find(mark, end)
