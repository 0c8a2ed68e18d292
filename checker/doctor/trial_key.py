"""A key of `doctor` for one minute: in the key file during the block, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.model import fingerprint, parse_public_key
from checker.registry.authorized_keys import gate_command
from checker.registry.key_files import file_of, key_of
from checker.registry.key_folder import put_files
from checker.registry.key_lines import trial_line, without_trials
from checker.registry.key_places import read_places
from checker.registry.lock import locked
from checker.sshd.keygen import make_key

LIVES_S = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialKey:
    """The key pair, while it is valid."""

    path: Path
    """Its private half; other files of the trial may lie beside it."""
    fingerprint: str


@contextlib.contextmanager
def trial_key(layout: Layout, *, is_utc: bool) -> Iterator[TrialKey]:
    """Let a new key in for the block, for at most a minute. Raises CheckerError.

    Its line grants the requests of a node, and no port. Whatever ends us, short of SIGKILL, removes
    it; and it expires. `is_utc`: sshd knows expiry times in UTC.
    """
    with tempfile.TemporaryDirectory(prefix="reversi-login-") as folder:
        path = Path(folder) / "key"
        make_key(path, comment="")
        public = parse_public_key(path.with_suffix(".pub").read_text(encoding="ascii"))
        until = moment(time.time() + LIVES_S)
        line = trial_line(public, gate_command(layout), f"{until[0]}Z" if is_utc else until[1])
        with ending_by_exception():
            try:
                put(layout, line, is_in=True)
                yield TrialKey(path=path, fingerprint=fingerprint(public))
            finally:
                with undisturbed_by_signals():
                    put(layout, line, is_in=False)


def moment(at: float) -> tuple[str, str]:
    """Return a time (Unix seconds) as `expiry-time` has it, in UTC and in local time. sshd before
    9.1 knows only local time. Source: sshd(8).
    """
    return (
        time.strftime("%Y%m%d%H%M%S", time.gmtime(at)),
        time.strftime("%Y%m%d%H%M%S", time.localtime(at)),
    )


def put(layout: Layout, line: str, *, is_in: bool) -> None:
    """Put the line where sshd reads the keys of nodes, or take it out; lines of trials that are
    over leave the key file, too. Raises ConfigError.
    """
    with locked(layout):
        there = read_places(layout.authorized_keys)
        if there.is_by_fingerprint:
            key = key_of(line.encode("utf-8", "surrogateescape"))
            name = file_of(key) if key else None
            content = f"{line}\n".encode("utf-8", "surrogateescape") if is_in else b""
            put_files(layout.keys, {name: content} if name else {})
            return
        present = there.file
        wanted = without_trials(present, line, moment(time.time()))
        if is_in:
            end = b"\n" if wanted and not wanted.endswith(b"\n") else b""
            wanted += end + f"{line}\n".encode("utf-8", "surrogateescape")
        if wanted != present:
            path = Path(os.path.realpath(layout.authorized_keys))
            write_atomically(path, wanted, mode=0o644)


class Interrupted(SystemExit):
    """A signal ended the trial."""


@contextlib.contextmanager
def ending_by_exception() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise an exception in the block, as SIGINT does."""

    def end(number: int, _: FrameType | None) -> None:
        raise Interrupted(128 + number)

    before = {number: signal.getsignal(number) for number in SIGNALS[1:]}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # under nohup we stay
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def undisturbed_by_signals() -> Iterator[None]:
    """Hold these signals back during the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
