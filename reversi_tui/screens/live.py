"""The table of tunnels, kept live: what the reader reports comes in, and whatever would read
differently is painted.
"""

from __future__ import annotations

import gc
from typing import Protocol

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen

from checker.model import printable
from checker.state.errors import StateError
from reversi_tui.actions.plans import Deed
from reversi_tui.actions.ssh import ssh_command
from reversi_tui.actions.table import ACTIONS, Action, key_name, of_command, off, with_keys
from reversi_tui.messages import PastRead, Reported
from reversi_tui.once import no_nodes
from reversi_tui.rows.row import Health, Key, Moment, Past, Report, Row, age_text
from reversi_tui.screens.detail import Detail, Dossier
from reversi_tui.session import Setting
from reversi_tui.terminal.process_group import shown
from reversi_tui.terminal.threads import detached
from reversi_tui.view import View
from reversi_tui.widgets.bar import Bar, FilterBar
from reversi_tui.widgets.footer import keys_line
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.log import LogPane
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.status import GatewayLine, counts_line
from reversi_tui.widgets.table import Choice, TunnelTable, heading

CLOCK_EVERY_S = 2.0
JUDGE_EVERY = 3
"""Ticks of the clock between looks at rows that come and go by the time alone."""


class Reader(Protocol):
    """Where reports come from, as far as this screen talks back to it."""

    def past(self, key: Key) -> Past: ...

    def taken(self) -> None: ...

    def wake(self) -> None: ...


class Live(Screen[None]):
    """What it is told comes by messages; rows are known by key, never by place. Paused, it holds
    reports back.
    """

    def __init__(self, setting: Setting, reader: Reader, looks: Looks) -> None:
        super().__init__()
        self.setting, self.reader, self.looks = setting, reader, looks
        preferences = setting.preferences
        self.view = View(preferences, self.moment)
        self.actions = (
            *with_keys(ACTIONS, dict(preferences.keys)),
            *map(of_command, preferences.commands),
        )
        self.choice = Choice(columns=preferences.columns, wide=preferences.wide)
        self.health = Health()
        self.pending: dict[Key, Deed] = {}
        self.held: Report | None = None
        """What came since the pause began, put together."""
        self.paused_at: float | None = None
        self.ticks = 0
        self.table = TunnelTable(self.view, self.moment, self.pending, self.choice, looks)
        self.log_pane = LogPane(setting.now)

    def moment(self) -> Moment:
        sweep = self.health.sweep
        return Moment(
            now=self.setting.now(), every_s=sweep.every_s if sweep else self.setting.every_s
        )

    def compose(self) -> ComposeResult:
        yield Line(id="gateway")
        yield Line(id="counts")
        yield Line(id="paused")
        yield Banner(id="trouble")
        yield Line(id="heading")
        yield self.table
        yield self.log_pane
        yield Banner(id="said")
        yield FilterBar(self.view.filter_text, self.setting.preferences.history)
        yield Bar(id="jump", placeholder="the name of a node, or a part of it")
        yield Line(id="keys")

    def on_mount(self) -> None:
        self.table.focus()
        self.renew()
        self.set_interval(CLOCK_EVERY_S, self.tick)

    def on_resize(self) -> None:
        self.call_after_refresh(self.renew)

    def tick(self) -> None:
        """The clock went on: rows may be stale now, or older than a filter asks for."""
        self.ticks += 1
        if self.view.asks_time and self.paused_at is None and self.ticks % JUDGE_EVERY == 0:
            before = self.table.cursor_place
            if self.view.judge(self.view.rows.values()):
                self.view.arrange()
                self.table.rearranged(before)
        self.renew()

    @property
    def off(self) -> frozenset[str]:
        """Ids of the actions that do nothing here."""
        return off(self.actions, read_only=self.setting.acts.read_only)

    def action_called(self, name: str) -> Action:
        return next(action for action in self.actions if action.id == name)

    def key_of(self, name: str) -> str:
        """The key of an action, as it is printed on a keyboard."""
        return key_name(self.action_called(name).keys[0])

    @property
    def detail(self) -> Detail | None:
        """The detail sheet, where it is open."""
        return next(
            (screen for screen in self.app.screen_stack if isinstance(screen, Detail)), None
        )

    def renew(self) -> None:
        """Paint whatever would read differently now."""
        editing = self.query_one(FilterBar).display
        now, width, read_only = self.setting.now(), self.size.width, self.setting.acts.read_only
        gateway = GatewayLine(
            layout=self.setting.layout,
            health=self.health,
            now=now,
            looks=self.looks,
            read_only=read_only,
        )
        drawn = {
            "#gateway": gateway.fitted(width),
            "#counts": counts_line(
                self.view, self.looks, self.table.columns, editing=editing, width=width
            ),
            "#heading": heading(self.table.columns, self.view, self.looks),
            "#keys": keys_line(self.actions, self.off, width),
        }
        for name, text in drawn.items():
            self.query_one(name, Line).show(text)
        self.query_one("#trouble", Banner).show(self.trouble())
        self.show_pause()
        self.table.repaint_changed()
        if self.detail:
            self.detail.renew(self.newest(self.detail.key), self.moment())

    def show_pause(self) -> None:
        """One line of its own, only while it is needed; its count may change many times a
        second.
        """
        line, told = self.query_one("#paused", Line), self.pause_told()
        line.display = bool(told)
        line.show(Text(told))

    def trouble(self) -> str:
        """What the operator must know before believing the rows."""
        health = self.health
        sentences = [health.trouble] if health.trouble else []
        if health.problems:
            more = f" (and {len(health.problems) - 1} more)" if len(health.problems) > 1 else ""
            sentences.append(f"{health.problems[0]}{more}")
        if health.registry_read and not self.view.rows:
            sentences.append(no_nodes(self.setting.layout))
        return printable("; ".join(sentences), 600)

    def say(self, sentence: str) -> None:
        self.query_one("#said", Banner).show(printable(sentence, 800))

    def tell(self, sentence: str) -> None:
        """Say it, and write it into the log of what this console did."""
        self.log_pane.add(sentence)
        self.say(sentence)

    def on_reported(self, message: Reported) -> None:
        report = message.report
        if self.paused_at is None:
            self.take_in(report)
        else:
            self.held = report if self.held is None else merged(self.held, report)
            self.health = report.health
            self.renew()
        self.reader.taken()

    def take_in(self, report: Report) -> None:
        before = self.table.cursor_place
        if report.health.registry_read and not self.health.registry_read:
            # thousands of rows that stay: to look for garbage among them would hold a key up by 50
            # ms
            gc.freeze()
        self.health = report.health
        if self.view.apply(report):
            self.table.rearranged(before)
        if self.table.cursor is None:
            self.table.select(0)
        self.renew()
        detail = self.detail
        if detail and any(row.key == detail.key for row in report.changed):
            self.read_past(detail.key)

    def newest(self, key: Key) -> Row | None:
        """The row as it was last reported, paused or not."""
        if self.held is None:
            return self.view.row(key)
        if self.held.keys is not None and key in self.view.rows and key not in self.held.keys:
            return None
        return next((row for row in self.held.changed if row.key == key), None) or self.view.row(
            key
        )

    def action_pause(self) -> None:
        """Hold the table still, or let in what came meanwhile."""
        if self.paused_at is None:
            self.paused_at = self.setting.now()
        else:
            self.paused_at, held, self.held = None, self.held, None
            if held:
                self.take_in(held)
        self.renew()

    def pause_told(self) -> str:
        if self.paused_at is None:
            return ""
        waiting = len(self.held.changed) if self.held else 0
        age = age_text(self.setting.now() - self.paused_at)
        key = self.key_of("view.pause")
        return (
            f"PAUSED for {age}: {waiting} changed row{'' if waiting == 1 else 's'} held back; {key}"
            " goes on"
        )

    def read_past(self, key: Key) -> None:
        self.run_worker(self.fetch_past(key), group="past", exclusive=True)

    async def fetch_past(self, key: Key) -> None:
        try:
            self.post_message(
                PastRead(key, await detached(lambda: self.reader.past(key), name="past"))
            )
        except StateError as error:
            self.post_message(PastRead(key, str(error)))

    def on_past_read(self, message: PastRead) -> None:
        detail, past = self.detail, message.past
        if detail and detail.key == message.key:
            row = self.newest(detail.key)
            known = past if isinstance(past, Past) else Past()
            trouble = past if isinstance(past, str) else ""
            dossier = Dossier(
                events=known.events,
                days=known.days,
                ssh=self.ssh_told(row or detail.row),
                trouble=trouble,
            )
            detail.renew(row, self.moment(), dossier)

    def ssh_of(self, row: Row) -> tuple[str, ...] | str:
        """The command that logs in to the row's node, or a clause why there is none."""
        rows = [self.view.rows[key] for key in self.view.by_node.get(row.seen.node, ())]
        return ssh_command(
            rows, row, user=self.setting.preferences.shell_user, on_ipv6=self.health.on_ipv6
        )

    def ssh_told(self, row: Row) -> str:
        command = self.ssh_of(row)
        return command if isinstance(command, str) else shown(command)


def merged(first: Report, then: Report) -> Report:
    """Two reports as one."""
    rows = {row.key: row for row in (*first.changed, *then.changed)}
    keys = first.keys if then.keys is None else then.keys
    return Report(
        changed=tuple(row for key, row in rows.items() if keys is None or key in keys),
        keys=keys,
        health=then.health,
    )
