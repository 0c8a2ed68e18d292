"""Folders for settings and state, by the XDG Base Directory Specification. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def xdg_folder(environ: Mapping[str, str], name: str, default: str) -> Path | None:
    """The operator's folder; `default` is below the home directory. None if there is no home.

    By hand, as platformdirs reads `os.environ` only, takes relative paths, which the specification
    says to ignore, and finds a home when the environment names none.
    """
    given, home = environ.get(name, ""), environ.get("HOME", "")
    if given.startswith("/"):
        return Path(given)
    return Path(home) / default if home.startswith("/") else None
