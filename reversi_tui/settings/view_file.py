"""Writes a named view into the operator's console.toml, and leaves all else there as it is."""

from __future__ import annotations

import fcntl
import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.model import CheckerError
from reversi_tui.settings.remembered import replace_file
from reversi_tui.settings.views import NamedView, described

MOST_BYTES = 1 << 20


class NotSaved(CheckerError):
    """A view that could not be written."""

    def __init__(self, path: Path | None, why: str) -> None:
        where = f"{path} {why}" if path else why
        super().__init__(f"the view works until you quit, but is not saved: {where}")


def with_view(text: str, view: NamedView) -> str:
    """The file's text with this view, in place of one with its name; comments stay. Raises
    ValueError if the text is not TOML, or `view` in it is not a list of tables.
    """
    import tomlkit  # slow to load, and needed only to write
    from tomlkit.items import AoT

    document = tomlkit.parse(text)
    tables = document.get("view")
    if tables is None:
        tables = tomlkit.aot()
        document.append("view", tables)
    if not isinstance(tables, AoT):
        raise ValueError("has `view`, which is not a list of tables")  # noqa: TRY004 - as tomlkit's
    values = described(view)
    table = next((each for each in tables if each.get("name") == view.name), None)
    if table is None:
        table = tomlkit.table()
        table.add("name", view.name)
        tables.append(table)
    for key in set(table) - {"name", *values}:
        table.remove(key)
    for key, value in values.items():
        table[key] = value
    written = tomlkit.dumps(document)
    found = tomllib.loads(written)["view"]
    if {"name": view.name, **values} not in found:
        raise ValueError("cannot take the view")
    return written


def save_view(path: Path | None, view: NamedView) -> Path:
    """Write the view into the file, which need not exist, and return its path. It blocks. Raises
    NotSaved.
    """
    if path is None:
        raise NotSaved(None, "the environment names no home")
    try:
        real = path.resolve()  # a link stays one
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(real.parent):
            text, mode = read(real)
            replace_file(real, with_view(text, view).encode())
            real.chmod(mode)
    except BlockingIOError:
        raise NotSaved(path, "is being written by another console; save again") from None
    except OSError as error:
        raise NotSaved(path, f"cannot be written ({error.strerror or error})") from error
    except (ValueError, RuntimeError) as error:
        raise NotSaved(path, f"cannot be changed ({error}); mend it first") from error
    return path


def read(path: Path) -> tuple[str, int]:
    """The file's text and mode; an empty text and 0600 if there is no file. Raises OSError,
    ValueError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "", 0o600
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise ValueError("it is not a settings file")
        return file.read().decode(), stat.S_IMODE(found.st_mode)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other consoles from writing there during the block. Raises OSError, also
    BlockingIOError.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
