"""What the parts of the main screen share: rows, table, doors, and a voice to the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from textual.app import App
from textual.screen import Screen, ScreenResultCallbackType
from textual.worker import Worker

from checker.rows.row import Key, Moment, Row
from reversi_tui.actions.action import Action
from reversi_tui.actions.key_names import key_name
from reversi_tui.actions.plans import Deed, nothing_selected
from reversi_tui.actions.ssh import ssh_command
from reversi_tui.actions.table import off
from reversi_tui.dependencies import Dependencies
from reversi_tui.feed import Feed
from reversi_tui.rows.event_text import MINE
from reversi_tui.rows.report import Past
from reversi_tui.view import View
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.table import TunnelTable

T = TypeVar("T")
Work = Callable[[], Coroutine[None, None, None]]
Call = Callable[[], Awaitable[None] | None]
"""What an action does."""


class Reader(Protocol):
    """The reader of the state file, as far as the console calls back."""

    def past(self, key: Key) -> Past: ...

    def taken(self) -> None: ...

    def wake(self) -> None: ...


class Voice(Protocol):
    """How the parts reach the operator."""

    def say(self, sentence: str) -> None:
        """Show a sentence until the next one."""

    def note(self, sentence: str) -> None:
        """Show a sentence, and keep it in the log of this console."""

    def keep(self, sentence: str) -> None:
        """Only keep a sentence in the log of this console."""

    def renew(self) -> None:
        """Paint whatever would read differently now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The main screen, its state, and the doors to the gateway."""

    screen: Screen[None]
    voice: Voice
    dependencies: Dependencies
    reader: Reader
    looks: Looks
    view: View
    feed: Feed
    table: TunnelTable
    actions: list[Action]
    """With the operator's keys, his own commands, and the views, which may become more."""
    pending: dict[Key, Deed]
    """What is asked for and not over, by row."""
    under_way: dict[Key, Deed]
    """What of it was begun."""
    moment: Callable[[], Moment]
    opened: Callable[[], Key | None] = lambda: None
    """The key of the row whose sheet is open; keys act on it, and on no marked row."""

    @property
    def app(self) -> App[Any]:
        return self.screen.app

    @property
    def off(self) -> frozenset[str]:
        """Ids of the actions that are off here."""
        return off(self.actions, read_only=self.dependencies.acts.read_only)

    def push(self, screen: Screen[T], answered: ScreenResultCallbackType[T] | None = None) -> None:
        """Show a screen above the table; `answered` gets its result."""
        _ = self.app.push_screen(screen, answered)

    def start(self, work: Work, *, group: str, alone: bool = False) -> None:
        """Run it in a worker; if `alone`, cancel the group's earlier ones. It is called only in the
        worker: one that is cancelled before it begins leaves no coroutine that nobody awaits.
        """
        _: Worker[None] = self.screen.run_worker(work, group=group, exclusive=alone)

    def is_sent(self, sequence: str) -> bool:
        """Write a control sequence to the terminal; False if there is no terminal."""
        app = self.app
        driver = app._driver  # noqa: SLF001 - as Textual's copy_to_clipboard does, which knows neither tmux nor screen
        if driver is None or app.is_headless:
            return False
        driver.write(sequence)
        return True

    def action(self, name: str) -> Action:
        """The action of that id."""
        return next(action for action in self.actions if action.id == name)

    def key_of(self, name: str) -> str:
        """The key of an action, as keyboards print it."""
        return key_name(self.action(name).keys[0])

    @property
    def keys_of_own_log(self) -> str:
        """The keys that show what this console did."""
        return f"{self.key_of('view.log_sheet')} {MINE}"

    def is_off(self, name: str) -> bool:
        """Whether the action is off here; if so, say it."""
        action = self.action(name)
        if action.id not in self.off:
            return False
        keys = " ".join(map(key_name, action.keys))
        self.voice.say(f"this console is read-only: {keys} ({action.title.lower()}) is off")
        return True

    def selected(self, to: str) -> Row | None:
        """The row under the cursor; if there is none, say that there is nothing `to` do."""
        row = self.row
        if row is None:
            self.voice.say(nothing_selected(to))
        return row

    @property
    def row(self) -> Row | None:
        """The row of the open sheet, else the one under the cursor."""
        key = self.opened()
        return self.table.selected if key is None else self.feed.newest(key)

    def under_cursor(self) -> tuple[Row, ...]:
        """The forwards of the row under the cursor."""
        row = self.row
        return () if row is None else row.members or (row,)

    def chosen(self) -> tuple[Row, ...]:
        """The marked forwards, else those under the cursor; in a sheet only those of its row."""
        marked = self.view.marked() if self.opened() is None else ()
        return marked or self.under_cursor()

    def unmark(self, rows: Sequence[Row]) -> None:
        """Unmark rows after an act on them; in a sheet, which acts on no marked row, leave them."""
        if self.opened() is None:
            self.view.mark([row.key for row in rows], marked=False)

    def targets(self) -> tuple[Row, ...]:
        """The marked forwards, else those under the cursor; devices that wait to be accepted only
        if there is nothing else among them.
        """
        rows = self.chosen()
        return tuple(row for row in rows if row.applicant is None) or rows

    def of_node(self, row: Row) -> tuple[Row, ...]:
        """All rows of its node."""
        return tuple(self.view.rows[key] for key in self.view.by_node.get(row.seen.node, ()))

    @property
    def home(self) -> str:
        """The gateway's directory, as `--home` takes it; empty for an installed one."""
        return str(self.dependencies.layout.home or "")

    def ssh_of(self, row: Row, user: str | None = None) -> tuple[str, ...] | str:
        """The command that logs in to the row's node as the user, else a clause that says why there
        is none. None: the user of the settings.
        """
        return ssh_command(
            self.of_node(row),
            row,
            user=self.dependencies.preferences.shell_user if user is None else user,
            on_ipv6=self.feed.health.on_ipv6,
            home=self.home,
        )
