"""What a file of another product says about nodes, whatever its format. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checker.model import InvalidValue, Node, NodeName, parse_name

MOST_BYTES = 1 << 16
"""A longer file is not one that we import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A remark about a line, or about the whole file if the line is 0."""

    line: int
    text: str
    is_usual: bool = False
    """Whether every file of its kind has such a line; only `--json` shows it."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a device logs in; what its file does not say is empty."""

    user: str = ""
    host: str = ""
    port: int = 22
    key: str = ""
    """The path of its private key, on the device."""

    def __str__(self) -> str:
        place = f"{f'{self.user}@' if self.user else ''}{self.host}:{self.port}"
        return f"{place} with {self.key}" if self.key else place


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A node that a file describes."""

    node: Node
    notes: tuple[Remark, ...] = ()
    login: Login | None = None
    """None: the file does not matter for that, as the gateway decides it."""
    left_out: tuple[str, ...] = ()
    """Options that have no counterpart here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """What a file describes."""

    found: tuple[Found, ...] = ()
    notes: tuple[Remark, ...] = ()
    """About no node in particular."""
    problems: tuple[Remark, ...] = ()
    """Why a node, or the whole file, is not imported."""


def name_like(text: str) -> NodeName:
    """Return a node's name like this text, which no device says. Raises InvalidValue."""
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower())[:63].strip("-.")
    try:
        return parse_name(plain)
    except InvalidValue as error:
        raise InvalidValue(f"{text[:80]!r} gives no name for the node; add --name NAME") from error
