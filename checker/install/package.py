"""`init --root`: the files of a package, and the commands for its postinst. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from checker.install.alert_files import alert_access
from checker.install.extra_units import chosen_units
from checker.install.places import ENABLED, RUN, SYSCTL, TMPFILES
from checker.install.plan import UNSTARTED, accounts, all_folders, plan, to_reserve
from checker.install.readers import memberships
from checker.install.sshd_drop_ins import reload_words
from checker.install.steps import ROOT, File, Folder, Found, GoLive, InitPlan, Remove
from checker.install.tuning import tune
from checker.sshd.lockdown import ANY_STARTUPS


def package(found: Found) -> tuple[InitPlan, tuple[str, ...]]:
    """Plan the files, and return the commands that a package's postinst must run. Raises
    Refused.
    """
    whole = plan(replace(found, has_systemd=False, startups=ANY_STARTUPS))
    single = [
        each
        for step in whole.steps
        for each in (step.files if isinstance(step, GoLive) else (step,))
    ]
    files = [step for step in single if isinstance(step, File | Remove)]
    folders = [
        folder
        for folder in all_folders(found.choices.tunnel_user, found.choices.readers)
        if not folder.path.is_relative_to(RUN)
    ]
    missing = [folder for folder in folders if folder.path not in found.entries]
    planned = InitPlan(
        steps=(*missing, *files),
        notes=tuple(note for note in whole.notes if note != UNSTARTED),
        warnings=whole.warnings,
    )
    return planned, tuple(shlex.join(words) for words in postinst(found, folders))


def postinst(found: Found, folders: list[Folder]) -> Iterator[tuple[str, ...]]:
    """Yield the commands in the order in which they must run."""
    for command in (*accounts(found), *memberships(found)):
        yield command.words
    for one in folders:
        if one.owner != ROOT:
            mode = f"{one.mode:04o}"
            yield ("install", "-d", "-m", mode, "-o", one.owner, "-g", one.group, str(one.path))
    for access in alert_access(found):
        yield ("chgrp", access.group, str(access.path))
        yield ("chmod", f"{access.mode:04o}", str(access.path))
    yield ("systemd-tmpfiles", "--create", str(TMPFILES))
    if to_reserve(found):
        yield ("sysctl", "-q", "-p", str(SYSCTL))
    for command in tune(found):
        yield command.words
    yield ("sshd", "-t")
    yield ("systemctl", "daemon-reload")
    extra = [unit.name for unit in chosen_units(found)]
    yield ("systemctl", "enable", "--now", *ENABLED, *extra)
    yield reload_words("ssh.service")
