"""What sshd logs while `doctor` logs in: from the journal, or from the file of syslog."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from checker.sshd.log_formats import from_journal, from_syslog
from checker.sshd.log_lines import LogLine
from checker.sshd.log_reader import JOURNALCTL, SSHD, LogFile, journal_answers, log_file

WAITS_S = 3.0
"""How long the lines of a login may take to reach the log."""
SETTLES_S = 0.3
"""Once its first line is there, the others follow within this time."""
LOOKS_EVERY_S = 0.1
CURSOR = "-- cursor: "
Take = Callable[[], list[LogLine]]
"""Returns the lines that were logged since the start."""


@contextlib.contextmanager
def listening(uids: Collection[int]) -> Iterator[Take | None]:
    """Follow sshd's log from now on during the block; None if there is none that we may read.
    `uids`: whose entries of the journal count.
    """
    if journal_answers():
        wanted = (*SSHD, *(f"_UID={uid}" for uid in uids))
        start = cursor(wanted)
        yield lambda: after(start, wanted)
        return
    path = log_file()
    if path is None:
        yield None
        return
    with contextlib.closing(LogFile(path)) as file:
        heard = lines_of(file)
        yield lambda: heard_since(file, heard)


def lines_of(file: LogFile) -> list[LogLine]:
    """Return sshd's lines that came; the first time none, as it begins at the end."""
    return [line for text in file.take() if (line := from_syslog(text))]


def heard_since(file: LogFile, heard: list[LogLine]) -> list[LogLine]:
    heard.extend(lines_of(file))
    return list(heard)


def cursor(wanted: Sequence[str]) -> str:
    """Return the place of the last of these entries; empty if there is none.

    It must be one of them: `--after-cursor` of systemd 252 leaves out the first entry that matches,
    and expects it to be the one at the cursor.
    """
    shown = ask("--lines=1", "--show-cursor", *wanted)
    return next(
        (line.removeprefix(CURSOR) for line in shown.splitlines() if line.startswith(CURSOR)),
        "",
    )


def after(start: str, wanted: Sequence[str]) -> list[LogLine]:
    """Return the entries after a place of the journal."""
    place = (f"--after-cursor={start}",) if start else ("--since=-1min",)
    found = []
    for text in ask(*place, *wanted).splitlines():
        with contextlib.suppress(ValueError):
            line = from_journal(json.loads(text))
            if line is not None:
                found.append(line)
    return found


def ask(*words: str) -> str:
    try:
        return subprocess.run(
            [*JOURNALCTL, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=20,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def awaited(take: Take, ours_among: Callable[[list[LogLine]], list[LogLine]]) -> list[LogLine]:
    """Wait for the lines of one login; return those that came."""
    end = time.monotonic() + WAITS_S
    while not (ours := ours_among(take())) and time.monotonic() < end:
        time.sleep(LOOKS_EVERY_S)
    if ours:
        time.sleep(SETTLES_S)
        ours = ours_among(take())
    return ours
