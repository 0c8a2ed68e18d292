"""Nodes: the form for a new one, and the bundle of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from checker.config.settings import load_config
from checker.control.outcome_words import told
from checker.model import CheckerError, InvalidValue, NodeName, printable
from checker.registry.reading import read_registry
from reversi_tui.actions.new_node import checked, parse_output
from reversi_tui.actions.node_changes import Changed
from reversi_tui.screens.adding import Adding
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.picking import Choose
from reversi_tui.terminal.threads import detached

WAYS_OUT = (
    ("rekey", "rekey: make a new key; the old one works until the new one does"),
    ("device", "device key: let the device make its own, and register what it prints"),
)


class NodeEditor:
    """Whatever takes time runs beside the loop, and its outcome goes to the log."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "act.add": self.add,
            "row.bundle": self.build,
        }

    async def add(self) -> None:
        """Open the form for a new node, which checks against the registry as it is now; keys wait
        for it.
        """
        desk = self.desk
        if desk.is_off("act.add"):
            return
        layout = desk.dependencies.layout
        try:
            registry = await detached(lambda: read_registry(layout.nodes), name="registry")
            ports = (await detached(lambda: load_config(layout.config), name="config")).policy.ports
        except CheckerError as error:
            desk.voice.say(str(error))
            return
        place = folder()
        form = Adding(
            lambda asked: checked(asked, registry, ports, place), desk.dependencies.changes.add
        )

        def added(changed: Changed | None) -> None:
            if changed:
                self.report("add", changed)
                if changed.done:
                    desk.table.awaited = changed.node
                    desk.table.go_to_awaited()

        desk.push(form, added)

    def build(self) -> None:
        """Ask for the file of the bundle, and build it."""
        desk = self.desk
        if desk.is_off("row.bundle"):
            return
        row = desk.selected("build a bundle for")
        if row is None:
            return
        name, default = row.seen.node, folder() / f"{row.seen.node}.sh"

        def answered(path: str | None) -> None:
            if path is None:
                return
            try:
                place = parse_output(path, default)
            except InvalidValue as error:
                desk.voice.say(f"{name}: {told('bundle', str(error), done=False)}")
                return
            desk.start(partial(self.build_at, name, place), group="acts")

        text = f"Where to write it: a path, or a name in {printable(str(default.parent), 200)}"
        desk.push(Ask(f"The bundle of {name}", text, default.name), answered)

    async def build_at(self, name: NodeName, place: Path) -> None:
        """Build it; if no private key is kept, offer the ways out."""
        changes = self.desk.dependencies.changes
        changed = await detached(lambda: changes.build(name, place), name=f"bundle {name}")
        self.report("bundle", changed)
        if not changed.lacks_key:
            return

        def chosen(way: str | None) -> None:
            if way == "rekey":
                work = partial(self.change, name, "rekey", lambda: changes.rekey(name, place))
            elif way == "device":
                build = partial(changes.build, name, place, makes_key=True)
                work = partial(self.change, name, "bundle", build)
            else:
                return
            self.desk.start(work, group="acts")

        self.desk.push(Choose(f"No private key of {name} is kept", WAYS_OUT), chosen)

    async def change(self, name: NodeName, deed: str, work: Callable[[], Changed]) -> None:
        """Have it done in a thread, and report the outcome."""
        self.report(deed, await detached(work, name=f"{deed} {name}"))

    def report(self, deed: str, changed: Changed) -> None:
        text = told(deed, changed.whole, done=changed.done)
        self.desk.voice.note(f"{changed.node}: {text}")
        self.desk.reader.wake()


def folder() -> Path:
    """Where files go by default: our working directory, if it still exists."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")
