"""Take the steps of a plan, and say each."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from client.service.plan import Delete, Plan, Run, ServiceError, Step, Write

COMMAND_WITHIN_S = 120


def carry_out(plan: Plan) -> None:
    """Take the steps. Raises ServiceError.

    They go on without the session: it may come through the very tunnel that they end.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for step in plan.steps:
        take(step)
    if not plan.steps:
        say("nothing to do")
    for note in plan.notes:
        say(note)


def rehearse(plan: Plan) -> None:
    """Say what the steps would be."""
    for step in plan.steps:
        match step:
            case Write(path=path, text=text):
                say(f"would write {path}:\n\n{text}")
            case Delete(path=path) if is_there(path):
                say(f"would remove {path}")
            case Delete():
                pass
            case Run(words=words):
                say(f"would run: {shlex.join(words)}")
    if not plan.steps:
        say("nothing to do")


def take(step: Step) -> None:
    match step:
        case Write(path=path, text=text):
            write(path, text)
            say(f"wrote {path}")
        case Delete(path=path):
            if is_there(path):
                remove(path)
                say(f"removed {path}")
        case Run(words=words, must=must):
            trouble = run(words)
            if trouble and must:
                raise ServiceError(f"{shlex.join(words)} failed: {trouble}")
            if not trouble:
                say(f"ran: {shlex.join(words)}")


def is_there(path: Path) -> bool:
    return os.path.lexists(path)


def write(path: Path, text: str) -> None:
    """Replace the file atomically. Raises ServiceError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise ServiceError(f"{path} cannot be written ({error.strerror})") from None


def remove(path: Path) -> None:
    """Raises ServiceError."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise ServiceError(f"{path} cannot be removed ({error.strerror})") from None


def run(words: tuple[str, ...]) -> str:
    """Run a command; return its complaint, empty if it succeeded."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    complaint = " ".join(f"{done.stderr} {done.stdout}".split())
    return complaint or f"exit status {done.returncode}"


def say(text: str) -> None:
    """Print a line, unless nobody reads it any more."""
    try:
        print(text, flush=True)
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
