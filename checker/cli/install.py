"""The verbs `init` and `uninstall`: make this machine a gateway, or undo that."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from checker.cli.dialog import ask, narrate, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.extra_units import add_unit_options, asked_units
from checker.cli.install_steps import step_lines, undo_line
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import SYSTEM, Layout
from checker.config.toml_file import MOST_BYTES, beginning
from checker.control.client import Control
from checker.install.package import package
from checker.install.places import CONFIG
from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.shared_key import FleetWish, keys_in
from checker.install.sshd_drop_ins import live_drop_ins
from checker.install.steps import Found, GoLive, InitPlan
from checker.install.undo import Installed, Leave, undo
from checker.model import parse_target
from checker.output import say
from checker.sshd.openings import Judged


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
        "sudo reversi-checker init --shared-key fleet.pub",
        "sudo reversi-checker init --metrics",
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
        "--keys",
        choices=("fingerprint", "file"),
        default="",
        help=(
            "where sshd reads the devices' keys: a file for each, named by its fingerprint (the"
            " default, so that a login stays cheap however many there are), or one file for all"
        ),
    )
    add_unit_options(init)
    add_fleet_options(init)
    add_file_options(init)
    init.set_defaults(command=cmd_init, is_of_root=True)


def add_file_options(init: argparse.ArgumentParser) -> None:
    """Declare the options that say which files are written, and where."""
    init.add_argument(
        "--allow-login",
        action="store_true",
        help=(
            "if sshd's AllowUsers or AllowGroups shut the tunnel user out, add it there, in a file"
            " of its own, which uninstall takes back"
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


def add_fleet_options(init: argparse.ArgumentParser) -> None:
    """Declare what a machine needs that serves a fleet of the original."""
    init.add_argument(
        "--tunnel-user",
        default="",
        metavar="USER",
        help="the account that devices log in to, at the first init (default: reversi)",
    )
    init.add_argument(
        "--shared-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=(
            "let in the devices of the original, which share this key: its .pub file, or the"
            " authorized_keys file that accepts it now; may be given more than once"
        ),
    )
    init.add_argument(
        "--shared-ports",
        default="",
        metavar="PORTS",
        help="where these devices listen, as in 50000-50999,55555",
    )
    init.add_argument(
        "--leave-behind",
        action="store_true",
        help="go on although devices that are logged in now could not log in again",
    )


def fleet_wish(args: argparse.Namespace) -> FleetWish:
    """What the options say about an old fleet. Raises CheckerError."""
    if args.root and (args.shared_key or args.shared_ports):
        raise Refused("--shared-key and --shared-ports are for this machine; leave out --root")
    keys = [key for path in args.shared_key for key in keys_in(text_of(path), path)]
    return FleetWish(
        tunnel_user=args.tunnel_user,
        keys=tuple(dict.fromkeys(keys)),
        ports=tuple(word.strip() for word in args.shared_ports.split(",") if word.strip()),
        leave_behind=args.leave_behind,
    )


def text_of(path: Path) -> str:
    """Raises ConfigError."""
    return beginning(path, MOST_BYTES).decode("utf-8-sig", "replace")


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
    uninstall.set_defaults(command=cmd_uninstall, is_of_root=True)


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
    os.umask(0o022)  # others must read what init makes
    if not args.dry_run and args.root is None:
        refuse_unless_root("init")
    gateways = tuple(str(parse_target(address, "--gateway")) for address in args.gateway)
    root = args.root.absolute() if args.root else None
    found = survey(
        root=root,
        python=args.python,
        gateways=gateways,
        force=args.force,
        tune=args.tune,
        fleet=fleet_wish(args),
    )
    found = replace(
        found,
        allow_login=args.allow_login,
        asked_units=asked_units(args),
        keys=replace(found.keys, asked=args.keys),
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
    from checker.doctor.keys_trial import why_no_login
    from checker.install.carry_out import carry_out
    from checker.install.manifest import load_manifest

    planned = plan(found)
    rehearse_live(found, planned)
    if is_dry:
        print_steps(planned)
    else:
        carry_out(
            planned,
            load_manifest(),
            narrate,
            lambda: rehearsed(found, planned),
            lambda: why_no_login(found.choices.tunnel_user, narrate),
        )
    print_notes(planned)
    done = "nothing was done" if is_dry else "done; see: reversi-checker doctor"
    say(done if planned.steps else "nothing to do")


def rehearse_live(found: Found, planned: InitPlan) -> None:
    """Have sshd judge its configuration as it will be, before anything is changed. Raises Refused,
    CheckerError.
    """
    from checker.cli.install_warnings import sshd_warnings
    from checker.sshd.gateway_ports import unheard_here
    from checker.sshd.program import as_user

    if os.geteuid() != 0:
        narrate("not tested with sshd: only root can do that")
        return
    user = found.choices.tunnel_user
    judged = rehearsed(found, planned)
    if writes_drop_ins(planned):
        narrate(
            "tested sshd's configuration as it will be: sshd -t, and"
            f" {shlex.join(('sshd', '-T', *as_user(user)))}, for each kind of connection that a"
            " Match line names"
        )
    unheard = unheard_here(found.choices.gateways, judged.effective)
    sentences = (one.sentence for one in unheard)
    for warning in (*sshd_warnings(judged, user, found.startups), *sentences):
        warn(warning)


def rehearsed(found: Found, planned: InitPlan) -> Judged:
    """Return what sshd says about the tunnel user as it will be. Raises Refused, CheckerError."""
    from checker.install.rehearsal import rehearse

    drop_ins = live_drop_ins(found, planned)
    try:
        return rehearse(drop_ins, found.choices.tunnel_user)
    except Refused as refusal:
        if writes_drop_ins(planned):
            raise
        raise Refused(
            f"{refusal}; or have {next(iter(drop_ins))} written again: init --force"
        ) from None


def writes_drop_ins(planned: InitPlan) -> bool:
    return any(isinstance(step, GoLive) for step in planned.steps)


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
