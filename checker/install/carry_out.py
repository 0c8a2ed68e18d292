"""Carry out what `init` planned, and record in the manifest what was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checker.install.effects import (
    InstallFailed,
    Say,
    keep,
    make_folder,
    remove,
    restore,
    run,
    run_step,
    set_access,
    write_file,
)
from checker.install.key_moves import Prove, move_step, unproven
from checker.install.manifest import Manifest
from checker.install.new_accounts import taken_back
from checker.install.places import MANIFEST
from checker.install.rehearsal import still_open
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
    digest,
)
from checker.install.wanted_settings import under
from checker.model import CheckerError
from checker.sshd.program import MAIN, complaint


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
        case Remove(path=path):
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
        case GoLive():
            go_live(step)
            loaded = ", and loaded it" if step.reload else ""
            for each in step.files:
                say(f"wrote {each.path}; sshd accepted it{loaded}{kept(each)}")
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


def go_live(step: GoLive) -> None:
    """Write the drop-ins, have sshd test the whole configuration, and load it; restore the old ones
    if that fails. Raises InstallFailed.

    The first file is written before the second is shortened, which in earlier releases had the
    whole block: so one whole block is there at any time.
    """
    before = {
        each.path: each.path.read_bytes() if each.path.exists() else None for each in step.files
    }
    for each in step.files:
        write_file(each.path, each)
    trouble = what_is_wrong(step.user) or (run(step.reload) if step.reload else "")
    if trouble:
        for path, content in reversed(before.items()):
            restore(path, content)
        if step.reload:
            run(step.reload)
        paths = " and ".join(map(str, before))
        raise InstallFailed(
            f"sshd did not accept {paths} ({trouble}); its configuration is as before, and sshd"
            " still runs"
        )


def what_is_wrong(user: str) -> str:
    """Say why sshd would not start with the present files, or what it would allow the user beyond
    our limits; empty if nothing is wrong.
    """
    trouble = complaint(MAIN)
    if trouble or not user:
        return trouble
    try:
        return still_open(user)
    except CheckerError as error:
        return str(error)
