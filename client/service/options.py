"""The options of `reversi-client install` and `uninstall`, and what they do."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from client.config import Config

VERBS = {
    "install": (
        "have systemd or launchd keep the tunnel, from now on and from each boot on",
        "reversi-client install --config office.toml",
    ),
    "uninstall": (
        "end the tunnel, and remove what install made",
        "reversi-client uninstall --config office.toml",
    ),
}
"""The summary and an example of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The options of one of the two, parsed."""

    installs: bool
    dry_run: bool


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add both subcommands."""
    for name, (summary, example) in VERBS.items():
        command = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example: {example}",
        )
        command.add_argument(
            "--dry-run", action="store_true", help="print what it would do, and do nothing"
        )


def wanted_from(typed: argparse.Namespace) -> ServiceOptions | None:
    """Return None for other commands."""
    if typed.command not in VERBS:
        return None
    return ServiceOptions(installs=typed.command == "install", dry_run=typed.dry_run)


def install(config: Config, *, dry_run: bool) -> None:
    """Raises ClientError."""
    from client.service import plan
    from client.service.carry_out import carry_out, rehearse
    from client.service.survey import look_for, wanted

    service = wanted(config)
    planned = plan.install(service, look_for(service, config))
    (rehearse if dry_run else carry_out)(planned)


def uninstall(config: Path | None, *, dry_run: bool) -> None:
    """Remove the service of this configuration, which may be gone; None: the only one. Raises
    ClientError.
    """
    from client.service import plan
    from client.service.carry_out import carry_out, rehearse
    from client.service.survey import look

    typed = None if config is None else Path(os.path.abspath(config))  # noqa: PTH100 - as `install`
    planned = plan.uninstall(typed, look())
    (rehearse if dry_run else carry_out)(planned)
