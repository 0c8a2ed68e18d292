"""Read and write the registry's bucket, over this machine's nats-server."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from checker.config.files import present_file
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.control.bus_line import BusLine, Question, call
from checker.registry.bucket_values import (
    CREATE,
    GET,
    INFO,
    MOST_KEYS,
    UPDATE,
    BucketMissing,
    BucketRefused,
    Key,
    Mark,
    Stale,
    State,
    Value,
    last_of,
    next_one,
    parse_posted,
    parse_state,
    parse_value,
    settings,
    window_after,
)

EDITOR = "editor"
MADE_WITHIN_S = 20.0
AT_ONCE = 256


class NoPassword(ConfigError):
    """Only root can write into the bucket."""


class Bucket:
    """The bucket, over an open connection."""

    def __init__(self, line: BusLine) -> None:
        self.line = line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.line.peer.close()

    def state(self) -> State:
        """Raises BucketMissing, BucketRefused, BusAbsent."""
        return parse_state(self.line.ask(Question(subject=INFO)))

    def make(self, replicas: int, members: Collection[str]) -> State:
        """Make the bucket, or have it copied to so many servers; to one, if not so many are there
        now. Raises BucketRefused, BusAbsent.

        When copies are given up, the leader's is the one that stays. A gateway that was removed may
        lead until all others know that, and would take the bucket with it.
        """
        try:
            present = self.state()
        except BucketMissing:
            try:
                return self.manage(CREATE, replicas)
            except BucketRefused:
                return self.manage(CREATE, 1)
        is_more = replicas > present.replicas
        if is_more or (replicas < present.replicas and present.leader in members):
            with contextlib.suppress(BucketRefused):
                return self.manage(UPDATE, replicas)
        return present

    def manage(self, subject: str, replicas: int) -> State:
        question = Question(subject=subject, payload=settings(replicas))
        return parse_state(self.line.ask(question, MADE_WITHIN_S))

    def after(self, seq: int) -> Iterator[Value]:
        """Yield each value that was written after this sequence, in order. Raises BucketMissing,
        BucketRefused, BusAbsent.
        """
        at, window, count = seq + 1, 2, 0
        while count <= MOST_KEYS:
            asked = [Question(subject=GET, payload=next_one(at + i)) for i in range(window)]
            found = [parse_value(one) for one in self.line.ask_all(asked)]
            values = {one.seq: one for one in found if one}
            if values and min(values) < at:
                break
            count += len(values)
            yield from (values[number] for number in sorted(values))
            if not values or found[-1] is None:
                return
            window, at = window_after(found, window)
        raise BucketRefused(
            "somebody on the bus answers for the bucket with values that do not end"
        )

    def last(self, key: Key) -> Value | None:
        """Return the value of a key; None if it has none. Raises BucketMissing, BucketRefused,
        BusAbsent.
        """
        return parse_value(self.line.ask(Question(subject=GET, payload=last_of(key))))

    def post(self, values: Sequence[tuple[Key, bytes]], expected: int | None) -> list[int | Stale]:
        """Write these values one after the other, the first only if the last sequence of the bucket
        is `expected`, each other one only directly after its forerunner; None: in any case. Return
        the sequence of each, or that it was refused because of a stale sequence. Raises
        BucketMissing, BucketRefused, BusAbsent.
        """
        done: list[int | Stale] = []
        for start in range(0, len(values), AT_ONCE):
            part = values[start : start + AT_ONCE]
            questions = [
                Question(
                    subject=key.subject,
                    payload=content,
                    expected=None if expected is None else expected + start + number,
                )
                for number, (key, content) in enumerate(part)
            ]
            done += [posted(one) for one in self.line.ask_all(questions)]
            if any(isinstance(one, Stale) for one in done):
                break
        return done


def posted(answer: bytes) -> int | Stale:
    try:
        return parse_posted(answer)
    except Stale as error:
        return error


def has_bucket(layout: Layout) -> bool:
    """Return whether this gateway is on a bus; also if we may not look into its files."""
    try:
        return (layout.fleet / "bus" / "nats.conf").exists()
    except PermissionError:
        return True


def open_as_editor(layout: Layout) -> Bucket:
    """Connect as who may write into the bucket. Raises NoPassword, BusAbsent, ConfigError."""
    path = layout.fleet / "bus" / f"{EDITOR}.password"
    fleet = load_config(layout.config).fleet
    try:
        password = present_file(path)
    except ConfigError as error:
        raise NoPassword(path, "can be read by root only: run it with sudo") from error
    if password is None or fleet is None:
        raise NoPassword(path, "is missing; write it with: reversi-checker fleet card --bus")
    return Bucket(call(fleet.bus_port, EDITOR, password.decode("ascii", "replace").strip(), EDITOR))


def mark_path(layout: Layout) -> Path:
    return layout.fleet / "bucket.json"


def read_mark(layout: Layout) -> Mark | None:
    """Return up to where the bucket was compared with the disk; None: nowhere."""
    try:
        table = json.loads(present_file(mark_path(layout)) or b"")
        return Mark(made=str(table["made"]), seq=int(table["seq"]))
    except (ConfigError, ValueError, KeyError, TypeError):
        return None


def write_mark(layout: Layout, mark: Mark) -> None:
    """Note it. A failure costs time only."""
    path = mark_path(layout)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(json.dumps({"made": mark.made, "seq": mark.seq}), encoding="ascii")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
