"""Register the devices that files of other products describe."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.bindable import look_at_ports
from checker.control.import_plan import FileRemark, Import, plan_import
from checker.control.notices import Report, known_registry, log_many, warn
from checker.control.present_tunnels import listening_since, with_present_tunnels
from checker.model import InvalidValue, Node
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.changes import write_waiting
from checker.registry.enrolments import read_enrolments
from checker.registry.foreign_keys import MOST_BYTES_OF_KEYS
from checker.registry.import_formats import read_any
from checker.registry.imported import FileRead, Remark, Wish
from checker.registry.lock import locked
from checker.registry.node_file import node_toml
from checker.registry.reading import node_path
from checker.registry.waiting import waiting_path

MOST_FILES = 10_000
STDIN = Path("-")
TYPED = Path("--command")
"""In place of the path of a file, if the command line itself was given."""
CALLED = {STDIN: "standard input", TYPED: "a command line"}


def files_at(paths: Iterable[Path]) -> tuple[list[Path], list[FileRemark]]:
    """The files at these paths and below, each once, in order; and a remark on each path without
    any. Raises InvalidValue if they are too many.
    """
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        below = list(islice(files_below(path), MOST_FILES + 1)) if path.is_dir() else [path]
        if len(below) > MOST_FILES:
            raise InvalidValue(f"{path}: has more than {MOST_FILES:,} files")
        if not below:
            problems.append(FileRemark(path=path, remark=Remark(line=0, text="has no file")))
        found.update(dict.fromkeys(below))
    return list(found), problems


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a directory and of those below it, except hidden ones. Of a directory
    with .rev files, only these count: what the original built lies beside them.
    """
    for place, folders, names in os.walk(folder):
        plain = sorted(name for name in names if not name.startswith("."))
        chosen = [name for name in plain if name.endswith(".rev")]
        folders[:] = [] if chosen else sorted(one for one in folders if not one.startswith("."))
        yield from (Path(place, name) for name in chosen or plain)


def content_of(path: Path) -> bytes:
    """The content of a file; of standard input if it is called `-`. Raises OSError; InvalidValue
    for a pipe or a device: reading it could block forever.
    """
    if path == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES_OF_KEYS + 1)
    with open(
        path, "rb", opener=lambda place, flags: os.open(place, flags | os.O_NONBLOCK)
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidValue("is not a regular file")
        return file.read(MOST_BYTES_OF_KEYS + 1)


def read_input(path: Path, wish: Wish, *, now: int) -> FileRead:
    """What one file describes, or why it cannot be read."""
    try:
        return read_any(content_of(path), path, added_at=now, wish=wish)
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    except InvalidValue as error:
        why = str(error)
    return FileRead(problems=(Remark(line=0, text=why),))


def import_files(  # noqa: PLR0913 - what to read, what is wanted, and whether only to say it
    layout: Layout,
    paths: Iterable[Path],
    wish: Wish,
    report: Report,
    *,
    is_dry: bool,
    commands: Sequence[str] = (),
) -> Import:
    """Register what the files and the command lines describe, and warn about ports that were freed
    lately; with `is_dry` only read. Raises ConfigError, InvalidValue.
    """
    config = load_config(layout.config)
    refuse_shared_key(wish, config)
    ports = look_at_ports(config)
    now = int(time.time())
    files, problems = files_at(paths)
    inputs = [(path, read_input(path, wish, now=now)) for path in files]
    inputs += [
        (TYPED, read_any(f"{text}\n".encode(), STDIN, added_at=now, wish=wish)) for text in commands
    ]
    with contextlib.nullcontext() if is_dry else locked(layout):
        registry = known_registry(layout, report)
        keys = keys_of_no_node(layout, config)
        found = plan_import(inputs, registry, wish, ports, problems, keys=keys)
        if not is_dry:
            since = listening_since(config)
            write_nodes(layout, [with_present_tunnels(one.node, since) for one in found.taken])
    forwards = [(one.path, forward) for one in found.taken for forward in one.node.forwards]
    if not is_dry:
        changes = [
            (f.node, f.port, f"imported from {CALLED.get(path, path.name)}") for path, f in forwards
        ]
        log_many(layout, changes, report)
    freed = registry.freed
    warn(report, [freed[f.port].sentence for _, f in forwards if f.port in freed])
    return found


def keys_of_no_node(layout: Layout, config: Config) -> dict[str, str]:
    """Return the keys that no node can have, with a clause that says why. Raises ConfigError."""
    shared = "is the shared one ([shared_key] in reversi.toml)"
    return {
        one.public_key: f"is that of enrolment {one.id}"
        for one in read_enrolments(layout.enrolments).found.values()
    } | dict.fromkeys(config.shared_key.public_keys, shared)


def refuse_shared_key(wish: Wish, config: Config) -> None:
    """Raise InvalidValue if the key that the admin gives is the shared one."""
    if wish.public_key in config.shared_key.public_keys:
        raise InvalidValue(
            "that public key is the shared one ([shared_key] in reversi.toml); without --public-key"
            " the node uses it"
        )


def write_nodes(
    layout: Layout, nodes: Sequence[Node], step: Callable[[str], None] = lambda _: None
) -> None:
    """Write these nodes' files, under `locked`: all of them or none. `step` is called with the name
    of each node that is written. Raises ConfigError.
    """
    paths = [node_path(layout, node.name) for node in nodes]
    try:
        for path, node in zip(paths, nodes, strict=True):
            write_waiting(path, node)
            write_atomically(path, node_toml(node), mode=0o644)
            step(node.name)
        write_keys(layout, gate_command(layout))
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
            waiting_path(path).unlink(missing_ok=True)
        with contextlib.suppress(ConfigError):  # report the first error
            write_keys(layout, gate_command(layout))
        raise
