"""`reversi-checker init`, `uninstall` and `doctor`: the machine as a gateway."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from checker.cli.common import Verbs
from checker.cli.exit_codes import ExitCode
from checker.config.layout import SYSTEM, Layout
from checker.control.client import Control
from checker.install.package import package
from checker.install.places import CONFIG
from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.sshd_drop_ins import live_drop_ins
from checker.install.steps import (
    Command,
    File,
    Folder,
    Found,
    GoLive,
    KeysInLine,
    Plan,
    Remove,
    Step,
)
from checker.install.undo import Undo
from checker.model import parse_target
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    init = verbs.add_parser(
        "init",
        help="make this machine a gateway; a second run mends what is missing",
        formatter_class=raw,
        epilog=(
            "example: sudo reversi-checker init --dry-run\n"
            "         sudo reversi-checker init --gateway gateway.example.org:22\n"
            "         sudo reversi-checker init --tune --dry-run"
        ),
    )
    init.add_argument(
        "--dry-run", action="store_true", help="print every file and command, and do nothing"
    )
    init.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="how nodes reach it; may be given again",
    )
    init.add_argument(
        "--tune",
        action=argparse.BooleanOptionalAction,
        help=(
            "limit unsent data in the kernel, for every program of this host, so that beats wait"
            " less behind bulk; stays until --no-tune or uninstall"
        ),
    )
    init.add_argument(
        "--force",
        action="store_true",
        help="replace files that were changed since, and keep them as NAME.bak",
    )
    init.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="write the files into a tree, and print what a package's postinst must do",
    )
    init.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that the service runs (default: this one)",
    )
    init.set_defaults(command=cmd_init)
    uninstall = verbs.add_parser(
        "uninstall",
        help="take back all that init made",
        formatter_class=raw,
        epilog="example: sudo reversi-checker uninstall --dry-run",
    )
    uninstall.add_argument(
        "--purge",
        action="store_true",
        help="remove the registry, the settings and the key file too",
    )
    uninstall.add_argument(
        "--dry-run", action="store_true", help="say what would be removed, and do nothing"
    )
    uninstall.add_argument(
        "--yes", action="store_true", help="do not ask (without a terminal it never asks)"
    )
    uninstall.set_defaults(command=cmd_uninstall)


def narrate(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def refuse_home(args: argparse.Namespace, verb: str) -> None:
    """Raises Refused: these are about the machine, not about a home."""
    if args.home:
        raise Refused(
            f"{verb} is about this machine's own gateway, under {SYSTEM.config.parent}; leave"
            " --home out"
        )


def refuse_others(verb: str) -> None:
    """Raises Refused for all but root."""
    if os.geteuid() != 0:
        raise Refused(
            f"{verb} changes this machine: run it with sudo, or see what it would do with --dry-run"
        )


def cmd_init(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.install.survey import survey

    refuse_home(args, "init")
    if not args.dry_run and args.root is None:
        refuse_others("init")
    gateways = tuple(str(parse_target(address)) for address in args.gateway)
    root = args.root.absolute() if args.root else None
    found = survey(
        root=root, python=args.python, gateways=gateways, force=args.force, tune=args.tune
    )
    if root:
        return init_tree(found, root, dry_run=args.dry_run)
    return init_here(found, dry_run=args.dry_run)


def init_tree(found: Found, root: Path, *, dry_run: bool) -> ExitCode:
    from checker.install.carry_out import write_tree

    planned, after = package(found)
    if dry_run:
        show(planned)
    else:
        write_tree(planned, root, narrate)
    tell_notes(planned)
    if not planned.steps:
        say("nothing to do")
    narrate("the package's postinst must run, in this order:")
    for line in after:
        say(line)
    return ExitCode.OK


def init_here(found: Found, *, dry_run: bool) -> ExitCode:
    from checker.install.carry_out import carry_out
    from checker.install.manifest import load_manifest

    planned = plan(found)
    rehearse_live(found, planned)
    if dry_run:
        show(planned)
    else:
        carry_out(planned, load_manifest(), narrate)
    tell_notes(planned)
    say(
        "nothing to do"
        if not planned.steps
        else "nothing was done"
        if dry_run
        else "done; see: reversi-checker doctor"
    )
    return ExitCode.OK


def rehearse_live(found: Found, planned: Plan) -> None:
    """The judgement of sshd on the drop-in that will be live, before anything is changed. Raises
    Refused, CheckerError.
    """
    from checker.install.rehearsal import rehearse
    from checker.sshd.lockdown import MAX_STARTUPS, shut_out
    from checker.sshd.program import as_user

    if os.geteuid() != 0:
        narrate("not tried with sshd, which takes root")
        return
    coming = next((step for step in planned.steps if isinstance(step, GoLive)), None)
    drop_ins = live_drop_ins(found, planned)
    user = found.choices.tunnel_user
    try:
        would = rehearse(drop_ins, user)
    except Refused as refusal:
        if coming is None:
            raise Refused(
                f"{refusal}; or have {next(iter(drop_ins))} written again: init --force"
            ) from None
        raise
    if coming is not None:
        narrate(
            "tried on sshd's configuration as it will be: sshd -t, and"
            f" {shlex.join(('sshd', '-T', *as_user(user)))}, and so for each kind of connection"
            " that a Match line names"
        )
    why, startups = shut_out(would, user), would.get("maxstartups", "that is not known")
    if why:
        narrate(f"warning: sshd lets {user} in at no key: {why}")
    if startups != MAX_STARTUPS:
        narrate(
            f"warning: another file of sshd's says MaxStartups {startups}, which counts: many nodes"
            " at once are refused at random"
        )


def tell_notes(planned: Plan) -> None:
    for note in planned.notes:
        narrate(note)
    for warning in planned.warnings:
        narrate(f"warning: {warning}")


def show(planned: Plan) -> None:
    for step in planned.steps:
        for line in shown(step):
            say(line)


def shown(step: Step) -> Iterator[str]:
    """A step as `--dry-run` prints it: every file whole, every command as one types it."""
    match step:
        case Command(words=words):
            yield f"would run: {shlex.join(words)}"
        case Folder(path=path, mode=mode, owner=owner, group=group):
            yield f"would make: {path} ({mode:04o}, {owner}:{group})"
        case File(path=path, content=content, backup=backup):
            yield (
                f"would write: {path} (0644,"
                f" root:root){f', and keep what is there as {path.name}.bak' if backup else ''}"
            )
            yield from (f"    {line}" for line in content.decode().splitlines())
        case GoLive(reload=reload):
            for each in step.files:
                yield from shown(each)
            yield "would run: sshd -t"
            if reload:
                yield f"would run: {shlex.join(reload)}"
        case KeysInLine():
            yield f"would bring {SYSTEM.authorized_keys} in line with the registry"
        case Remove(path=path):
            yield f"would remove: {path}"


def cmd_uninstall(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.install.survey import installed
    from checker.install.take_back import take_back
    from checker.install.undo import undo

    refuse_home(args, "uninstall")
    if not args.dry_run:
        refuse_others("uninstall")
    there = installed()
    if there is None or (there.is_undone and not args.purge):
        say(
            "nothing to do: init made nothing"
            f" here{f' but {CONFIG}, which --purge removes' if there else ''}"
        )
        return ExitCode.OK
    steps, notes = undo(there, purge=args.purge)
    if args.dry_run or not agreed(args):
        for step in steps:
            say(undo_line(step))
        return ExitCode.OK
    pid = Control(layout=SYSTEM).daemon_pid() if not there.has_systemd else None
    if pid is not None:
        raise Refused(
            f"the daemon (process {pid}) still serves {SYSTEM.socket.parent}; stop it first"
        )
    take_back(steps, narrate)
    for note in notes:
        narrate(note)
    return ExitCode.OK


def agreed(args: argparse.Namespace) -> bool:
    """Whether to go on: asked at a terminal, unless `--yes`."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(
        "end all tunnels, and remove the gateway from this machine? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def undo_line(step: Undo) -> str:
    from checker.install.undo import EndSessions, Leave, Withdraw

    match step:
        case Command(words=words):
            return f"would run: {shlex.join(words)}"
        case Remove(path=path):
            return f"would remove: {path}"
        case Withdraw(path=path, reload=reload):
            return (
                f"would remove: {path}; then run: sshd"
                f" -t{f', {shlex.join(reload)}' if reload else ''}"
            )
        case EndSessions(user=user):
            return f"would end: all tunnels of {user}"
        case Leave(path=path):
            return f"would note: {path} is left"
