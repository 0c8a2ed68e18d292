"""Lock the registry while somebody changes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from checker.config.files import make_readable_folder
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.registry.generation import bump, lock_path
from checker.registry.kept_rights import key_lines
from checker.registry.key_places import read_places


class NotYours(ConfigError):
    """Somebody who may not change the registry tried to."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            layout.nodes, f"{who_may_change(layout)} may change nodes here: run it with sudo"
        )


def who_may_change(layout: Layout) -> str:
    """Say who may change the registry."""
    try:
        owner = layout.nodes.owner()
    except (OSError, KeyError):
        owner = "root"
    return "only root" if owner == "root" else f"only {owner} and root"


def refuse_others(layout: Layout) -> None:
    """Raise NotYours for who may not change the registry, before anything is asked or made."""
    if layout.nodes.is_dir() and not is_ours(layout):
        raise NotYours(layout)


def is_ours(layout: Layout) -> bool:
    """Return whether this process may change the registry. The daemon of an installed gateway may
    not.
    """
    return os.access(layout.nodes, os.W_OK, effective_ids=True)


@contextlib.contextmanager
def undisturbed(layout: Layout) -> Iterator[None]:
    """Keep others from changing the registry during the block. Without a lock file, nobody has
    changed it yet.
    """
    try:
        handle = os.open(lock_path(layout.nodes), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def refuse_vanished(layout: Layout) -> None:
    """Raise ConfigError if the folder is gone though keys of nodes are there: an empty registry
    would remove them, and shut their devices out.
    """
    if os.path.lexists(layout.nodes):
        return
    try:
        names = key_lines(read_places(layout.authorized_keys).present)
    except ConfigError:
        return
    if names:
        count = f"{len(names)} node{'' if len(names) == 1 else 's'}"
        raise ConfigError(
            layout.nodes,
            f"is gone, though {layout.authorized_keys} has keys of {count}; restore the nodes'"
            " files, or make an empty directory",
        )


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the lock that allows changes, during the block. Raises ConfigError, also if the nodes'
    files are gone.
    """
    path = lock_path(layout.nodes)
    refuse_vanished(layout)
    try:
        make_readable_folder(layout.nodes)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError as error:
        raise NotYours(layout) from error
    except OSError as error:
        advice = f"check the permissions of {path.parent}"
        raise ConfigError(path, f"cannot be opened ({error.strerror}); {advice}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        bump(handle)
        os.close(handle)
