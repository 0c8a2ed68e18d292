"""Where a service finds root's secret files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd hands root's files to a service that runs as another user. Source: systemd.exec(5),
LoadCredential.
"""


def secret_path(path: Path, environ: Mapping[str, str]) -> Path:
    """Return where a service finds root's secret file: as systemd gave it, else itself."""
    given = Path(environ.get(CREDENTIALS, "/nonexistent")) / path.name
    return given if given.exists() else path
