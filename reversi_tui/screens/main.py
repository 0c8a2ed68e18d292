"""The main screen: holds the table and its lines, and hands each key to the part that does it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from checker.control.all_rows import no_nodes
from checker.model import printable
from checker.rows.row import Key, Moment, Row
from reversi_tui import collecting
from reversi_tui.actions.action import Action
from reversi_tui.actions.plans import Deed, left
from reversi_tui.actions.table import ACTIONS, of_command, with_keys
from reversi_tui.dependencies import Dependencies
from reversi_tui.feed import Feed
from reversi_tui.messages import Acted, PastRead, Reported, Typed
from reversi_tui.rows.emptiness import why_empty
from reversi_tui.rows.report import Report, trouble
from reversi_tui.screens.action_runner import ActionRunner
from reversi_tui.screens.attention import Attention
from reversi_tui.screens.beside import Beside
from reversi_tui.screens.counts import Counting
from reversi_tui.screens.desk import Call, Desk, Reader
from reversi_tui.screens.enroller import Enroller
from reversi_tui.screens.event_logs import EventLogs
from reversi_tui.screens.following import Following
from reversi_tui.screens.foot import Foot
from reversi_tui.screens.label_editor import LabelEditor
from reversi_tui.screens.muter import Muter
from reversi_tui.screens.named_views import PREFIX, NamedViews, with_views
from reversi_tui.screens.newsroom import Newsroom
from reversi_tui.screens.node_editor import NodeEditor
from reversi_tui.screens.program_runner import ProgramRunner
from reversi_tui.screens.reacher import Reacher
from reversi_tui.screens.registry_menu import RegistryMenu
from reversi_tui.screens.row_detail import RowDetail
from reversi_tui.screens.sheet import Sheet
from reversi_tui.screens.steady import Steady
from reversi_tui.screens.table_view import TableView
from reversi_tui.screens.uptimes import Uptimes
from reversi_tui.screens.writer import Writer
from reversi_tui.view import View
from reversi_tui.widgets.bar import Bar, FilterBar
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.log import LogPane
from reversi_tui.widgets.looks import Looks
from reversi_tui.widgets.status import GatewayLine, counts_line
from reversi_tui.widgets.table import Choice, TunnelTable, heading

CLOCK_EVERY_S = 2.0
SAID_S = 60.0
"""How long a message stays: the log has it."""
JUDGE_EVERY = 3
"""Ticks of the clock between looks at rows that come and go by the time only."""


def bindings(actions: Sequence[Action]) -> list[BindingType]:
    return [
        Binding(each.key, each.call, each.title, id=each.id, tooltip=each.tip, show=each.shown)
        for each in actions
        if each.key
    ]


class Main(Steady[None]):
    """Reports come as messages; rows are known by key, never by place."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)

    def __init__(self, dependencies: Dependencies, reader: Reader, looks: Looks) -> None:
        super().__init__()
        self.dependencies, self.reader, self.looks = dependencies, reader, looks
        self.view = View(dependencies.preferences, self.moment)
        self.feed = Feed(self.view)
        self.desk = self.make_desk()
        self.table = self.desk.table
        self.log_pane = LogPane(dependencies.now)
        self.filter_bar = FilterBar(dependencies.preferences.history)
        self.jump_bar = Bar(id="jump", placeholder="the name of a node, or a part of it")
        self.table_view = TableView(self.desk, self.filter_bar, self.jump_bar)
        self.named_views = NamedViews(self.desk, self.table_view)
        self.writer = Writer(self.desk, self.table_view)
        self.counting = Counting(self.desk, self.table_view)
        self.following = Following(self.desk, self.table_view, Line(id="followed"))
        self.row_detail = RowDetail(self.desk, self.action_call)
        self.beside = Beside(self.desk, self.row_detail)
        self.table.moved = self.cursor_moved
        self.progress = Line(id="progress")
        self.acting = ActionRunner(self.desk, self.progress)
        self.foot = Foot(self.desk, (self.filter_bar, self.jump_bar), self.acting.may_stop)
        self.programs = ProgramRunner(self.desk)
        self.registry_menu = RegistryMenu(self.desk)
        self.reacher = Reacher(self.desk, self.programs)
        self.editor = NodeEditor(self.desk)
        self.muter = Muter(self.desk)
        self.attention = Attention(self.desk)
        self.newsroom = Newsroom(self.desk, self.table_view)
        self.labels = LabelEditor(self.desk)
        self.enroller = Enroller(self.desk)
        self.uptimes = Uptimes(self.desk, self.table_view)
        self.event_logs = EventLogs(self.desk, self.table_view, self.show_log)
        self.calls = self.calls_by_id()
        self.is_opening = True
        self.sentence = self.passing = ""
        """The last message, and what is shown only until the next key."""
        self.ticks, self.said_at = 0, 0.0

    def make_desk(self) -> Desk:
        wanted = self.dependencies.preferences
        choice = Choice(columns=wanted.columns, wide=wanted.wide)
        under_way: dict[Key, Deed] = {}
        table = TunnelTable(self.view, self.moment, under_way, choice, self.looks)
        own = map(of_command, wanted.commands)
        actions, _ = with_views((*with_keys(ACTIONS, dict(wanted.keys)), *own), wanted)
        return Desk(
            screen=self,
            voice=self,
            dependencies=self.dependencies,
            reader=self.reader,
            looks=self.looks,
            view=self.view,
            feed=self.feed,
            table=table,
            actions=list(actions),
            pending={},
            under_way=under_way,
            moment=self.moment,
            opened=lambda: self.row_detail.key,
        )

    def moment(self) -> Moment:
        """Now, and how long a sweep takes to come again."""
        sweep = self.feed.health.sweep
        return Moment(
            now=self.dependencies.now(),
            every_s=sweep.every_s if sweep else self.dependencies.every_s,
        )

    def calls_by_id(self) -> Mapping[str, Call]:
        """What each action of the table does."""
        parts = (
            self.table_view,
            self.acting,
            self.programs,
            self.editor,
            self.muter,
            self.enroller,
            self.row_detail,
            self.registry_menu,
            self.reacher,
            self.labels,
            self.newsroom,
            self.named_views,
            self.writer,
            self.following,
            self.counting,
            self.beside,
            self.uptimes,
            self.event_logs,
        )
        return {
            **{name: call for part in parts for name, call in part.calls().items()},
            "view.pause": self.pause,
            "view.log": self.switch_log,
            "app.clear": self.clear,
        }

    async def action_call(self, name: str) -> None:
        """Do what the action of that id stands for."""
        if self.enroller.refuses(name):
            return
        if name.startswith(PREFIX):
            self.named_views.use(name.removeprefix(PREFIX))
            return
        result = self.calls[name]()
        if inspect.isawaitable(result):
            await result

    def compose(self) -> ComposeResult:
        yield Line(id="gateway")
        yield Line(id="counts")
        yield Line(id="paused")
        yield Banner(id="trouble")
        yield Line(id="heading")
        with Horizontal(id="middle"):
            yield self.table
            yield self.beside.pane
        yield self.log_pane
        yield self.progress
        yield self.following.line
        yield Banner(id="news")
        yield Banner(id="said")
        yield self.filter_bar
        yield self.jump_bar
        yield self.beside.line
        yield self.foot.line

    def on_mount(self) -> None:
        self.table.focus()
        self.progress.display = self.following.line.display = False
        self.beside.fit()
        if remarks := (*self.dependencies.preferences.remarks, *self.named_views.remarks):
            self.note("; ".join(remarks))
        self.renew()
        self.set_interval(CLOCK_EVERY_S, self.tick)

    def on_resize(self) -> None:
        self.beside.fit()
        self.call_after_refresh(self.renew)

    def tick(self) -> None:
        """Time went on: rows may be stale now, or older than the filter asks for."""
        self.ticks += 1
        self.following.renew()
        if self.sentence and self.is_old(self.said_at):
            self.say("")
        if not self.feed.is_paused and self.ticks % JUDGE_EVERY == 0:
            self.attention.look_again()
            selected, before = self.table.selected, self.table.cursor_place
            if self.view.let_time_pass():
                self.view.arrange()
                self.table.rearranged(before)
                self.say_what_left(selected)
        self.renew()

    def is_old(self, at: float) -> bool:
        """Whether a message of that time was shown long enough; also if the clock went back."""
        return not 0 <= self.dependencies.now() - at < SAID_S

    def say(self, sentence: str) -> None:
        self.said_at = self.dependencies.now()
        at = f"{time.strftime('%H:%M', time.localtime(self.said_at))} " if sentence else ""
        self.sentence = printable(f"{at}{sentence}", 800)
        self.show_said()
        self.row_detail.say(sentence)

    def say_until_key(self, sentence: str) -> None:
        """Show a sentence below the last message, until the next key."""
        self.passing = printable(sentence, 400)
        self.show_said()

    def show_said(self) -> None:
        said = "\n".join(filter(None, (self.sentence, self.passing)))
        self.query_one("#said", Banner).show(said)

    def keep(self, sentence: str) -> None:
        self.log_pane.add(sentence)

    def note(self, sentence: str) -> None:
        self.log_pane.add(sentence)
        self.say(sentence)

    def renew(self) -> None:
        width, looks, view = self.size.width, self.looks, self.view
        self.table.fit()
        gateway = GatewayLine(
            layout=self.dependencies.layout,
            host=self.dependencies.host,
            health=self.feed.health,
            now=self.dependencies.now(),
            looks=looks,
            read_only=self.dependencies.acts.read_only,
        )
        columns, editing = self.table.columns, self.filter_bar.display
        view.named = self.following.name() or self.named_views.current()
        drawn = {
            "#gateway": gateway.fitted(width),
            "#counts": counts_line(view, looks, columns, editing=editing, width=width),
            "#heading": heading(columns, view, looks),
        }
        for name, text in drawn.items():
            self.query_one(name, Line).show(text)
        self.table.empty = why_empty(
            len(view.rows),
            filter_text=view.filter_text,
            faults_only=view.faults_only,
            clear_key=self.desk.key_of("app.clear"),
            faults_key=self.desk.key_of("view.faults"),
        )
        unseen = "" if view.rows else no_nodes(self.dependencies.layout)
        about = trouble(self.feed.health, self.dependencies.now(), unseen)
        self.query_one("#trouble", Banner).show(about)
        self.show_pause()
        self.table.repaint_changed()
        self.row_detail.renew()
        self.beside.renew()
        self.foot.renew()

    def show_pause(self) -> None:
        """A line of its own, so that its count, which may change many times a second, repaints
        nothing else.
        """
        line = self.query_one("#paused", Line)
        text = self.feed.pause_text(self.dependencies.now(), self.desk.key_of("view.pause"))
        line.display = bool(text)
        line.show(Text(text))

    def pause(self) -> None:
        """Hold the table still, or let in what came meanwhile."""
        if not self.feed.is_paused:
            self.feed.pause(self.dependencies.now())
        elif held := self.feed.resume():
            self.take_in(held)
        self.renew()

    def on_reported(self, message: Reported) -> None:
        self.take_in(message.report)
        self.reader.taken()

    def take_in(self, report: Report) -> None:
        selected, before = self.table.selected, self.table.cursor_place
        if report.health.registry_read and not self.feed.health.registry_read:
            collecting.settle()
        if moved := self.feed.take(report):
            self.table.rearranged(before)
            self.say_what_left(selected)
        if self.table.awaited is not None:
            self.table.go_to_awaited()
        if self.table.cursor is None or (self.is_opening and self.view.sort_by == "status"):
            self.table.select(0)  # the registry may say that the worst is out on purpose
            self.is_opening &= not report.health.registry_read
        if moved or not report.is_quiet:
            self.following.renew()
            self.renew()
        if not self.feed.is_paused:
            self.row_detail.follow(report)
            self.beside.follow(report)
            self.newsroom.follow(report, self.attention.follow(report))

    def say_what_left(self, before: Row | None) -> None:
        """If the selected row left the view by itself, say so until the next key."""
        if before is None or self.table.selected is not None:
            return
        if self.enroller.follows(before) or self.registry_menu.follows(before):
            return
        self.say_until_key(left(before, self.feed.newest(before.key), self.moment()))

    def key_came(self, typed: events.Key | events.Paste) -> None:
        """A key was pressed; the one that clears finds the message, and clears nothing else."""
        self.table.awaited, self.is_opening = None, False
        clears = isinstance(typed, events.Key) and typed.key in self.desk.action("app.clear").keys
        if self.passing and not clears:
            self.say_until_key("")
        self.row_detail.say("")

    def switch_log(self) -> None:
        """Show the log of this console below the table, or hide it."""
        self.log_pane.toggle()
        self.call_after_refresh(self.renew)

    def show_log(self) -> None:
        """Show all of this console's own log, its end first."""
        sheet = Sheet("What this console did")
        self.desk.push(sheet)
        text = Text("\n".join(self.log_pane.lines) or "nothing yet")
        self.call_after_refresh(sheet.show, text, at_end=True)

    def clear(self) -> None:
        """Stop what is under way, or clear one thing at a time, the message first."""
        if self.acting.stop():
            return
        if self.query_one("#said", Banner).shown:
            self.passing = ""
            self.say("")
        elif not self.following.clear():
            self.table_view.clear()

    def on_typed(self, message: Typed) -> None:
        self.table_view.typed(message)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget is self.table:
            self.table_view.close_bars()

    def on_tunnel_table_opened(self) -> None:
        self.row_detail.open()

    def cursor_moved(self) -> None:
        self.row_detail.follow_cursor()
        self.beside.renew()
        self.foot.renew()

    def on_past_read(self, message: PastRead) -> None:
        self.row_detail.show_past(message)
        self.beside.show_past(message)

    def on_acted(self, message: Acted) -> None:
        self.newsroom.acted(message.keys)
        self.acting.acted(message)
        self.following.renew()
