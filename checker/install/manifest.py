"""The list of what `init` made, so that `uninstall` removes exactly that.

Only root may write it, because root removes what it lists.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.toml_file import ConfigError
from checker.install.places import MANIFEST


@dataclass(slots=True, kw_only=True)
class Manifest:
    """What `init` made."""

    files: dict[str, str] = field(default_factory=dict)
    """The digest of each file's content, by path."""
    folders: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    """Accounts, as `user NAME` or `group NAME`."""

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.folders or self.made)

    def save(self) -> None:
        """Raises ConfigError."""
        document = {"schema": 1, "files": self.files, "folders": self.folders, "made": self.made}
        write_atomically(MANIFEST, json.dumps(document, indent=2).encode() + b"\n", mode=0o644)


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read the list; empty if there is none. Raises ConfigError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Manifest(
            files=dict(document["files"]),
            folders=list(document["folders"]),
            made=list(document["made"]),
        )
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise ConfigError(
            path, f"cannot be read ({error.strerror}); check its permissions"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        why = (
            f"was changed since init wrote it ({error!r}); restore it, or remove it, and then"
            " remove by hand what docs/gateway.md lists"
        )
        raise ConfigError(path, why) from error
