"""Which bundle each device got by a rollout, so that the next one can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checker.config.files import write_secret
from checker.config.layout import Layout
from checker.model import CheckerError

NAME = "rollout.json"


def memory_path(layout: Layout, environ: Mapping[str, str]) -> Path:
    """Return the admin's own file, or one in the gateway's home."""
    if layout.home is not None:
        return layout.home / NAME
    state = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '/')}/.local/state"
    return Path(state) / "reversi" / NAME


class Memory:
    """The digest of the bundle that each device has, as far as rollouts know."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digests = digests_in(path)

    def has(self, name: str, digest: str) -> bool:
        return self.digests.get(name) == digest

    def note(self, name: str, digest: str) -> str:
        """Remember it; return why that failed, empty if it did not."""
        self.digests[name] = digest
        document = {"schema": 1, "bundles": self.digests}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_secret(self.path, json.dumps(document, indent=1, sort_keys=True).encode())
        except (OSError, CheckerError) as error:
            return str(error)
        return ""


def digests_in(path: Path) -> dict[str, str]:
    """Read the file. Without it, or if it is damaged, each device is asked again."""
    try:
        document: Any = json.loads(path.read_bytes())
        return {str(name): str(text) for name, text in document["bundles"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
