"""The verbs `backup` and `restore`: a gateway as one file, and back."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from checker.cli.dialog import narrate, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import SYSTEM, Layout, refuse_missing
from checker.install.refusals import Refused
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    backup = add_verb(
        verbs,
        "backup",
        "write settings, registry, host keys and history to one file",
        "sudo reversi-checker backup /var/backups/reversi/gateway.tar.gz",
        ending="Keep the file secret: whoever has it can pass for this gateway.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="a .tar.gz that is not there yet")
    backup.add_argument("--force", action="store_true", help="replace FILE if it is there")
    backup.set_defaults(command=cmd_backup, is_of_root=True)
    restore = add_verb(
        verbs,
        "restore",
        "put a backup in the place of what is here; also on a new machine, instead of init",
        "sudo reversi-checker restore /var/backups/reversi/gateway.tar.gz --dry-run",
        ending="What is there now is backed up first, to be restored in the same way.",
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="what `backup` wrote")
    add_dry_run(restore, "check FILE, print what would change, and do nothing")
    add_yes(restore)
    restore.set_defaults(command=cmd_restore, is_of_root=True)


def refuse_stranger(layout: Layout, verb: str) -> None:
    """Raises Refused: the host keys and the registry of an installed gateway are root's."""
    if layout.home is None and os.geteuid() != 0:
        raise Refused(f"{verb} reads host keys and settings that are root's: run it with sudo")


def cmd_backup(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.install.backup import back_up

    refuse_missing(layout)
    refuse_stranger(layout, "backup")
    done = back_up(layout, args.file.absolute(), force=args.force, now=time.time())
    for note in done.notes:
        warn(note)
    history = "the history" if done.has_history else "no history"
    keys = f", {done.private_keys} private keys" if done.private_keys else ""
    say(f"wrote {args.file}: {done.nodes} nodes, {done.host_keys} host keys, {history}{keys}")
    narrate("keep it as secret as the host keys in it, and copy it to another machine")
    return ExitCode.OK


def cmd_restore(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.cli.restoring import restore_from
    from checker.install.unpack import unpack

    if layout.home is None or not (args.home or os.environ.get("REVERSI_HOME")):
        layout = SYSTEM  # before the first `init`, nothing says that this machine is a gateway
    refuse_stranger(layout, "restore")
    archive = args.file.absolute()
    with tempfile.TemporaryDirectory(prefix="reversi-restore-") as folder:
        return restore_from(args, layout, archive, unpack(archive, Path(folder)))
