"""What `restore` does with an unpacked backup: rehearse, ask, put back, and run `init`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checker.cli.dialog import ask, narrate, warn, would
from checker.cli.doctor import judge
from checker.cli.exit_codes import ExitCode
from checker.cli.install import init_here, rehearse_live
from checker.config.layout import SYSTEM, Layout
from checker.control.client import Control, operator_name
from checker.install.archive import CONFIG
from checker.install.effects import run_step
from checker.install.extra_units import asked_again
from checker.install.places import SERVICE
from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.restore import (
    RestoreFailed,
    RestorePlan,
    give_again,
    is_offered,
    keep_present,
    note_restored,
    ownerless,
    put_back,
    set_state_aside,
    survey_restore,
)
from checker.install.shared_key import FleetWish
from checker.install.sshd_drop_ins import reload_words
from checker.install.sshd_loading import reload_sshd
from checker.install.steps import Choices, Command, Found
from checker.install.survey import SYSTEMD, survey
from checker.install.unpack import Unpacked
from checker.install.wanted_settings import choices
from checker.linux.systemd import is_unit
from checker.model import CheckerError
from checker.output import say
from checker.registry.authorized_keys import update_keys
from checker.sshd.program import MAIN, complaint


def restore_from(
    args: argparse.Namespace, layout: Layout, archive: Path, unpacked: Unpacked
) -> ExitCode:
    """Raises Refused, CheckerError."""
    rehearse_init(layout, unpacked)
    for warning in unpacked.warnings:
        warn(warning)
    planned = survey_restore(layout, unpacked)
    narrate(described(unpacked))
    if args.dry_run:
        would(planned.lines())
        say("nothing was done")
        return ExitCode.OK
    ask(args, f"replace this gateway by the backup of {unpacked.about.machine}", planned.summary())
    carry_out(layout, archive, unpacked, planned)
    return judge(layout)


def described(unpacked: Unpacked) -> str:
    about = unpacked.about
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(about.made_at))
    return (
        f"a backup of {about.machine}, made at {made} by reversi {about.version}, with"
        f" {unpacked.nodes} nodes"
    )


def rehearse_init(layout: Layout, unpacked: Unpacked) -> None:
    """Check that `init` will work here with the settings of the archive, before anything is
    changed. Raises Refused, CheckerError.
    """
    if layout.home is not None:
        return

    path = unpacked.folder / CONFIG / SYSTEM.config.name
    settings = path.read_bytes() if path.exists() else None
    found = surveyed(unpacked, replace(choices(unpacked.folder, ()), config=settings))
    rehearse_live(found, plan(found))


def surveyed(unpacked: Unpacked, coming: Choices | None = None) -> Found:
    """Look at this machine. Whom the restored key file does not let in was the admin's decision.
    Raises CheckerError.
    """
    found = survey(
        root=None,
        python=sys.executable,
        gateways=(),
        force=False,
        tune=unpacked.about.tune or None,
        fleet=FleetWish(leave_behind=True),
        coming=coming,
    )
    return replace(found, asked_units=asked_again(unpacked.about.services, found))


def stop_daemon(layout: Layout) -> None:
    """Raises Refused, InstallFailed. No tunnel ends."""
    if layout.home is None and SYSTEMD.is_dir() and is_unit(SERVICE):
        run_step(Command(words=("systemctl", "stop", SERVICE)), narrate)
    pid = Control(layout=layout).daemon_pid()
    if pid is not None:
        raise Refused(
            f"the daemon (process {pid}) still serves {layout.socket.parent}; stop it first"
        )


def carry_out(layout: Layout, archive: Path, unpacked: Unpacked, planned: RestorePlan) -> None:
    """Raises CheckerError: then the sentence names the archive of what was there."""
    stop_daemon(layout)
    kept = keep_present(layout, warn)
    back = restore_words(layout, kept.archive) if kept else ""
    try:
        if kept and not kept.has_history and (aside := set_state_aside(layout.state, time.time())):
            narrate(f"kept the history that could not be backed up as {aside}")
        note_restored(unpacked, archive, operator_name(), time.time())
        waiting = ownerless(planned)
        put_back(layout, unpacked, planned)
        narrate(f"restored {unpacked.nodes} nodes, the settings and the host keys")
        follow(layout, unpacked, planned)
        for sentence in give_again(waiting):
            warn(sentence)
    except (CheckerError, OSError) as error:
        raise RestoreFailed(f"{error}; to have back what was there: {back or 'nothing'}") from error
    if kept:
        narrate(f"what was there before is in {kept.archive}; to have it back: {back}")


def restore_words(layout: Layout, kept: Path) -> str:
    home: Sequence[str] = ("--home", str(layout.home)) if layout.home else ()
    sudo = () if layout.home else ("sudo",)
    return shlex.join((*sudo, "reversi-checker", *home, "restore", str(kept)))


def follow(layout: Layout, unpacked: Unpacked, planned: RestorePlan) -> None:
    """Bring the machine in line with the files: sshd, the service, the key file. Raises
    CheckerError.
    """
    if layout.home is not None:
        update_keys(layout)
        narrate("start the gateway again")
        return

    if trouble := complaint(MAIN):
        raise RestoreFailed(f"sshd would not start with the restored host keys: {trouble}")
    if not is_offered(layout, planned):
        warn(
            "sshd here uses none of the restored host keys: devices will refuse this gateway; see"
            f" the HostKey lines of {MAIN}"
        )
    found = surveyed(unpacked)
    init_here(found, is_dry=False)
    for option in sorted(set(unpacked.about.services) - set(found.asked_units)):
        warn(f"that gateway ran the service of init --{option}; to have it here, run that")
    if words := reload_words(found.sshd_unit):
        trouble = reload_sshd(words)
        narrate(
            f"tried, and failed: {shlex.join(words)} ({trouble})"
            if trouble
            else f"ran: {shlex.join(words)}"
        )
    else:
        narrate("have sshd read its host keys again")
