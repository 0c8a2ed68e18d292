"""Remembers an operator's view from one start to the next, in a JSON file.

If the file is damaged, locked or cannot be written, the console goes on without it.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from checker.config.layout import Layout
from checker.model import CheckerError
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.theme_names import THEMES
from reversi_tui.settings.preferences import MOST_FILTERS, Layer, Preferences, combined
from reversi_tui.settings.xdg import xdg_folder

ORIGIN = "remembered"
MOST_BYTES = 1 << 20
LOCK_WITHIN_S = 1.0
LOOK_EVERY_S = 0.02


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


ACCEPTED: Mapping[str, Callable[[Any], bool]] = {
    "sort_by": lambda value: isinstance(value, str) and value in BY_ID,
    "backwards": is_flag,
    "columns": is_texts,
    "wide": is_flag,
    "filter_text": lambda value: isinstance(value, str),
    "faults_only": is_flag,
    "grouped": is_flag,
    "theme": lambda value: isinstance(value, str) and value in THEMES,
    "history": is_texts,
}
"""The remembered fields of Preferences, and a check for a value that was read."""


def memory_path(environ: Mapping[str, str]) -> Path | None:
    """The file; None if the environment names no home."""
    folder = xdg_folder(environ, "XDG_STATE_HOME", ".local/state")
    return folder and folder / "reversi" / "console.json"


class Damaged(CheckerError):
    """The file is not one that we wrote."""


def read_gateways(path: Path) -> dict[str, Any]:
    """What is remembered for each gateway; empty if there is no file. Raises Damaged, OSError."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return {}
    try:
        gateways = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(
            f"ignoring {path}, which is damaged ({error}); it will be written again"
        ) from error
    if not isinstance(gateways, dict):
        raise Damaged(f"ignoring {path}, which is damaged; it will be written again")
    return gateways


def believed(entry: Any) -> dict[str, Any]:
    """The valid values of a gateway's entry, without columns that no longer exist."""
    if not isinstance(entry, dict):
        return {}
    values = {
        name: entry[name]
        for name, accepts in ACCEPTED.items()
        if name in entry and accepts(entry[name])
    }
    if "columns" in values:
        values["columns"] = tuple(
            name for name in dict.fromkeys(values["columns"]) if name in BY_ID
        )
    if "history" in values:
        values["history"] = tuple(values["history"][-MOST_FILTERS:])
    return values


class Memory:
    """The remembered view of one gateway. Only the operator's changes are kept, so that the files'
    settings stay in force.
    """

    def __init__(self, layout: Layout, path: Path | None) -> None:
        self.gateway = str(layout.config.parent)
        self.path = path
        self.base = self.last = self.newest = Preferences()

    def begin(self, files: Sequence[Layer], later: Sequence[Layer]) -> tuple[Preferences, str]:
        """The preferences at the start, merged from the files, the memory and the `later` layers;
        and a remark about the memory, or an empty text. Later changes are remembered.
        """
        recalled, remark = self.recall()
        self.base, self.last = combined(files), combined((*files, recalled, *later))
        return self.last, remark

    def recall(self) -> tuple[Layer, str]:
        """The remembered settings, and a remark if they could not be read, else an empty text."""
        if self.path is None:
            return Layer(origin=ORIGIN), ""
        try:
            values = believed(read_gateways(self.path).get(self.gateway))
        except Damaged as damage:
            return Layer(origin=ORIGIN), str(damage)
        except OSError as error:
            return (
                Layer(origin=ORIGIN),
                f"{self.path} cannot be read ({error.strerror}); the view is as the settings say",
            )
        return Layer(origin=ORIGIN, values=values), ""

    def remember(self, now: Preferences) -> str:
        """Save what changed since the last call; return why that failed, or an empty text. It
        blocks, for a second at most.
        """
        self.newest = now
        if self.path is None or not self.changed(now):
            return ""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.path.with_name(f"{self.path.name}.lock")):
                # `newest`: of two calls at once, the later one counts
                self.write(self.path, self.newest)
        except OSError as error:
            return (
                f"the view is not remembered: {self.path} cannot be written"
                f" ({error.strerror or error})"
            )
        return ""

    def changed(self, now: Preferences) -> list[str]:
        return [name for name in ACCEPTED if getattr(now, name) != getattr(self.last, name)]

    def write(self, path: Path, now: Preferences) -> None:
        """Raises OSError."""
        try:
            gateways = read_gateways(path)
        except Damaged:
            gateways = {}
        entry = believed(gateways.get(self.gateway))
        for name in self.changed(now):
            value = getattr(now, name)
            if name == "history":
                entry[name] = joined_history(entry.get(name, ()), value)
            elif value == getattr(self.base, name):
                entry.pop(name, None)
            else:
                entry[name] = value
        replace_file(path, json.dumps({**gateways, self.gateway: entry}, indent=1).encode())
        self.last = now


def joined_history(theirs: tuple[str, ...], ours: tuple[str, ...]) -> tuple[str, ...]:
    """Another console's filters and ours, without duplicates, the newest last."""
    return (*(text for text in theirs if text not in ours), *ours)[-MOST_FILTERS:]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other consoles from writing during the block. Raises OSError, also TimeoutError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    give_up_at = time.monotonic() + LOCK_WITHIN_S
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise TimeoutError("another console has locked it") from None
                time.sleep(LOOK_EVERY_S)
        yield
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, readable only by us. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
