"""One of the operator's own commands on many rows: how far it is, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reversi_tui.actions.own_commands import Ran

AT_ONCE = 16
KEPT_BYTES = 4096
"""Of the output on each row."""
SHOWN_LINES = 5
SHOWN_FAILURES = 200
"""With their output; the log of the console has all."""
SHOWN_NAMES = 1000
LINE_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of the command on one row."""

    name: str
    """Of the row."""
    ran: Ran

    @property
    def is_well(self) -> bool:
        return self.ran.status == 0


@dataclass(slots=True, kw_only=True)
class Batch:
    """A command on many rows."""

    title: str
    total: int
    done: list[Done] = field(default_factory=list)
    is_stopped: bool = False
    is_over: bool = False

    @property
    def failed(self) -> int:
        return sum(not one.is_well for one in self.done)

    def progress(self) -> str:
        """How far it is, for a title."""
        failed = f", {self.failed} failed" if self.failed else ""
        if not self.is_over:
            stopping = ", stopping" if self.is_stopped else ""
            return f"{self.title}: {len(self.done)} of {self.total} done{failed}{stopping}"
        stopped = ", stopped" if self.is_stopped else ""
        return f"{self.title}: {self.outcome()}{stopped}"

    def outcome(self) -> str:
        """What came of it, for the log."""
        well = len(self.done) - self.failed
        parts = [f"exit status 0 on {'all ' if well == self.total else ''}{well}"]
        if well < self.total:
            parts[0] += f" of {self.total}"
        if self.failed:
            parts.append(f"{self.failed} failed")
        if len(self.done) < self.total:
            parts.append(f"{self.total - len(self.done)} not started")
        return ", ".join(parts)


def beginning(output: str) -> list[str]:
    """The first lines of an output, shortened."""
    lines = [line for line in output.split("\n") if line.strip()]
    more = [f"... {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
    return [line[:LINE_CHARACTERS] for line in lines[:SHOWN_LINES]] + more


def summary(batch: Batch) -> str:
    """What came of it on each row, failures first, each with the beginning of its output."""
    failures = [one for one in batch.done if not one.is_well]
    well = [one for one in batch.done if one.is_well]
    lines = []
    for one in failures[:SHOWN_FAILURES]:
        lines.append(f"FAILED {one.name}: {one.ran.sentence}")
        lines += [f"    {line}" for line in beginning(one.ran.output)]
    lines += rest(failures, SHOWN_FAILURES, "more failed")
    if failures and well:
        lines.append("")
    for one in well[:SHOWN_NAMES]:
        said = beginning(one.ran.output)
        lines.append(f"ok {one.name}{f': {said[0]}' if said else ''}")
    lines += rest(well, SHOWN_NAMES, "more are ok")
    return "\n".join(lines) or "nothing is done yet"


def rest(done: Sequence[Done], shown: int, words: str) -> list[str]:
    return [f"... {len(done) - shown} {words}"] if len(done) > shown else []
