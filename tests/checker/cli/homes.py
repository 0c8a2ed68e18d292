"""What the tests of the command line share: the shape of a run, and what was seen at a home."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from checker.config.layout import Layout
from checker.model import Event, EventKind, Node, ProcessId, Status, Tunnel
from checker.registry.key_lines import GateCommand
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from tests.strategies import NOW, OFFICE, PORT

ERROR = "reversi-checker: error: "
WARNING = "reversi-checker: warning: "
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
MAIN = "import sys; from checker.cli.main import main; main(sys.argv[1:])"
"""For `python -c`, with the command's words behind it."""
Run = Callable[..., tuple[int, str, str]]
"""One command: exit status, stdout, stderr."""
UP = Tunnel(
    node=OFFICE,
    port=PORT,
    status=Status.UP,
    latency_ms=12.4,
    session=ProcessId(pid=7, start_ticks=9),
    probed_at=NOW,
    since=NOW,
)


def write_state(layout: Layout, **batch: Any) -> None:
    """Write the parts of a batch into the state file, as a daemon would."""
    with closing(open_store(layout.state)) as store:
        store.write(Batch(**batch))


def registered(layout: Layout, name: str = "office") -> Node:
    return read_registry(layout.nodes).node(name)


def key_lines(layout: Layout) -> list[str]:
    return layout.authorized_keys.read_text(encoding="utf-8").splitlines()


def registry_events(layout: Layout) -> list[Event]:
    with closing(open_reader(layout.state)) as state:
        return [event for event in state.events() if event.kind is EventKind.REGISTRY]
