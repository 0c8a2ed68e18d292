"""Where the status of a node is: beside its configuration, or where systemd keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from client.config import Config
from client.errors import ClientError
from client.service.service import PREFIX, STATE


class StatusClosed(ClientError):
    """Only root may see the status of a system service."""

    def __init__(self, node: str) -> None:
        super().__init__(f"the service of {node} belongs to root; run this with sudo")


def changed_at(path: Path) -> float:
    """Return when the file was written, in Unix seconds; 0 if it does not exist. Raises
    PermissionError.
    """
    try:
        return path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def with_status_of_service(config: Config) -> Config:
    """Return the configuration with the status file that was written last. Raises StatusClosed."""
    of_service = STATE / f"{PREFIX}{config.tunnel}" / "status"
    try:
        is_newer = changed_at(of_service) > changed_at(config.status_file)
    except PermissionError:
        raise StatusClosed(config.tunnel) from None
    return replace(config, status_file=of_service) if is_newer else config
