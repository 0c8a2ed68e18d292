"""The status file: the client's last state, for `status` and for the next client that starts.

It is written when the state changes and not for each beat: it may be on flash memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from client import identity
from client.config import Config
from client.identity import Process
from client.words import State, View

SCHEMA = 1
ERRORS_EVERY_S = 600.0
"""Write at most this often if only the error changed."""
LOCK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardState:
    """One forward. Its state is `listening`, `denied`, or `down` while there is no tunnel."""

    port: int
    target: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The status file's content."""

    node: str
    state: State
    since: int
    """Unix seconds, like every time in this file."""
    gateway: str | None
    verdict_s: int | None
    error: str
    forwards: tuple[ForwardState, ...]
    instance: str
    process: Process
    machine: str
    path: str
    """Where the file was written: a copy elsewhere belongs to another client."""


def render(record: Record) -> str:
    return (
        json.dumps({"schema": SCHEMA, **asdict(record), "state": record.state.value}, indent=1)
        + "\n"
    )


def parse(text: str) -> Record | None:
    """Parse a status file; return None if it is not one of this schema."""
    try:
        content: dict[str, Any] = json.loads(text)
        if content.pop("schema") != SCHEMA:
            return None
        forwards = tuple(ForwardState(**forward) for forward in content.pop("forwards"))
        process, state = Process(**content.pop("process")), State(content.pop("state"))
        return Record(**content, state=state, forwards=forwards, process=process)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def read(path: Path) -> Record | None:
    """Read a status file; return None if it is missing or invalid."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def write(path: Path, record: Record) -> None:
    """Replace the file atomically; only its owner may read it. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(render(record))
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked_start(directory: Path) -> Iterator[bool]:
    """Lock the directory, so that only one client starts there at a time. Raises OSError.

    Yield whether the lock was taken.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield take_lock(handle, time.monotonic() + LOCK_S)
    finally:
        os.close(handle)


def take_lock(handle: int, deadline_s: float) -> bool:
    """Return whether the lock was taken before the deadline: its holder may be frozen."""
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(0.02)
        else:
            return True


class StatusFile:
    """The status file of this process."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self.config, self.say = config, say
        self.path = config.status_file
        self.place, self.machine, self.process = (
            os.path.realpath(self.path),
            identity.machine_name(),
            identity.this_process(),
        )
        self.instance = instance_of(config)
        self.last: Record | None = None
        self.written_s = float("-inf")
        self.complained: set[str] = set()

    def start(self, view: View, now: float) -> None:
        """Write the first state, and take the instance over from a process that has ended.

        Block for at most a second.
        """
        try:
            with locked_start(self.path.parent) as locked:
                before = read(self.path)
                if (
                    locked
                    and before is not None
                    and self.is_from_here(before)
                    and not identity.is_alive(before.process)
                    and not self.config.path_number
                ):
                    self.instance = before.instance
                self.update(view, now)
        except OSError as error:
            self.complain(
                f"the status file {self.path} cannot be written:"
                f" {(error.strerror or str(error)).lower()}"
            )

    def is_from_here(self, record: Record) -> bool:
        return (record.machine, record.path) == (self.machine, self.place)

    def is_of_other_client(self, record: Record) -> bool:
        """Return whether another client, which is alive, wrote the file."""
        return (
            record.process != self.process
            and self.is_from_here(record)
            and identity.is_alive(record.process)
        )

    def update(self, view: View, now: float) -> None:
        """Write the view if it changed; log only once that the file cannot be written."""
        record = self.record(view, now)
        if self.last is not None and not self.is_news(record, self.last, now):
            return
        self.last, self.written_s = record, now
        try:
            owner = read(self.path)
            if owner is not None and self.is_of_other_client(owner):
                self.complain(
                    f"another client (PID {owner.process.pid}) uses {self.path}; this client does"
                    " not write its status"
                )
                return
            write(self.path, record)
        except OSError as error:
            self.complain(
                f"the status file {self.path} cannot be written:"
                f" {(error.strerror or str(error)).lower()}"
            )

    def is_news(self, record: Record, last: Record, now: float) -> bool:
        if record == replace(last, verdict_s=record.verdict_s, error=record.error):
            return record.error != last.error and now - self.written_s >= ERRORS_EVERY_S
        return True

    def record(self, view: View, now: float) -> Record:
        last = self.last
        forwards = tuple(
            ForwardState(
                port=forward.port, target=str(forward.target), state=state_of(forward.port, view)
            )
            for forward in self.config.forwards
        )
        return Record(
            node=self.config.node,
            state=view.state,
            since=last.since if last is not None and last.state is view.state else int(now),
            gateway=None if view.gateway is None else str(view.gateway),
            verdict_s=view.verdict_s,
            error=view.error,
            forwards=forwards,
            instance=self.instance,
            process=self.process,
            machine=self.machine,
            path=self.place,
        )

    def complain(self, text: str) -> None:
        if text not in self.complained:
            self.complained.add(text)
            self.say(text)


def instance_of(config: Config) -> str:
    """Return a word of this process; of a node with two tunnels, one that both share, and the
    number of the path.
    """
    number = config.path_number
    return f"{identity.device_word()}.{number}" if number else identity.new_instance()


def state_of(port: int, view: View) -> str:
    if port in view.listening:
        return "listening"
    return "denied" if port in view.denied else "down"
