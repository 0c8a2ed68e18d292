"""What happened in a run: one record for each thing, kept in order and written as JSON lines.

Times are monotonic seconds of the machine that runs all gateways.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Result(StrEnum):
    """How an edit or an act ended."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing was done."""
    UNKNOWN = "unknown"
    """Its process was killed, or it said neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit of one node."""

    number: int
    node: str
    """What stays when the node is renamed."""
    verb: str
    sets: Mapping[str, str]
    """The value of each field that it changes: name, exists, enabled, key, port, note."""
    gateway: str
    began: float
    ended: float
    result: Result
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A gateway had from this moment on what another one had when the delivery began."""

    source: str
    gateway: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """What one key opens at one gateway."""

    key: str
    node: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What lay on the disk of one gateway."""

    gateway: str
    began: float
    ended: float
    lines: tuple[KeyLine, ...]
    revs: Mapping[str, int]
    """Of each entry, tombstones included."""
    nodes: Mapping[str, Mapping[str, str]]
    """The fields of each node, by its present name."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """The digest of each entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody tried a key."""

    key: str
    gateway: str
    began: float
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Which sshd processes carried the tunnels that nobody touches."""

    at: float
    pids: Mapping[str, str]
    """PID and start time for each node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A letter, and what its writer was told."""

    nonce: str
    by: str
    gateway: str
    node: str
    pid: int
    began: float
    result: Result
    sentence: str = ""
    """The outcome, if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActEvent:
    """What a gateway's log says about an act, at the end."""

    gateway: str
    node: str
    actor: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something was broken for a while."""

    kind: str
    target: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """A stolen member brought something."""

    kind: str
    gateway: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What is wrong with the mirror that a gateway has of another one."""

    gateway: str
    of: str
    at: float
    is_read: bool = True
    """Whether there was one to read."""
    forged: tuple[str, ...] = ()
    """What a stolen member made up."""
    differs: tuple[str, ...] = ()
    """What the other gateway says otherwise; before everything is mended, it may only be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """From this moment on nothing is broken."""

    at: float


Record = (
    Edit
    | Delivered
    | Look
    | Login
    | Sessions
    | Act
    | ActEvent
    | Fault
    | Forgery
    | Mirrored
    | Healed
)


class History:
    """All records of a run, from several threads."""

    def __init__(self, path: Path | None = None) -> None:
        self.records: list[Record] = []
        self.path = path
        self.lock = threading.Lock()

    def add(self, record: Record) -> None:
        line = json.dumps({"is": type(record).__name__, **dataclasses.asdict(record)})
        with self.lock:
            self.records.append(record)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")

    def of(self, kind: type[T]) -> list[T]:
        with self.lock:
            return [one for one in self.records if isinstance(one, kind)]
