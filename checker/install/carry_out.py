"""Carrying out what `init` and `uninstall` planned, and noting what was made."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import SYSTEM
from checker.install.manifest import Manifest
from checker.install.plan import MANIFEST
from checker.install.rehearsal import still_open
from checker.install.steps import (
    Command,
    File,
    Folder,
    GoLive,
    KeysInLine,
    Plan,
    Remove,
    Step,
    digest,
)
from checker.install.survey import account, under
from checker.install.undo import EndSessions, Leave, Undo, Withdraw
from checker.linux.processes import is_alive, processes_of
from checker.model import CheckerError
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.lock import locked
from checker.sshd.kill import TERM_WITHIN_S
from checker.sshd.program import MAIN, complaint
from checker.sshd.sessions import sessions

Say = Callable[[str], None]
COMMAND_WITHIN_S = 120
ENDED_WITHIN_S = 15.0
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


class InstallFailed(CheckerError):
    """A step did not succeed; those before it stand, and are in the manifest."""


def run(words: tuple[str, ...]) -> str:
    """What a command complains of; empty where it succeeded. After `su` root's own programs are not
    in the PATH.
    """
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{SBIN}"}
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
    return (
        (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")
        if done.returncode
        else ""
    )


def command(step: Command, say: Say) -> None:
    """Raises InstallFailed."""
    trouble = run(step.words)
    if trouble and step.must:
        raise InstallFailed(
            f"{shlex.join(step.words)} failed: {trouble}; mend that, and run it again: what was"
            " done so far is known"
        )
    say(
        f"{'tried, and failed' if trouble else 'ran'}:"
        f" {shlex.join(step.words)}{f' ({trouble})' if trouble else ''}"
    )


def carry_out(plan: Plan, manifest: Manifest, say: Say) -> None:
    """All steps on this machine, each noted before the next. Raises InstallFailed, ConfigError."""
    for step in plan.steps:
        note(step, manifest, lambda step=step: carry_out_one(step, say))  # type: ignore[misc]


def note(step: Step, manifest: Manifest, act: Callable[[], None]) -> None:
    """Do it, and write down what is there now that was not there before."""
    is_new = isinstance(step, Folder) and not step.path.exists()
    act()
    if isinstance(step, Command) and step.makes and step.makes not in manifest.made:
        manifest.made.append(step.makes)
    elif isinstance(step, Folder) and is_new:
        manifest.folders.append(str(step.path))
    elif isinstance(step, File | GoLive):
        manifest.files.update(
            {
                str(each.path): digest(each.content)
                for each in (step.files if isinstance(step, GoLive) else (step,))
            }
        )
    elif isinstance(step, Remove):
        manifest.files.pop(str(step.path), None)
    if MANIFEST.parent.is_dir():
        manifest.save()


def carry_out_one(step: Step, say: Say) -> None:
    match step:
        case Command():
            command(step, say)
        case Folder():
            folder(step)
            say(f"made {step.path} ({step.mode:04o}, {step.owner}:{step.group})")
        case File():
            file(step.path, step)
            say(f"wrote {step.path}{f', and kept {step.path}.bak' if step.backup else ''}")
        case GoLive():
            go_live(step)
            for each in step.files:
                kept = f", and kept {each.path}.bak" if each.backup else ""
                say(
                    f"wrote {each.path}, which sshd"
                    f" accepts{', and had it read' if step.reload else ''}{kept}"
                )
        case KeysInLine():
            with locked(SYSTEM):
                write_keys(SYSTEM, gate_command(SYSTEM))
            say(f"brought {SYSTEM.authorized_keys} in line with the registry")
        case Remove(path=path):
            remove(path)
            say(f"removed {path}")


def folder(step: Folder) -> None:
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
            f"{step.path} can not be made as it should be ({error}); mend that, and run it again"
        ) from error


def file(path: Path, step: File) -> None:
    """Raises ConfigError, InstallFailed."""
    if step.backup:
        try:
            shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        except OSError as error:
            raise InstallFailed(
                f"{path}.bak can not be written ({error.strerror}); make room, and run it again"
            ) from error
    write_atomically(path, step.content, mode=0o644)


def write_tree(plan: Plan, root: Path, say: Say) -> None:
    """The directories and files of a plan in a tree that is being packaged; owners are the
    package's affair. Raises ConfigError.
    """
    for step in plan.steps:
        if isinstance(step, Folder):
            place = under(root, step.path)
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(step.mode)
            say(f"made {place}")
        elif isinstance(step, File):
            file(under(root, step.path), step)
            say(f"wrote {under(root, step.path)}")
        elif isinstance(step, Remove):
            remove(under(root, step.path))
            say(f"removed {under(root, step.path)}")


def go_live(step: GoLive) -> None:
    """Write it, have sshd judge the whole, and load it; else put back what was there. Raises
    InstallFailed.

    The first file is there before what an earlier release wrote in the second goes, so at no time
    is there less than a whole block.
    """
    before = {
        each.path: each.path.read_bytes() if each.path.exists() else None for each in step.files
    }
    for each in step.files:
        file(each.path, each)
    trouble = judgement(step.user) or (run(step.reload) if step.reload else "")
    if trouble:
        for path, content in reversed(before.items()):
            put_back(path, content)
        if step.reload:
            run(step.reload)
        paths = " and ".join(map(str, before))
        raise InstallFailed(
            f"sshd did not take {paths} ({trouble}); it is as it was before, and sshd runs on"
        )


def judgement(user: str) -> str:
    """What is wrong with the configuration as it lies there: sshd does not start, or allows the
    user too much; empty for nothing.
    """
    trouble = complaint(MAIN)
    if trouble or not user:
        return trouble
    try:
        return still_open(user)
    except CheckerError as error:
        return str(error)


def put_back(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, before, mode=0o644)


def take_back(steps: tuple[Undo, ...], say: Say) -> None:
    """All steps of an undoing. Raises InstallFailed, ConfigError."""
    for step in steps:
        match step:
            case Command():
                command(step, say)
            case Remove(path=path):
                remove(path)
                say(f"removed {path}")
            case Withdraw(path=path, reload=reload):
                withdraw(path, reload)
                say(
                    "removed"
                    f" {path}{', and had sshd read its configuration again' if reload else ''}"
                )
            case EndSessions(user=user):
                ended = end_sessions(user)
                say(f"ended {ended} sessions of {user}")
            case Leave(path=path):
                Manifest(folders=[str(path)]).save()


def remove(path: Path) -> None:
    """A file, or a directory with all that is in it. Raises InstallFailed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InstallFailed(
            f"{path} can not be removed ({error.strerror}); mend that, and run it again"
        ) from error


def withdraw(path: Path, reload: tuple[str, ...]) -> None:
    """Take sshd's drop-in away, unless sshd would not start without it. Raises InstallFailed."""
    before = path.read_bytes()
    remove(path)
    trouble = complaint(MAIN)
    if trouble:
        put_back(path, before)
        raise InstallFailed(
            f"without {path} sshd would not start ({trouble}); it was put back: mend {MAIN}, and"
            " run it again"
        )
    if reload:
        run(reload)


def end_sessions(user: str) -> int:
    """End the tunnels of the user, and all else that it runs; how many tunnels there were. Raises
    InstallFailed.
    """
    found = account(user)
    if found is None or found.uid == 0:
        return 0
    tunnels = sessions(found.uid)
    started_at = time.monotonic()
    while left := processes_of(found.uid):
        waited_s = time.monotonic() - started_at
        if waited_s > ENDED_WITHIN_S:
            raise InstallFailed(
                f"process {left[0].pid} of {user} does not end; end it, and run it again"
            )
        for process in left:
            if is_alive(process):
                os.kill(process.pid, signal.SIGTERM if waited_s < TERM_WITHIN_S else signal.SIGKILL)
        time.sleep(0.1)
    return len(tunnels)
