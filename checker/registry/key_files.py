"""Where our key lines are: in `authorized_keys`, in a file for each key, or in both. Pure.

A file for each key, named by its fingerprint, makes a login as cheap with 30,000 keys as with one.
`keys.list` has the same lines once more, for ourselves: sshd does not read it. Its first line says
where the keys belong. An edit appends to it, as it has 15 MB with 30,000 nodes. Without that file
they are in `authorized_keys`, as in earlier releases.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from checker.registry.key_lines import MARK, owner_of_line

LINE = re.compile(rb"[^\n]*\n|[^\n]+")
"""sshd ends lines only at a newline."""
HEAD = b"# reversi keys: "
HASH = "SHA256:"
SPLIT = f" {MARK}".encode()
VOID = b"#- "
MOST_CHANGES = 40
"""Most lines that void others or are void, before the whole list is written."""


class Stand(StrEnum):
    """Where the keys belong."""

    FILE = "file"
    TO_FILE = "to file"
    """In both: they leave the files by fingerprint."""
    TO_FINGERPRINT = "to fingerprint"
    """In both: sshd may not read the files by fingerprint yet."""
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """What `keys.list` says."""

    stand: Stand = Stand.FILE
    why: str = ""
    """Why the keys stay in `authorized_keys`; empty if nobody decided that."""
    lines: bytes = b""
    changes: int = field(default=0, compare=False)
    """How many lines of the file void others, or are void."""
    is_torn: bool = field(default=False, compare=False)
    """Whether the file ends within a line: somebody was interrupted while writing it."""

    def render(self) -> bytes:
        """Return the file."""
        why = " ".join(self.why.split())
        return HEAD + f"{self.stand}{f': {why}' if why else ''}\n".encode() + self.lines


def parse_list(content: bytes) -> KeyList:
    """Parse `keys.list`. If its first line is not ours, the keys belong in both places: then no key
    loses its access.
    """
    head, _, lines = content.partition(b"\n")
    word, _, why = head.removeprefix(HEAD).decode("utf-8", "replace").partition(":")
    if not head.startswith(HEAD) or word not in set(Stand):
        return KeyList(stand=Stand.TO_FINGERPRINT, lines=ours_in(content))
    kept, changes = without_void(whole_lines(lines))
    return KeyList(
        stand=Stand(word),
        why=why.strip(),
        lines=kept,
        changes=changes,
        is_torn=not content.endswith(b"\n"),
    )


def whole_lines(lines: bytes) -> bytes:
    return lines[: lines.rfind(b"\n") + 1]


def without_void(lines: bytes) -> tuple[bytes, int]:
    """Return the lines that count, and how many do not: a line `#- OWNER` voids itself and all
    lines of that owner before it.
    """
    if VOID not in lines:
        return lines, 0
    last: dict[bytes, int] = {}
    spans: list[tuple[int, int]] = []
    for at in places_of_void(lines):
        end = lines.find(b"\n", at) + 1
        last[lines[at + len(VOID) : end].strip()] = at
        spans.append((at, end))
    for owner, before in last.items():
        spans += spans_of(lines, owner, before)
    return without_spans(lines, spans), len(spans)


def places_of_void(lines: bytes) -> Iterator[int]:
    """Yield where the lines begin that void others."""
    if lines.startswith(VOID):
        yield 0
    at = lines.find(b"\n" + VOID)
    while at >= 0:
        yield at + 1
        at = lines.find(b"\n" + VOID, at + 1)


def spans_of(lines: bytes, owner: bytes, before: int | None = None) -> list[tuple[int, int]]:
    """Return where the lines stand that seem to be of this owner. To look for a few is as fast as
    to divide all lines, and takes no memory.
    """
    mark = SPLIT + owner + b"\n"
    found = []
    at = lines.find(mark, 0, before)
    while at >= 0:
        end = at + len(mark)
        found.append((lines.rfind(b"\n", 0, at) + 1, end))
        at = lines.find(mark, end, before)
    return found


def without_spans(lines: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    kept, at = [], 0
    for start, end in sorted(spans):
        kept.append(lines[at:start])
        at = end
    return b"".join((*kept, lines[at:]))


def owner_word(line: bytes) -> bytes:
    """Return whose a line without its end seems to be; empty if it is not ours."""
    return line.rpartition(SPLIT)[2] if SPLIT in line else b""


def same_lines(one: bytes, other: bytes) -> bool:
    """Return whether two key files have the same lines of ours, in any order, and otherwise the
    same content.
    """
    return one == other or (
        sorted(LINE.findall(ours_in(one))) == sorted(LINE.findall(ours_in(other)))
        and others_in(one) == others_in(other)
    )


def start_of_ours(content: bytes) -> int:
    """Return where the first line begins that seems to be ours."""
    at = content.find(SPLIT)
    return len(content) if at < 0 else content.rfind(b"\n", 0, at) + 1


def surely_ends_with(content: bytes, wanted: Iterable[bytes], start: int) -> bool:
    """Return whether the content has exactly these lines from `start` on: in this order, except a
    few at its end, as edits append them. False proves nothing. One line is in memory at a time.
    """
    at = start
    later: list[bytes] = []
    for line in wanted:
        if content.startswith(line, at):
            at += len(line)
        elif len(later) < MOST_CHANGES:
            later.append(line)
        else:
            return False
    is_all = content.count(b"\n", at) == len(later)
    return is_all and sorted(LINE.findall(content, at)) == sorted(later)


def is_ours(line: bytes) -> bool:
    return owner_of_line(line.rstrip(b"\r\n")) is not None


def ours_in(content: bytes) -> bytes:
    """Return our lines of a key file, each with a newline."""
    found = bytearray()  # not a list of 30,000 lines
    for match in LINE.finditer(content):
        if is_ours(match[0]):
            found += match[0] if match[0].endswith(b"\n") else match[0] + b"\n"
    return bytes(found)


def others_in(content: bytes) -> bytes:
    """Return the lines of a key file that are not ours."""
    found = bytearray()
    for match in LINE.finditer(content):
        if not is_ours(match[0]):
            found += match[0]
    return bytes(found)


def key_of(line: bytes) -> bytes | None:
    """Return the key of one of our lines, as `TYPE BASE64`; None if the line is cut off."""
    words = line.rstrip().rsplit(b" ", 3)
    return b" ".join(words[1:3]) if len(words) == 4 else None


def file_of(key: bytes) -> str | None:
    """Return the file of a key, below the directory of the keys; None if sshd could not read the
    key.

    It is what sshd makes of `%f.pub`. Half of all fingerprints have a `/`, which makes a directory.
    """
    try:
        blob = base64.b64decode(key.partition(b" ")[2], validate=True)
    except binascii.Error:
        return None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return re.sub("/+", "/", f"{HASH}{digest}.pub")


def files_for(lines: bytes, only: Collection[bytes] | None = None) -> dict[str, bytes]:
    """Return the files that these lines make, by name: of all keys, or `only` of these."""
    found: dict[str, bytes] = {}
    for line in LINE.findall(lines):
        key = key_of(line)
        if key is None or (only is not None and key not in only):
            continue
        name = file_of(key)
        if name is not None:
            found[name] = found.get(name, b"") + line
    return found


def changed_files(before: bytes, after: bytes) -> dict[str, bytes]:
    """Return the files that differ between these lines, with their new content; empty: it goes."""
    differing = set(LINE.findall(before)) ^ set(LINE.findall(after))
    keys = {key for line in differing if (key := key_of(line)) is not None}
    names = {name: b"" for key in keys if (name := file_of(key)) is not None}
    return names | files_for(after, keys)


def lines_of_others(lines: bytes, content: bytes) -> bytes:
    """Return those of our `lines` whose owner has no line in `content`."""
    there = set(owners_in(content))
    if not there:
        return lines
    return b"".join(line for line in LINE.findall(lines) if there.isdisjoint(owners_in(line)))


def owners_in(content: bytes) -> Iterator[str]:
    """Yield whose lines of ours these are: a node's name, `*` or `+ID`."""
    for line in LINE.findall(content):
        if (owner := owner_of_line(line.rstrip(b"\r\n"))) is not None:
            yield owner
