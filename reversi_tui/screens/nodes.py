"""What the keys do beside kill, reset and probe: nodes added, barred and built for, and the
operator's own commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from checker.config.settings import load_config
from checker.model import CheckerError, InvalidValue, NodeName, printable
from checker.registry.reading import read_registry
from reversi_tui.actions.new_node import checked, parse_output
from reversi_tui.actions.node_changes import Changed
from reversi_tui.actions.own_commands import Ran, run
from reversi_tui.actions.plans import Deed, no_longer, several
from reversi_tui.actions.table import key_name
from reversi_tui.rows.cells import named
from reversi_tui.rows.row import Row
from reversi_tui.screens.adding import Adding
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.output import Output
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.seeing import Seeing
from reversi_tui.settings.preferences import Command, expanded
from reversi_tui.terminal.lending import run_on_terminal
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached


class Nodes(Seeing):
    """Whatever takes time runs beside the loop, and its outcome goes to the log."""

    def targets(self) -> tuple[Row, ...]:
        """The marked forwards, else those of the row under the cursor."""
        return self.view.marked() or self.under_cursor()

    def under_cursor(self) -> tuple[Row, ...]:
        row = self.table.selected
        return () if row is None else row.members or (row,)

    def is_off(self, action: str) -> bool:
        """Whether the action does nothing here; that is said."""
        called = self.action_called(action)
        if called.id in self.off:
            self.say(
                f"this console is read-only: {' '.join(map(key_name, called.keys))}"
                f" ({called.title.lower()}) is off"
            )
            return True
        return False

    def change(self, deed: Deed, node: NodeName) -> tuple[Changed, ...]:
        """It blocks."""
        changes = self.setting.changes
        return changes.disable((node,)) if deed is Deed.DISABLE else changes.enable((node,))

    async def action_add(self) -> None:
        """The form for a new node, with what the registry holds now; keys wait for it."""
        if self.is_off("act.add"):
            return
        layout = self.setting.layout
        try:
            registry = await detached(lambda: read_registry(layout.nodes), name="registry")
            ports = (await detached(lambda: load_config(layout.config), name="config")).policy.ports
        except CheckerError as error:
            self.say(str(error))
            return
        place = folder()
        form = Adding(
            lambda asked: checked(asked, registry, ports, place), self.setting.changes.add
        )
        _ = self.app.push_screen(
            form, lambda changed: self.tell_changed("add", changed) if changed else None
        )

    def action_bundle(self) -> None:
        row = self.table.selected
        if row is None or self.is_off("row.bundle"):
            return
        name, default = row.seen.node, folder() / f"{row.seen.node}.sh"

        def build(path: str | None) -> None:
            if path is None:
                return
            try:
                place = parse_output(path, default)
            except InvalidValue as error:
                self.say(f"{name}: bundle not done: {error}")
                return
            self.run_worker(
                self.changed_by(name, "bundle", lambda: self.setting.changes.build(name, place)),
                group="acts",
            )

        text = (
            f"Where shall it be written? A path, or a name in {printable(str(default.parent), 200)}"
        )
        _ = self.app.push_screen(Ask(f"The bundle of {name}", text, default.name), build)

    async def changed_by(self, name: NodeName, deed: str, work: Callable[[], Changed]) -> None:
        """Have it done in a thread, and tell what became of it."""
        self.tell_changed(deed, await detached(work, name=f"{deed} {name}"))

    def tell_changed(self, deed: str, changed: Changed) -> None:
        files = f"; wrote {', '.join(map(str, changed.files))}" if changed.files else ""
        self.tell(
            f"{changed.node}: {deed} {'done' if changed.done else 'not done'}:"
            f" {changed.sentence}{files}"
        )
        self.reader.wake()

    def action_command(self, name: str = "") -> None:
        """One of the operator's own commands, on the marked rows or the one under the cursor."""
        commands = {command.name: command for command in self.setting.preferences.commands}
        if self.is_off("row.command"):
            return
        if name:
            self.ask_command(commands[name])
        elif commands:
            _ = self.app.push_screen(
                Choose("Your commands", [(each.name, each.title) for each in commands.values()]),
                lambda picked: self.ask_command(commands[picked]) if picked else None,
            )
        else:
            self.say(
                "you have no commands yet; they are [[command]] tables in"
                f" {self.setting.layout.config}, or in your own console.toml"
            )

    def ask_command(self, command: Command) -> None:
        rows = self.targets()
        if command.terminal and len(rows) > 1:
            self.say(
                f"{command.title}: it takes the terminal, so it can be run on one row alone; take"
                " the marks away"
            )
        elif not rows:
            self.say(f"no row is selected: {command.title} is not run")
        elif command.dangerous:
            count = len(rows) if len(rows) > self.setting.preferences.confirm_over else None
            text = f"{several(rows, self.moment())}\n\n{' '.join(command.argv)}"
            confirm = Confirm(f"{command.title}?", text, yes="run it", count=count)
            _ = self.app.push_screen(confirm, lambda yes: self.run_command(command, rows, yes=yes))
        else:
            self.run_command(command, rows, yes=True)

    def run_command(self, command: Command, asked: Sequence[Row], *, yes: bool | None) -> None:
        if not yes:
            self.say(f"{command.title}: cancelled")
            return
        plans: list[tuple[Row, tuple[str, ...]]] = []
        for row in asked:
            try:
                plans.append((row, self.filled_in(command, row)))
            except CheckerError as error:
                self.tell(f"{named(row)}: {error}")
        if command.terminal and plans:
            row, argv = plans[0]
            self.tell(f"{named(row)}: {shown(argv)}")
            self.tell(f"{named(row)}: {run_on_terminal(self.app, argv)}")
            self.reader.wake()
        elif plans:
            self.run_worker(self.run_each(command, plans), group="acts")

    def filled_in(self, command: Command, asked: Row) -> tuple[str, ...]:
        """The command for this row, which must still be what was asked about. Raises
        CheckerError.
        """
        row = self.newest(asked.key)
        changed = no_longer(asked, row)
        if changed or row is None:
            raise CheckerError(changed or "")
        session, target = (
            row.seen.session,
            row.forward.target if row.forward and not row.unregistered else None,
        )
        return expanded(
            command,
            node=row.seen.node,
            port=row.seen.port,
            pid=session.pid if session else None,
            target=str(target) if target else None,
        )

    async def run_each(
        self, command: Command, plans: Sequence[tuple[Row, tuple[str, ...]]]
    ) -> None:
        """One after the other; of a single one the output is shown."""
        for row, argv in plans:
            self.tell(f"{named(row)}: {shown(argv)}")
            ran = await detached(partial(run, argv), name=command.name)
            self.tell(f"{named(row)}: {ran.sentence}")
            if len(plans) == 1 and (ran.output or ran.status != 0):
                self.show_output(command, row, ran)

    def show_output(self, command: Command, row: Row, ran: Ran) -> None:
        _ = self.app.push_screen(
            Output(f"{command.title}: {named(row)}", f"{ran.output}\n\n{ran.sentence}".lstrip("\n"))
        )


def folder() -> Path:
    """Where files go unless told otherwise: where we stand, if that is still there."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")
