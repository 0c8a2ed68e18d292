"""One command of a page as the test knows it: its output, its exit status, its effect."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tests.system.waiting import until

W = TypeVar("W")
W_contra = TypeVar("W_contra", contravariant=True)


class Terminal(Protocol):
    """Where a reader types commands."""

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line, and wait for it."""


@dataclass(frozen=True, slots=True)
class Step(Generic[W_contra]):
    """A command, word for word as the page has it."""

    line: str
    says: str = ""
    """A text that must be in its output, on either stream."""
    ends: tuple[int, ...] = (0,)
    """The exit statuses that it may have."""
    before: Callable[[W_contra], object] | None = None
    after: Callable[[W_contra], object] | None = None
    at: Callable[[W_contra], Terminal] | None = None
    """Where it is typed; the first terminal by default."""


def unknown(typed: Sequence[str], known: Sequence[str]) -> str:
    """Where the page and the test differ, as a sentence; "" if they do not."""
    for number in range(max(len(typed), len(known))):
        in_page, in_test = (
            lines[number] if number < len(lines) else "the end" for lines in (typed, known)
        )
        if in_page != in_test:
            return f"command {number + 1} of the page is {in_page!r}; the test knows {in_test!r}"
    return ""


def run(step: Step[W], line: str, terminal: Terminal) -> subprocess.CompletedProcess[str]:
    """Type a command. The journal may have a line only some time after it was written."""
    done = terminal.typed(line)
    if step.says not in done.stdout and "journalctl" in line:
        return until(lambda: says(terminal.typed(line), step.says), f"{step.says!r} in: {line}")
    return done


def says(
    done: subprocess.CompletedProcess[str], text: str
) -> subprocess.CompletedProcess[str] | None:
    return done if text in done.stdout else None


def type_all(
    world: W, steps: Sequence[Step[W]], terminal: Terminal, placeholders: Mapping[str, str]
) -> None:
    """Type each command, and check its output and its effect."""
    for step in steps:
        if step.before:
            step.before(world)
        line = step.line
        for there, here in placeholders.items():
            line = line.replace(there, here)
        done = run(step, line, step.at(world) if step.at else terminal)
        told = f"{step.line}\n{done.stdout}{done.stderr}"
        assert done.returncode in step.ends, f"ended with {done.returncode}: {told}"
        assert step.says in done.stdout + done.stderr, f"does not say {step.says!r}: {told}"
        if step.after:
            step.after(world)
