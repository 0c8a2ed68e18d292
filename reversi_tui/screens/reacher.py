"""Reaches a node: a menu of commands to copy or run, and a shell as a user who is asked for."""

from __future__ import annotations

from functools import partial

from checker.config.settings import load_config
from checker.control.client_files import addresses
from checker.model import SSH_USER, CheckerError, EventKind
from checker.rows.cells import named, safe
from checker.rows.row import Row
from reversi_tui.actions.own_commands import run
from reversi_tui.actions.reach import Hop, Way, as_user, hop_to, ways
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.output import Output
from reversi_tui.screens.program_runner import ProgramRunner
from reversi_tui.screens.reach import Reach
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached


class Reacher:
    """Copies at once; what runs is an event of the gateway first, as each shell is."""

    def __init__(self, desk: Desk, programs: ProgramRunner) -> None:
        self.desk, self.programs = desk, programs
        self.users: dict[str, str] = {}
        """The user that was last given for a node."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "row.shell_as": self.login_as,
            "row.copy": self.open,
        }

    async def open(self) -> None:
        """Show the ways to reach the row under the cursor."""
        desk = self.desk
        row = desk.selected("reach")
        if row is None:
            return
        hop = await detached(self.hop, name="the gateway's address")
        found = ways(
            desk.of_node(row),
            row,
            user=desk.dependencies.preferences.shell_user,
            on_ipv6=desk.feed.health.on_ipv6,
            hop=hop,
            home=desk.home,
        )
        if isinstance(found, str):
            desk.voice.say(f"{named(row)}: {found}")
            return
        menu = Reach(f"Reach {named(row)}", found)

        async def picked(name: str | None) -> None:
            way = next((way for way in found if way.id == name), None)
            if way is not None:
                await self.take(way, row, runs=menu.runs)

        desk.push(menu, picked)

    def hop(self) -> Hop:
        """The gateway as devices reach it; it blocks."""
        layout = self.desk.dependencies.layout
        try:
            return hop_to(addresses(layout, load_config(layout.config), None)[0])
        except CheckerError:
            return hop_to("")

    async def take(self, way: Way, row: Row, *, runs: bool) -> None:
        """Copy the command, or run it."""
        if runs and not way.runs:
            self.desk.voice.say(f"{named(row)}: that command is for your desk; enter copies it")
        elif runs and self.desk.is_off("row.shell"):
            return
        elif way.asks_user:
            self.ask_user(row, way, runs=runs)
        elif not runs:
            self.programs.copy(way.argv)
        elif way.id == "ssh":
            await self.programs.open_shell()
        else:
            self.desk.start(partial(self.show_output, way, row), group="acts")

    def login_as(self) -> None:
        """Ask for the user, and log in to the node under the cursor."""
        if self.desk.is_off("row.shell_as"):
            return
        row = self.desk.selected("log in to")
        if row is not None:
            self.ask_user(row, None, runs=True)

    def ask_user(self, row: Row, way: Way | None, *, runs: bool) -> None:
        desk, node = self.desk, row.seen.node
        known = self.users.get(node, desk.dependencies.preferences.shell_user)

        async def answered(user: str | None) -> None:
            if user is None:
                return
            if not SSH_USER.fullmatch(user):
                desk.voice.say(f"{named(row)}: {safe(user, 40)!r} cannot be a user's name")
                return
            self.users[node] = user
            if runs:
                await self.programs.log_in(row, user)
            elif way is not None:
                self.programs.copy(as_user(way.argv, user))

        desk.push(Ask(f"Log in to {safe(node)}", "As which user?", known), answered)

    async def show_output(self, way: Way, row: Row) -> None:
        """Run it beside the loop, and show its output."""
        voice = self.desk.voice
        voice.note(f"{named(row)}: {shown(way.argv)}")
        await self.programs.record(EventKind.COMMAND, row, way.argv)
        ran = await detached(partial(run, way.argv), name=way.id)
        voice.note(f"{named(row)}: {ran.sentence}")
        text = f"{ran.output}\n\n{ran.sentence}".lstrip("\n")
        self.desk.push(Output(f"{way.title}: {named(row)}", text))
