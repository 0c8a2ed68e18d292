"""The verbs `init` and `uninstall`: make this machine a gateway, or undo that."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from checker.cli.dialog import ask, narrate, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.install_steps import step_lines, undo_line
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import SYSTEM, Layout
from checker.control.client import Control
from checker.install.package import package
from checker.install.places import CONFIG
from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.sshd_drop_ins import live_drop_ins
from checker.install.steps import Found, GoLive, InitPlan
from checker.install.undo import Installed, Leave, undo
from checker.model import parse_target
from checker.output import say


def add_to(verbs: Verbs) -> None:
    """Declare these verbs."""
    add_init(verbs)
    add_uninstall(verbs)


def add_init(verbs: Verbs) -> None:
    init = add_verb(
        verbs,
        "init",
        "make this machine a gateway; run it again to restore what is missing",
        "sudo reversi-checker init --dry-run",
        "sudo reversi-checker init --gateway gateway.example.org:22",
        "sudo reversi-checker init --tune --dry-run",
    )
    add_dry_run(init, "print every file and command, and do nothing")
    init.add_argument(
        "--gateway",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="where nodes reach this gateway; may be given more than once",
    )
    init.add_argument(
        "--tune",
        action=argparse.BooleanOptionalAction,
        help=(
            "limit unsent data in the kernel, for every program of this host, so that beats wait"
            " less behind bulk transfers; stays until --no-tune or uninstall"
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
        help="the Python interpreter for the service (default: this one)",
    )
    init.set_defaults(command=cmd_init)


def add_uninstall(verbs: Verbs) -> None:
    uninstall = add_verb(
        verbs,
        "uninstall",
        "remove everything that init made",
        "sudo reversi-checker uninstall --dry-run",
    )
    uninstall.add_argument(
        "--purge",
        action="store_true",
        help="remove the registry, the settings and the key file too",
    )
    add_dry_run(uninstall, "print what would be removed, and do nothing")
    add_yes(uninstall)
    uninstall.set_defaults(command=cmd_uninstall)


def refuse_home(args: argparse.Namespace, verb: str) -> None:
    """Raises Refused: these verbs are for the installed gateway."""
    if args.home:
        raise Refused(
            f"{verb} is for the gateway installed on this machine, under {SYSTEM.config.parent};"
            " leave out --home"
        )


def refuse_unless_root(verb: str) -> None:
    """Raises Refused."""
    if os.geteuid() != 0:
        raise Refused(
            f"{verb} changes this machine: run it with sudo, or see what it would do with --dry-run"
        )


def cmd_init(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.install.survey import survey

    refuse_home(args, "init")
    if not args.dry_run and args.root is None:
        refuse_unless_root("init")
    gateways = tuple(str(parse_target(address, "--gateway")) for address in args.gateway)
    root = args.root.absolute() if args.root else None
    found = survey(
        root=root, python=args.python, gateways=gateways, force=args.force, tune=args.tune
    )
    if root:
        init_tree(found, root, is_dry=args.dry_run)
    else:
        init_here(found, is_dry=args.dry_run)
    return ExitCode.OK


def init_tree(found: Found, root: Path, *, is_dry: bool) -> None:
    """Write the files of a package into a tree. Raises Refused, CheckerError."""
    from checker.install.carry_out import write_tree

    planned, after = package(found)
    if is_dry:
        print_steps(planned)
    else:
        write_tree(planned, root, narrate)
    print_notes(planned)
    if not planned.steps:
        say("nothing to do")
    narrate("the package's postinst must run, in this order:")
    for line in after:
        say(line)


def init_here(found: Found, *, is_dry: bool) -> None:
    """Make this machine a gateway. Raises Refused, CheckerError."""
    from checker.install.carry_out import carry_out
    from checker.install.manifest import load_manifest

    planned = plan(found)
    rehearse_live(found, planned)
    if is_dry:
        print_steps(planned)
    else:
        carry_out(planned, load_manifest(), narrate)
    print_notes(planned)
    done = "nothing was done" if is_dry else "done; see: reversi-checker doctor"
    say(done if planned.steps else "nothing to do")


def rehearse_live(found: Found, planned: InitPlan) -> None:
    """Have sshd judge its configuration as it will be, before anything is changed. Raises Refused,
    CheckerError.
    """
    from checker.install.rehearsal import rehearse
    from checker.sshd.program import as_user

    if os.geteuid() != 0:
        narrate("not tested with sshd: only root can do that")
        return
    is_new = any(isinstance(step, GoLive) for step in planned.steps)
    drop_ins = live_drop_ins(found, planned)
    user = found.choices.tunnel_user
    try:
        effective = rehearse(drop_ins, user)
    except Refused as refusal:
        if is_new:
            raise
        raise Refused(
            f"{refusal}; or have {next(iter(drop_ins))} written again: init --force"
        ) from None
    if is_new:
        narrate(
            "tested sshd's configuration as it will be: sshd -t, and"
            f" {shlex.join(('sshd', '-T', *as_user(user)))}, for each kind of connection that a"
            " Match line names"
        )
    for warning in sshd_warnings(effective, user):
        warn(warning)


def sshd_warnings(effective: Mapping[str, str], user: str) -> list[str]:
    """What sshd's effective settings, in lower case, will do to the tunnels of this user."""
    from checker.sshd.lockdown import MAX_STARTUPS, shut_out

    found = []
    why = shut_out(effective, user)
    if why:
        found.append(f"sshd rejects every key of {user}: {why}")
    startups = effective.get("maxstartups", "")
    if not startups:
        found.append(
            "sshd does not say its MaxStartups; if it is low, sshd drops logins at random when many"
            " nodes connect at once"
        )
    elif startups != MAX_STARTUPS:
        found.append(
            f"another file sets sshd's MaxStartups to {startups}, which takes precedence: sshd will"
            " drop logins at random when many nodes connect at once"
        )
    return found


def print_notes(planned: InitPlan) -> None:
    for note in planned.notes:
        narrate(note)
    for warning in planned.warnings:
        warn(warning)


def print_steps(planned: InitPlan) -> None:
    for step in planned.steps:
        for line in step_lines(step):
            say(line)


def cmd_uninstall(args: argparse.Namespace, layout: Layout) -> ExitCode:  # noqa: ARG001 - all commands are called alike
    from checker.install.survey import installed

    refuse_home(args, "uninstall")
    if not args.dry_run:
        refuse_unless_root("uninstall")
    there = installed()
    if there is None or (there.is_undone and not args.purge):
        rest = f" but {CONFIG}, which --purge removes" if there else ""
        say(f"nothing to do: init made nothing here{rest}")
    else:
        uninstall_here(args, there)
    return ExitCode.OK


def afterwards(nodes: Sequence[str], notes: Sequence[str], *, purge: bool) -> Iterator[str]:
    """What becomes of the nodes, and what stays, a line each."""
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    if nodes and purge:
        yield f"forget {count} with their keys and ports: no device can log in here again"
    elif nodes:
        yield f"shut out the devices of {count} until init runs again"
    yield from notes


def uninstall_here(args: argparse.Namespace, there: Installed) -> None:
    """Remove what there is, if the admin agrees. Raises Refused, CheckerError."""
    from checker.install.take_back import take_back

    steps, notes = undo(there, purge=args.purge)
    plan = [undo_line(step) for step in steps]
    if args.dry_run:
        would(plan)
        for note in notes:
            narrate(note)
        return
    nodes = sorted(path.stem for path in SYSTEM.nodes.glob("*.toml"))
    shown = [undo_line(step) for step in steps if not isinstance(step, Leave)]
    ask(
        args,
        "remove the gateway from this machine",
        [*shown, *afterwards(nodes, notes, purge=args.purge)],
    )
    pid = Control(layout=SYSTEM).daemon_pid() if not there.has_systemd else None
    if pid is not None:
        raise Refused(
            f"the daemon (process {pid}) still serves {SYSTEM.socket.parent}; stop it first"
        )
    take_back(steps, narrate)
    for note in notes:
        narrate(note)
