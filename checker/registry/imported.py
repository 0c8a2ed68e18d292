"""What a file of another product says about nodes, whatever its format. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from checker.model import (
    ForwardRequest,
    InvalidValue,
    Node,
    NodeName,
    Port,
    Target,
    parse_forward,
    parse_name,
)

MOST_BYTES = 1 << 16
"""A longer file is not one that we import, unless it is an authorized_keys file."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
    line: int = 0
    """Where it begins in its file; 0: the file describes only this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """What a file describes."""

    found: tuple[Found, ...] = ()
    notes: tuple[Remark, ...] = ()
    """About no node in particular."""
    problems: tuple[Remark, ...] = ()
    """Why a node, or the whole file, is not imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the admin says besides the files; empty: as they say."""

    name: NodeName | None = None
    """Of the one node of an import."""
    public_key: str = ""
    """Of the one node of an import."""
    targets: tuple[ForwardRequest, ...] = ()
    """Where ports lead, and what answers there."""

    def target_of(self, port: Port) -> ForwardRequest | None:
        """Return where a port leads whose target the file does not say; None if nobody says it."""
        return next(
            (one for one in self.targets if one.port == port),
            next((one for one in self.targets if one.port is None), None),
        )

    def about(self, port: Port, target: Target) -> ForwardRequest | None:
        """Return what applies to a port whose target the file says: by its number, or by its
        target.
        """
        return next(
            (one for one in self.targets if one.port == port),
            next((one for one in self.targets if not one.port and is_same(one, target)), None),
        )


def is_same(request: ForwardRequest, target: Target) -> bool:
    """Whether the request is about this target, which may name the loopback in another way."""
    hosts = {request.target.host, target.host}
    return request.target.port == target.port and (len(hosts) == 1 or hosts <= LOOPBACK)


def targets_in(given: Sequence[str]) -> tuple[ForwardRequest, ...]:
    """Parse `[PORT=]HOST:PORT[,EXPECT]` each. Raises InvalidValue."""
    found = tuple(map(parse_forward, given))
    for text, request in zip(given, found, strict=True):
        if request.public:
            raise InvalidValue(
                f"--target {text[:80]!r} says too much; write [PORT=]HOST:PORT[,EXPECT]"
            )
    return found


def text_of(content: bytes) -> str:
    """Decode a file as editors save it, with newlines as line ends. Raises InvalidValue if it
    is not text.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_utf_16 else "utf-8-sig", "replace")
    if "\0" in text:
        raise InvalidValue("is not a text file")
    return re.sub(r"\r\n?", "\n", text)


def name_like(text: str) -> NodeName:
    """Return a node's name like this text, which no device says. Raises InvalidValue."""
    plain = re.sub(r"[^a-z0-9.]+", "-", text.lower())[:63].strip("-.")
    try:
        return parse_name(plain)
    except InvalidValue as error:
        raise InvalidValue(f"{text[:80]!r} gives no name for the node; add --name NAME") from error
