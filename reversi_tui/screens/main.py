"""The main screen: the table of tunnels, and what the keys do with it."""

from __future__ import annotations

from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from checker.control import Verb
from checker.model import CheckerError, Event, NodeName, printable
from checker.store import StateError
from reversi_tui.acts import DANGEROUS, aim, named, no_longer, question, refusal
from reversi_tui.columns import COLUMNS
from reversi_tui.messages import Acted, EventsRead, Filtered, Reported
from reversi_tui.once import no_nodes
from reversi_tui.rows import Health, Key, Moment, Row
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import EVENTS, Detail
from reversi_tui.screens.help import Help
from reversi_tui.setting import Setting
from reversi_tui.threads import detached
from reversi_tui.view import View
from reversi_tui.widgets.filterbar import FilterBar
from reversi_tui.widgets.footer import keys_line
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.status import counts_line, gateway_line
from reversi_tui.widgets.table import TunnelTable, heading

CLOCK_EVERY_S = 1.0
ACT_IDS = frozenset({"act.kill", "act.reset", "act.probe"})


class Reader(Protocol):
    """Where reports come from, as far as this screen talks back to it."""

    def events(self, node: NodeName, limit: int) -> tuple[Event, ...]: ...

    def taken(self) -> None: ...

    def wake(self) -> None: ...


class Main(Screen[None]):
    """What it is told comes by messages, what it is asked to do by keys; rows are known by key, never by place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "act('kill')", "Kill", id="act.kill", tooltip="Kill the sshd process that holds the port; asks first"),
        Binding("r", "act('reset')", "Reset", id="act.reset", tooltip="Kill, forget strikes and flaps, call the node back; asks first"),
        Binding("p", "act('probe')", "Probe", id="act.probe", tooltip="Probe the forward now"),
        Binding("slash", "filter", "Filter", id="view.filter", tooltip="Filter the rows; enter keeps, escape clears"),
        Binding("question_mark", "help", "Help", id="view.help", tooltip="This help"),
        Binding("q", "app.leave", "Quit", id="app.quit", tooltip="Leave the console; no tunnel is touched"),
        Binding("enter", "detail", "Detail", id="view.detail", tooltip="Everything known of the row, and its node's last events"),
        Binding("s,greater_than_sign", "sort(1)", "Sort", id="view.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse", id="view.reverse", tooltip="Sort the other way round"),
        Binding("less_than_sign", "sort(-1)", "Sort back", id="view.sort_back", tooltip="Sort by the column before", show=False),
        Binding("escape", "clear", "Clear", id="view.clear", tooltip="Clear the last message, then the filter", show=False),
    ]

    def __init__(self, setting: Setting, reader: Reader, view: View) -> None:
        super().__init__()
        self.setting, self.acts, self.reader, self.view = setting, setting.acts, reader, view
        self.health = Health()
        self.pending: dict[Key, Verb] = {}
        self.table = TunnelTable(view, self.moment, self.pending)

    def moment(self) -> Moment:
        sweep = self.health.sweep
        return Moment(now=self.setting.now(), every_s=sweep.every_s if sweep else self.setting.every_s)

    def compose(self) -> ComposeResult:
        yield Line(id="gateway")
        yield Line(id="counts")
        yield Banner(id="trouble")
        yield Line(id="heading")
        yield self.table
        yield Banner(id="said")
        yield FilterBar(self.view.filter_text)
        yield Line(id="keys")

    def on_mount(self) -> None:
        self.table.focus()
        self.renew()
        self.set_interval(CLOCK_EVERY_S, self.renew)

    def on_resize(self) -> None:
        self.call_after_refresh(self.renew)

    @property
    def off(self) -> frozenset[str]:
        """Ids of the bindings that do nothing here."""
        return ACT_IDS if self.acts.read_only else frozenset()

    @property
    def detail(self) -> Detail | None:
        """The detail sheet, where it is open."""
        return next((screen for screen in self.app.screen_stack if isinstance(screen, Detail)), None)

    def renew(self) -> None:
        """Paint whatever would read differently now."""
        bar, setting = self.query_one(FilterBar), self.setting
        self.query_one("#gateway", Line).show(gateway_line(setting.layout, self.health, setting.now(), read_only=self.acts.read_only))
        self.query_one("#counts", Line).show(counts_line(self.view, editing=bar.display, width=self.size.width))
        self.query_one("#heading", Line).show(heading(self.table.columns, self.view))
        bindings = [binding for binding in self.BINDINGS if isinstance(binding, Binding) and binding.show]
        self.query_one("#keys", Line).show(keys_line(bindings, self.off, self.size.width))
        self.query_one("#trouble", Banner).show(self.trouble())
        self.table.repaint_changed()
        if self.detail:
            self.detail.renew(self.view.rows.get(self.detail.key), self.moment())

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
        self.query_one("#said", Banner).show(printable(sentence, 400))

    def on_reported(self, message: Reported) -> None:
        before = self.table.cursor_place
        self.health = message.report.health
        if self.view.apply(message.report):
            self.table.rearranged(before)
        if self.table.cursor is None:
            self.table.select(0)
        self.renew()
        detail = self.detail
        if detail and any(row.key == detail.key for row in message.report.changed):
            self.read_events(detail.row)
        self.reader.taken()

    def action_filter(self) -> None:
        bar = self.query_one(FilterBar)
        bar.value = self.view.filter_text
        bar.display = True
        bar.focus()
        self.renew()

    def on_filtered(self, message: Filtered) -> None:
        if message.text != self.view.filter_text:
            before = self.table.cursor_place
            self.view.set_filter(message.text)
            self.table.rearranged(before)
        if message.final:
            self.query_one(FilterBar).display = False
            self.table.focus()
            place = self.table.cursor_place
            self.table.select(0 if place is None else place)
        self.renew()

    def action_clear(self) -> None:
        if self.query_one("#said", Banner).shown:
            self.say("")
        elif self.view.filter_text:
            self.on_filtered(Filtered("", final=True))

    def action_sort(self, step: int) -> None:
        ids = [column.id for column in COLUMNS]
        self.sort(ids[(ids.index(self.view.sort_by) + step) % len(ids)], backwards=False)

    def action_reverse(self) -> None:
        self.sort(self.view.sort_by, backwards=not self.view.backwards)

    def sort(self, column: str, *, backwards: bool) -> None:
        before = self.table.cursor_place
        self.view.set_sort(column, backwards=backwards)
        self.table.rearranged(before)
        self.renew()

    def action_help(self) -> None:
        bindings = (*self.BINDINGS, *TunnelTable.BINDINGS)
        _ = self.app.push_screen(Help((binding for binding in bindings if isinstance(binding, Binding)), self.off))

    def action_detail(self) -> None:
        row = self.table.selected
        if row:
            _ = self.app.push_screen(Detail(row))
            self.read_events(row)

    def on_tunnel_table_opened(self) -> None:
        self.action_detail()

    def read_events(self, row: Row) -> None:
        self.run_worker(self.fetch_events(row), group="events", exclusive=True)

    async def fetch_events(self, row: Row) -> None:
        try:
            events = await detached(lambda: self.reader.events(row.seen.node, EVENTS), name="events")
            self.post_message(EventsRead(row.key, events))
        except StateError as error:
            self.post_message(EventsRead(row.key, str(error)))

    def on_events_read(self, message: EventsRead) -> None:
        detail = self.detail
        if detail and detail.key == message.key:
            detail.renew(self.view.rows.get(detail.key), self.moment(), message.events)

    def action_act(self, name: str) -> None:
        verb, row = Verb(name), self.table.selected
        refused = refusal(verb, row, self.pending.get(row.key) if row else None, read_only=self.acts.read_only)
        if refused or row is None:
            self.say(refused or "")
        elif verb in DANGEROUS:
            self.ask(verb, row)
        else:
            self.begin(verb, row)

    def ask(self, verb: Verb, row: Row) -> None:
        confirm = Confirm(verb, question(verb, row, self.moment()))
        _ = self.app.push_screen(confirm, lambda yes: self.answered(verb, row, yes=yes))

    def answered(self, verb: Verb, asked: Row, *, yes: bool | None) -> None:
        """Act on what was asked about, or on nothing: the row may be another by now."""
        row = self.view.rows.get(asked.key)
        refused = no_longer(asked, row) or refusal(verb, row, self.pending.get(asked.key), read_only=self.acts.read_only)
        if not yes:
            self.say(f"{named(asked)}: {verb} cancelled")
        elif refused or row is None:
            self.say(refused or "")
        else:
            self.begin(verb, row)

    def begin(self, verb: Verb, row: Row) -> None:
        self.pending[row.key] = verb
        self.say(f"{named(row)}: {verb} is under way")
        self.table.repaint_changed()
        self.run_worker(self.carry_out(verb, row), group="acts")

    async def carry_out(self, verb: Verb, row: Row) -> None:
        try:
            outcomes = await detached(lambda: self.acts.act(verb, (aim(row),)), name=f"{verb} {row.seen.node}")
            sentence = "; ".join(f"{'done' if outcome.done else 'not done'}: {outcome.sentence}" for outcome in outcomes)
        except CheckerError as error:
            sentence = f"not done: {error}"
        self.post_message(Acted(row.key, f"{named(row)}: {verb} {sentence}"))

    def on_acted(self, message: Acted) -> None:
        self.pending.pop(message.key, None)
        self.say(message.sentence)
        self.table.repaint_changed()
        self.reader.wake()
