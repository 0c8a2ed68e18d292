"""Carry out what `init` planned, and record in the manifest what was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checker.install.effects import (
    Say,
    keep,
    make_folder,
    remove,
    run_step,
    set_access,
    write_file,
)
from checker.install.key_moves import Prove, move_step, unproven
from checker.install.manifest import Manifest
from checker.install.new_accounts import taken_back
from checker.install.places import MANIFEST
from checker.install.sshd_loading import go_live, withdraw
from checker.install.steps import (
    Access,
    Command,
    File,
    Folder,
    GoLive,
    InitPlan,
    KeysInLine,
    KeysMove,
    KeysProof,
    Remove,
    Step,
    Withdraw,
    digest,
)
from checker.install.wanted_settings import under


def carry_out(
    plan: InitPlan,
    manifest: Manifest,
    say: Say,
    rehearse: Callable[[], object] = lambda: None,
    prove: Prove = unproven,
) -> None:
    """Take all steps on this machine, and save the manifest after each. Raises InstallFailed,
    ConfigError.

    `rehearse` is called once the accounts exist, and before anything else is done: only then does
    sshd know their groups. If it raises, the accounts are removed again.
    """
    accounts = [step for step in plan.steps if isinstance(step, Command) and step.makes]
    with taken_back(accounts, manifest, say):
        for step in accounts:
            record(step, manifest, lambda step=step: carry_out_one(step, say, prove))  # type: ignore[misc]
        if accounts:
            rehearse()
    for other in plan.steps:
        if other not in accounts:
            record(other, manifest, lambda step=other: carry_out_one(step, say, prove))  # type: ignore[misc]
        if MANIFEST.parent.is_dir():
            manifest.save()


def record(step: Step, manifest: Manifest, act: Callable[[], None]) -> None:
    """Take a step, and note what it made that was not there before, without saving the manifest."""
    is_new = isinstance(step, Folder) and not step.path.exists()
    act()
    match step:
        case Command(makes=makes) if makes and makes not in manifest.made:
            manifest.made.append(makes)
        case Folder(path=path) if is_new:
            manifest.folders.append(str(path))
        case File():
            manifest.files[str(step.path)] = digest(step.content)
        case GoLive():
            manifest.files.update({str(file.path): digest(file.content) for file in step.files})
        case KeysProof(back=back) if back.file.path.read_bytes() == back.file.content:
            manifest.files[str(back.file.path)] = digest(back.file.content)
        case Remove(path=path) | Withdraw(path=path):
            manifest.files.pop(str(path), None)
        case _:
            pass


def carry_out_one(step: Step, say: Say, prove: Prove) -> None:
    match step:
        case Command():
            run_step(step, say)
        case Folder():
            make_folder(step)
            say(f"made {step.path} ({step.mode:04o}, {step.owner}:{step.group})")
        case File():
            write_file(step.path, step)
            say(f"wrote {step.path}{kept(step)}")
        case GoLive() | Withdraw():
            change_sshd(step, say)
        case KeysInLine() | KeysMove() | KeysProof():
            move_step(step, say, prove, go_live)
        case Access(path=path, mode=mode, group=group):
            set_access(step)
            say(f"gave {path} to root:{group} ({mode:04o})")
        case Remove(path=path, backup=backup):
            if backup:
                keep(path)
            remove(path)
            say(f"removed {path}{kept(step)}")


def change_sshd(step: GoLive | Withdraw, say: Say) -> None:
    if isinstance(step, Withdraw):
        withdraw(step, say)
        return
    go_live(step)
    loaded = ", and loaded it" if step.reload else ""
    for each in step.files:
        say(f"wrote {each.path}; sshd accepted it{loaded}{kept(each)}")


def kept(step: File | Remove) -> str:
    return f"; yours is now {step.path}.bak" if step.backup else ""


def write_tree(plan: InitPlan, root: Path, say: Say) -> None:
    """Make the directories and files of a plan in a package's tree; the package sets the owners.
    Raises ConfigError.
    """
    for step in plan.steps:
        if isinstance(step, Folder):
            place = under(root, step.path)
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(step.mode)
            say(f"made {place}")
        elif isinstance(step, File):
            write_file(under(root, step.path), step)
            say(f"wrote {under(root, step.path)}")
        elif isinstance(step, Remove):
            remove(under(root, step.path))
            say(f"removed {under(root, step.path)}")
