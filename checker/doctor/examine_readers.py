"""Who may look at this gateway, and whether a firewall keeps other accounts from its ports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.check_readers import guards
from checker.doctor.examine_files import outside
from checker.doctor.facts import ReaderFacts
from checker.install.readers import closed_folders, open_paths
from checker.install.steps import ROOT, Found
from checker.install.survey import group_of, members_of, settings_entries
from checker.install.unit_files import DAEMON_USER
from checker.install.wanted_settings import choices
from checker.linux.accounts import is_group

LISTED_WITHIN_S = 10


def reader_facts(layout: Layout, config: Config) -> ReaderFacts | None:
    """Return None if everyone may look, and for a home. Raises ConfigError, OSError."""
    if not config.is_closed(layout):
        return None
    group = config.readers_group
    members = members_of(group)
    chosen = choices(None, ())
    found = Found(
        python=sys.executable,
        choices=chosen,
        entries={path: seen for path in closed_folders(group) if (seen := outside(path))},
        settings=settings_entries(chosen),
        tunnel_group=group_of(config.tunnel_user),
    )
    operators = members_of(config.operators_group) if config.operators_group else frozenset()
    ours = (config.tunnel_user, DAEMON_USER)
    return ReaderFacts(
        group=group,
        is_missing=not is_group(group),
        outside=[name for name in ours if name not in members],
        blind=sorted(operators - members - {ROOT}),
        loose=open_paths(found),
    )


def is_guarded(layout: Layout, config: Config) -> bool | None:
    """Return None if the firewall cannot be asked."""
    if layout.home is not None or os.geteuid() != 0 or shutil.which("nft") is None:
        return None
    try:
        listed = subprocess.run(
            ["nft", "--numeric", "list", "ruleset"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LISTED_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return guards(listed.stdout, config.policy.ports) if listed.returncode == 0 else None
