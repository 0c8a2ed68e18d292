"""What `init` made, so that `uninstall` removes that and nothing else: a file of root's, as no one
else may say what root is to remove.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.toml_file import ConfigError
from checker.install.plan import MANIFEST


@dataclass(slots=True, kw_only=True)
class Manifest:
    """Files by the digest of what was written, directories, and accounts as `user NAME` or `group
    NAME`.
    """

    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.folders or self.made)

    def save(self) -> None:
        """Raises ConfigError."""
        document = {"schema": 1, "files": self.files, "folders": self.folders, "made": self.made}
        write_atomically(MANIFEST, json.dumps(document, indent=2).encode() + b"\n", mode=0o644)


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """An empty one where there is none. Raises ConfigError."""
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
            path, f"can not be read ({error.strerror}); check its permissions"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        why = (
            f"is not as init wrote it ({error!r}); restore it, or remove it and undo by hand what"
            " docs/gateway.md lists"
        )
        raise ConfigError(path, why) from error
