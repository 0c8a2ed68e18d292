"""How `init --dry-run` and `uninstall --dry-run` print a step."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.steps import (
    Access,
    Command,
    File,
    Folder,
    GoLive,
    KeysInLine,
    KeysMove,
    KeysProof,
    Remove,
    Step,
    Withdraw,
)
from checker.install.undo import EndSessions, Leave, Undo
from checker.registry.key_files import Stand

PLACES = {
    Stand.FILE: f"{SYSTEM.authorized_keys}, and remove {SYSTEM.keys}",
    Stand.TO_FILE: f"{SYSTEM.authorized_keys}, too",
    Stand.TO_FINGERPRINT: f"{SYSTEM.keys}, a file for each key, too",
    Stand.FINGERPRINT: f"{SYSTEM.keys}, a file for each key",
}


def step_lines(step: Step) -> Iterator[str]:
    """A step of `init`: each file in full, each command as one would type it."""
    match step:
        case Command(words=words):
            yield f"would run: {shlex.join(words)}"
        case Folder(path=path, mode=mode, owner=owner, group=group):
            yield f"would make: {path} ({mode:04o}, {owner}:{group})"
        case File(path=path, content=content, backup=backup):
            yield f"would write: {path} (0644, root:root){kept_as(path) if backup else ''}"
            yield from (f"    {line}" for line in content.decode().splitlines())
        case GoLive() | Withdraw():
            yield from sshd_lines(step)
        case Access(path=path, mode=mode, group=group):
            yield f"would give: {path} to root:{group} ({mode:04o})"
        case KeysInLine() | KeysMove() | KeysProof():
            yield keys_line(step)
        case Remove(path=path, backup=backup):
            yield f"would remove: {path}{kept_as(path) if backup else ''}"


def sshd_lines(step: GoLive | Withdraw) -> Iterator[str]:
    if isinstance(step, Withdraw):
        yield f"would {withdraw_line(step)}"
        return
    for each in step.files:
        yield from step_lines(each)
    yield "would run: sshd -t"
    if step.reload:
        yield f"would run: {shlex.join(step.reload)}"


def kept_as(path: Path) -> str:
    return f", and keep what is there as {path.name}.bak"


def keys_line(step: KeysInLine | KeysMove | KeysProof) -> str:
    match step:
        case KeysInLine():
            return f"would update {SYSTEM.authorized_keys} from the registry"
        case KeysMove(stand=stand):
            return f"would update {PLACES[stand]}, from the registry"
        case KeysProof():
            return (
                f"would log in by a file of {SYSTEM.keys}; then keep the keys only there or, if"
                f" that fails, only in {SYSTEM.authorized_keys}"
            )


def undo_line(step: Undo) -> str:
    """A step of `uninstall`, beginning with its verb."""
    match step:
        case Command(words=words):
            return f"run: {shlex.join(words)}"
        case Remove(path=path):
            return f"remove: {path}"
        case Withdraw():
            return withdraw_line(step)
        case EndSessions(user=user):
            return f"end: all tunnels of {user}"
        case Leave(path=path):
            return f"note: {path} is left"


def withdraw_line(step: Withdraw) -> str:
    reloading = f", {shlex.join(step.reload)}" if step.reload else ""
    return f"remove: {step.path}; then run: sshd -t{reloading}"
