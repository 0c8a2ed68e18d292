"""Single changes to this machine: run a command, write or remove a file, restore a drop-in."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from checker.config.files import write_atomically
from checker.install.places import READERS_DROP_INS
from checker.install.steps import ROOT, Access, Command, File, Folder
from checker.model import CheckerError
from checker.sshd.program import SSHD_PLACES

Say = Callable[[str], None]
COMMAND_WITHIN_S = 120


class InstallFailed(CheckerError):
    """A step failed. The steps before it are done, and in the manifest."""


def run(words: tuple[str, ...]) -> str:
    """Run a command; return its complaint, empty if it succeeded.

    After `su`, PATH lacks the directories of root's programs, so they are added.
    """
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{SSHD_PLACES}"}
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_WITHIN_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"


def run_step(step: Command, say: Say) -> None:
    """Raises InstallFailed if the command fails and the step must succeed."""
    words = shlex.join(step.words)
    trouble = run(step.words)
    if trouble and step.must:
        raise InstallFailed(
            f"{words} failed: {trouble}; fix that, and run this again: it continues where it"
            " stopped"
        )
    say(f"tried, and failed: {words} ({trouble})" if trouble else f"ran: {words}")


def make_folder(step: Folder) -> None:
    """Raises InstallFailed."""
    try:
        step.path.mkdir(parents=True, exist_ok=True)
        step.path.chmod(step.mode)
        shutil.chown(step.path, step.owner, step.group)
        for child in step.path.iterdir() if step.deep else ():
            if not child.is_symlink():
                shutil.chown(child, step.owner, step.group)
    except (OSError, LookupError) as error:
        raise InstallFailed(
            f"{step.path} cannot be made, or get its owner or mode ({error}); fix that, and run"
            " this again"
        ) from error


def set_access(step: Access) -> None:
    """Raises InstallFailed."""
    try:
        shutil.chown(step.path, ROOT, step.group)
        step.path.chmod(step.mode)
    except (OSError, LookupError) as error:
        raise InstallFailed(
            f"{step.path} cannot get its group or mode ({error}); fix that, and run this again"
        ) from error


def write_file(path: Path, step: File) -> None:
    """Raises ConfigError, InstallFailed."""
    if step.backup:
        keep(path)
    write_atomically(path, step.content, mode=0o644)


def keep(path: Path) -> None:
    """Copy what the admin changed to `NAME.bak`. Raises InstallFailed."""
    try:
        shutil.copy2(path, path.with_name(f"{path.name}.bak"))
    except OSError as error:
        raise InstallFailed(
            f"{path}.bak cannot be written ({error.strerror}); fix that, and run this again"
        ) from error


def restore(path: Path, before: bytes | None) -> None:
    """Write the earlier content; None removes the file. Raises ConfigError."""
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, before, mode=0o644)


def remove(path: Path) -> None:
    """Remove a file, or a directory with its contents. Raises InstallFailed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if path in READERS_DROP_INS and not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as error:
        raise InstallFailed(
            f"{path} cannot be removed ({error.strerror}); fix that, and run this again"
        ) from error
