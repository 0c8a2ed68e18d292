"""Notice that another state file took the place of the one that is open, or that it is gone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from checker.model import Tunnel
from checker.rows.row import Key
from checker.state.errors import StateError, StateMissing, StateUnavailable


def file_identity(path: Path) -> tuple[int, int, bool]:
    """Changes when another file takes its place, or when a writer opens a file that we read as
    immutable. Raises StateError.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise StateMissing(path) from None
    except OSError as error:
        raise StateUnavailable(path, str(error.strerror)) from error
    return found.st_dev, found.st_ino, path.with_name(f"{path.name}-wal").exists()


def sentence_for(error: StateError, folder: Path, *, was_there: bool) -> str:
    """The error, in words that help the operator; `was_there`: rows were read before."""
    if not isinstance(error, StateMissing):
        return str(error)
    if not was_there:
        return f"the daemon was never started here: {error}"
    return str(error) if folder.is_dir() else f"the directory {folder} does not exist"


def whole(tunnels: tuple[Tunnel, ...], before: Collection[Key]) -> tuple[Tunnel, ...]:
    """All tunnels of a newly opened file; one from `before` that it no longer has is unknown."""
    found = {(tunnel.node, tunnel.port) for tunnel in tunnels}
    return tunnels + tuple(
        Tunnel(node=node, port=port) for node, port in before if (node, port) not in found
    )
