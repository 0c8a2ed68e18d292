"""Machines on which `init` plans, and what it planned."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from checker.install.alert_files import alert_access
from checker.install.extra_units import chosen_units
from checker.install.places import ENABLED, FLEET_USER
from checker.install.plan import all_folders, contents
from checker.install.steps import (
    Choices,
    Command,
    Entry,
    File,
    Folder,
    Found,
    GoLive,
    InitPlan,
    Step,
    UserAccount,
    digest,
)
from checker.install.unit_files import DAEMON_USER, KEYS_USER

PYTHON = "/opt/reversi/bin/python3"
STOCK = Found(python=PYTHON, choices=Choices(), has_systemd=True, sshd_unit="ssh.service")


def done(found: Found) -> Found:
    """The machine after the whole plan was carried out."""
    entries = {folder.path: entry_of(folder) for folder in all_folders(found.choices.tunnel_user)}
    files = {
        path: Entry(mode=0o644, owner="root", group="root", content=content)
        for path, content in contents(found).items()
    }
    account = UserAccount(uid=990, shell="/bin/sh", is_locked=False)
    return replace(
        found,
        accounts={
            found.choices.tunnel_user: account,
            DAEMON_USER: account,
            KEYS_USER: account,
            FLEET_USER: account,
        },
        groups=frozenset({found.choices.operators, *(unit.group for unit in chosen_units(found))}),
        settings={
            access.path: Entry(mode=access.mode, owner="root", group=access.group)
            for access in alert_access(found)
        },
        entries={**entries, **files},
        written={str(path): digest(content) for path, content in contents(found).items()},
        linked=frozenset((*ENABLED, *(unit.name for unit in chosen_units(found)))),
        reserved=found.reserved | (set(found.choices.ports) & set(found.ephemeral)),
        is_enabled=True,
        is_active=True,
    )


def entry_of(folder: Folder) -> Entry:
    return Entry(mode=folder.mode, owner=folder.owner, group=folder.group)


def words(planned: InitPlan) -> list[str]:
    return [shlex.join(step.words) for step in planned.steps if isinstance(step, Command)]


def files_of(step: Step) -> tuple[File, ...]:
    return step.files if isinstance(step, GoLive) else (step,) if isinstance(step, File) else ()


def written(planned: InitPlan) -> dict[Path, File]:
    return {file.path: file for step in planned.steps for file in files_of(step)}
