"""A table of new nodes as spreadsheets save it: its nodes, and each fault of its lines. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from checker.model import (
    OPEN,
    ForwardRequest,
    InvalidValue,
    KeyType,
    NodeName,
    Target,
    decoded,
    parse_expect,
    parse_name,
    parse_note,
    parse_port,
    parse_public_key,
    parse_tags,
    parse_target,
)
from checker.nearest import did_you_mean
from checker.registry.imported import Remark
from checker.registry.table_columns import Column, columns_of, separator_of

T = TypeVar("T")
U = TypeVar("U")
MOST_BYTES = 1 << 24
"""A longer file is not read; 25,000 nodes with RSA keys fit."""
MOST_LINES = 65_535
"""With text: a gateway has no more ports."""
MOST_COLUMNS = 1000
MOST_STRAY_CELLS = 5
"""That are named of one line."""
SWITCH = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNode:
    """A node as a line of the table asks for it."""

    line: int
    name: NodeName
    requests: tuple[ForwardRequest, ...]
    deadline_s: float | None = None
    """Of all its forwards; None: the gateway's."""
    tags: tuple[str, ...] = ()
    note: str = ""
    kind: KeyType | None = None
    """Type of its new key; None: the default."""
    public_key: str = ""
    """Its own key; empty: make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a file asks for, and every reason why it cannot be had."""

    nodes: tuple[TableNode, ...] = ()
    problems: tuple[Remark, ...] = ()


@dataclass(slots=True)
class Line:
    """The cells of one line, and what is wrong with them."""

    number: int
    cells: Mapping[Column, str]
    faults: list[str] = field(default_factory=list)

    def parsed(self, column: Column, parse: Callable[[str], T], otherwise: U) -> T | U:
        """Return the parsed cell; `otherwise` if it is empty or wrong."""
        text = self.cells.get(column, "")
        if not text:
            return otherwise
        try:
            return parse(text)
        except InvalidValue as error:
            self.faults.append(str(error))
            return otherwise


def read_table(content: bytes) -> Table:
    """Read the file: nodes, and a remark about each fault, in the order of the lines."""
    if len(content) > MOST_BYTES:
        return refused(f"is longer than {MOST_BYTES >> 20} MiB; split it")
    try:
        text = decoded(content)
    except UnicodeDecodeError:
        return refused("is not UTF-8 text; save it as CSV with the encoding UTF-8")
    rows, problems = rows_in(text)
    if not rows:
        return Table(problems=problems) if problems else refused("is empty")
    (number, heading), *lines = rows
    if len(heading) > MOST_COLUMNS:
        return refused(f"has {len(heading)} columns, so it is not a table of nodes")
    columns, faults = columns_of(heading)
    if faults:
        return Table(problems=tuple(Remark(line=number, text=fault) for fault in faults))
    read = [node_in(at, cells, columns) for at, cells in lines]
    if not lines and not problems:
        return refused("has a line of headings, and no node below it")
    found = [remark for one in read if isinstance(one, list) for remark in one]
    return Table(
        nodes=tuple(one for one in read if isinstance(one, TableNode)),
        problems=(*found, *problems),
    )


def refused(text: str) -> Table:
    return Table(problems=(Remark(line=0, text=text),))


def rows_in(text: str) -> tuple[list[tuple[int, list[str]]], tuple[Remark, ...]]:
    """Return the cells of each line that has any, with its number, and why reading stopped early.

    Excel may put a line `sep=;` first.
    """
    source = io.StringIO(text, newline=None)  # also the line ends of an old Mac
    first = source.readline()
    own = re.fullmatch(r"sep=([,;\t])\n?", first)
    skipped = 1 if own else 0
    if not own:
        source.seek(0)
    delimiter = own[1] if own else separator_of(next(filter(str.strip, text.splitlines()), ""))
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    start = 1 + skipped
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append((start, stripped))
            if len(rows) > MOST_LINES + 1:
                why = f"has more than {MOST_LINES} nodes, and a gateway has fewer ports; split it"
                return [], refused(why).problems
            start = reader.line_num + 1 + skipped
    except csv.Error as error:
        why = f"cannot be read as CSV ({error}); a quoted cell may lack its closing quote"
        return rows, (Remark(line=start, text=why),)
    return rows, ()


def node_in(
    number: int, cells: Sequence[str], columns: Sequence[Column | None]
) -> TableNode | list[Remark]:
    """Read one line: a node, or each of its faults."""
    named = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
    line = Line(number, named)
    stray = (
        cell
        for at, cell in enumerate(cells)
        if cell and (at >= len(columns) or columns[at] is None)
    )
    line.faults += [
        f"{cell[:80]!r} is under no heading; there are {len(columns)} columns, so a note"
        " with the separator in it needs quotes"
        for cell in islice(stray, MOST_STRAY_CELLS)
    ]
    name = line.parsed(Column("name"), parse_name, None)
    if name is None and not line.cells.get(Column("name")):
        line.faults.append("the column name is empty")
    kind = line.parsed(Column("key-type"), parse_kind, None)
    public_key = line.parsed(Column("public-key"), parse_public_key, "")
    if kind and public_key:
        line.faults.append("a line has a public-key, or the key-type of a new key, not both")
    requests = tuple(forwards_in(line))
    deadline_s = line.parsed(Column("deadline"), parse_deadline, None)
    tags = line.parsed(Column("tags"), parse_tag_list, ())
    note = line.parsed(Column("note"), parse_note, "")
    if line.faults or name is None:
        return [Remark(line=number, text=fault) for fault in line.faults]
    return TableNode(
        line=number,
        name=name,
        requests=requests,
        deadline_s=deadline_s,
        tags=tags,
        note=note,
        kind=kind,
        public_key=public_key,
    )


def forwards_in(line: Line) -> Iterator[ForwardRequest]:
    """Read the forwards of a line, in the order of their numbers, and note the faults."""
    used = {column.number for column, cell in line.cells.items() if cell and column.is_of_forward}
    for number in sorted(used | {1}):
        target = Column("target", number)
        where = line.parsed(target, parse_target, None)
        port = line.parsed(Column("port", number), parse_port, None)
        text = line.cells.get(Column("expect", number), "")
        expect = line.parsed(Column("expect", number), parse_expect, OPEN)
        public = line.parsed(Column("public", number), parse_switch, otherwise=False)
        if isinstance(where, Target):
            yield ForwardRequest(
                port=port, target=where, expect=expect, public=public, says_expect=bool(text)
            )
        elif not line.cells.get(target):
            line.faults.append(f"the column {target} is empty")


def parse_tag_list(text: str) -> tuple[str, ...]:
    """Parse tags with blanks, commas or semicolons in between. Raises InvalidValue."""
    return parse_tags(filter(None, re.split(r"[\s,;]+", text)))


def parse_kind(text: str) -> KeyType:
    """Parse the type of a new key. Raises InvalidValue."""
    try:
        return KeyType(text.lower())
    except ValueError as error:
        known = [kind.value for kind in KeyType]
        raise InvalidValue(
            f"key-type {text[:40]!r} is not known{did_you_mean(text, known) or ';'} write"
            f" {' or '.join(known)}"
        ) from error


def parse_switch(text: str) -> bool:
    """Parse yes or no. Raises InvalidValue."""
    if text.lower() not in SWITCH:
        raise InvalidValue(f"public {text[:40]!r} is neither yes nor no")
    return SWITCH[text.lower()]


def parse_deadline(text: str) -> float:
    """Parse a number of seconds. Raises InvalidValue."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 60:
        raise InvalidValue(f"deadline {text[:40]!r} is out of bounds; write 0.5 to 60 seconds")
    return seconds
