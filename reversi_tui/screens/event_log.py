"""The event log: all that happened on the gateway, live, filtered as the rows are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from checker.config.layout import Layout
from checker.model import CheckerError, Event, printable
from checker.output import sentence_of
from checker.rows.event_filter import event_mistake, needs_rows
from checker.rows.event_lines import Line as LogLine
from checker.rows.filter import parse_filter
from checker.rows.row import Key, Moment, Row
from reversi_tui.actions.footer import line
from reversi_tui.messages import Typed
from reversi_tui.reader.events import Answer, EventReader, News, Question, write_events
from reversi_tui.rows.event_text import MINE, PRESETS, heading, preset_of, whole
from reversi_tui.rows.event_window import Way, Window
from reversi_tui.rows.vocabulary import EventVocabulary
from reversi_tui.screens.node_editor import folder
from reversi_tui.terminal.threads import detached
from reversi_tui.widgets.bar import FilterBar
from reversi_tui.widgets.event_list import EventList
from reversi_tui.widgets.line import Banner, Line
from reversi_tui.widgets.looks import Looks

HELP = "? help"
NO_EDGE = 1000
"""More cells than any line of keys needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the log's screen needs of the main one."""

    layout: Layout
    only_here: bool
    """In a fleet: without the events of the other gateways."""
    looks: Looks
    moment: Callable[[], Moment]
    rows: Callable[[], Sequence[Row]]
    row_of: Callable[[Event], Key | None]
    """The present row of an event."""
    show_mine: Callable[[], None]
    """Shows what this console did."""
    history: Sequence[str]
    """Filters that were kept before."""


class Read(Message):
    """The reading thread found something."""

    def __init__(self, found: Answer | News) -> None:
        super().__init__()
        self.found = found


def bound(keys: str, call: str, title: str, tip: str) -> Binding:
    return Binding(keys, call, title, id=f"events.{title.lower()}", tooltip=tip, show=False)


class EventLog(Screen[LogLine | None]):
    """Returns the event whose row the operator wants to see. Memory holds a few pages of the log;
    a thread of its own reads the others as the cursor comes near.
    """

    DEFAULT_CSS = """
    EventLog { layout: vertical; overflow: hidden; }
    EventLog #events-whole { height: 2; text-wrap: wrap; }
    """
    TITLE = "Event log"
    BINDINGS: ClassVar[list[BindingType]] = [
        bound("slash", "filter", "Filter", "Filter the events; enter keeps, escape clears"),
        *(
            bound(str(number), f"preset({name!r})", name.title(), f"Show {name} only")
            for number, name in enumerate(PRESETS, start=1)
        ),
        bound(MINE, "mine", "Mine", "Show what this console did"),
        bound("enter", "go", "Row", "Go to the row of the event"),
        bound("w", "write", "Write", "Write what is shown to a new file"),
        bound("home", "edge('oldest')", "Oldest", "Go to the oldest event"),
        bound("end", "edge('newest')", "Newest", "Go to the newest event, and follow"),
        bound("escape,q,v", "close", "Close", "Go back to the table"),
        bound("question_mark,f1", "app.help", "Help", "Show these keys"),
    ]

    def __init__(self, around: Surroundings, text: str = "") -> None:
        super().__init__()
        self.around, self.text = around, text
        self.window = Window()
        self.reader = EventReader(
            around.layout,
            lambda found: self.post_message(Read(found)),
            only_here=around.only_here,
        )
        self.number = 0
        self.waiting: Way | None = None
        """The page that is being read."""
        self.is_read = False
        """Whether a first page is there; that of an earlier filter stays until the next one."""
        self.trouble = ""
        self.without: tuple[str, ...] = ()
        """The gateways whose events are not shown, as they cannot be read."""
        self.list = EventList(self.window, around.looks)
        self.bar = FilterBar(around.history)
        self.bar.vocabulary = EventVocabulary(around.rows, around.moment, lambda: self.window.lines)
        self.bar.placeholder = "text   !text   kind:kill   actor:ada   at:<1d   ↑ earlier ones"

    def compose(self) -> ComposeResult:
        yield Line(id="events-title")
        yield Banner(id="trouble")
        yield Line(id="events-heading")
        yield self.list
        yield Line(id="events-whole")
        yield Banner(id="said")
        yield self.bar
        yield Line(id="events-keys")

    def on_mount(self) -> None:
        self.list.focus()
        self.run_worker(self.read(), name="events")
        self.use(self.text)

    async def read(self) -> None:
        await detached(self.reader.run, name="events")

    def on_unmount(self) -> None:
        self.reader.stop()

    def on_resize(self) -> None:
        self.call_after_refresh(self.renew)

    def use(self, text: str) -> None:
        """Show the events of this filter, the newest of them last."""
        self.text = text
        self.number += 1
        self.ask(Way.NEWEST)

    def ask(self, way: Way) -> None:
        self.waiting = way
        self.reader.ask(self.question(way))

    def question(self, way: Way) -> Question:
        asks_rows = needs_rows(parse_filter(self.text))
        return Question(
            number=self.number,
            way=way,
            text=self.text,
            rows=self.around.rows() if asks_rows else (),
            moment=self.around.moment(),
            anchor=self.window.anchor,
        )

    def on_read(self, message: Read) -> None:
        """Take in what the thread found."""
        found = message.found
        number = found.question.number if isinstance(found, Answer) else found.number
        if number != self.number:
            return
        self.trouble = found.trouble
        if isinstance(found, Answer):
            self.take(found)
        elif found.is_another_log:
            self.use(self.text)
        elif found.lines and self.is_read:
            self.list.renew(lambda: self.window.arrived(found.lines))
        self.renew()
        self.read_on()

    def take(self, answer: Answer) -> None:
        self.waiting = None
        page, way = answer.page, answer.question.way
        if page is not None:
            self.is_read, self.without = True, answer.without
            self.list.renew(lambda: self.window.take(way, page.lines, is_last=page.is_last))

    def read_on(self) -> None:
        """Read the page that the cursor comes near to, unless one is being read."""
        if self.waiting is None and not self.trouble and (way := self.window.wants):
            self.ask(way)

    def on_event_list_moved(self) -> None:
        self.renew()
        self.read_on()

    def on_event_list_opened(self) -> None:
        self.action_go()

    def renew(self) -> None:
        """Paint the lines around the list as they must be now."""
        if not self.is_mounted or not self.query("#events-keys"):
            return
        width, looks = self.size.width, self.around.looks
        drawn = {
            "#events-title": self.title_text(),
            "#events-heading": Text(
                heading(width, self.window.longest), style=looks.palette.heading
            ),
            "#events-whole": self.whole_text(),
            "#events-keys": self.keys_line(width),
        }
        for name, text in drawn.items():
            self.query_one(name, Line).show(text)
        self.query_one("#trouble", Banner).show(self.trouble_text())
        self.list.renew()

    def keys_line(self, width: int) -> Text:
        """The keys that work now."""
        if self.bar.display:
            return line(self.bar.hints, ("f1", "help"), width)
        return keys_text(width)

    def title_text(self) -> Text:
        name = preset_of(self.text)
        text = Text("Event log: ", style="bold").append(name or printable(self.text, 200))
        count, window = len(self.window.lines), self.window
        if self.is_read and not (window.has_older or window.has_newer):
            text.append(f"  {count:,} event{'' if count == 1 else 's'}")
        if self.without:
            text.append(f"  without {', '.join(self.without)}", style="bold")
        text.append("  ")
        if self.window.unseen:
            return text.append(f"{self.window.unseen:,} new ↓", style="bold")
        return text.append("following" if self.window.follows and self.is_read else "")

    def trouble_text(self) -> str:
        return f"{self.trouble}; what is shown stays" if self.trouble else ""

    def whole_text(self) -> Text:
        """All of the event under the cursor, or why there is none."""
        line = self.window.selected if self.is_read else None
        if line is not None:
            return Text(whole(line))
        if not self.is_read:
            return Text("" if self.trouble else "reading ...")
        return Text("no events are like that; 1 shows all" if self.text else "no events yet")

    def say(self, sentence: str) -> None:
        self.query_one("#said", Banner).show(printable(sentence, 800))

    def on_typed(self, message: Typed) -> None:
        """Follow what is typed into the filter's bar."""
        message.stop()
        text = message.text if message.kept else ""
        if text != self.text:
            self.use(text)
        if message.final:
            self.bar.display = False
            self.bar.keep(text)
            self.list.focus()
            self.say(event_mistake(text, self.around.rows(), self.around.moment()))
        self.renew()

    def action_filter(self) -> None:
        self.say("")
        self.bar.open(self.text)

    def action_preset(self, name: str) -> None:
        self.say("")
        self.use(PRESETS[name])

    def action_mine(self) -> None:
        self.around.show_mine()

    def action_go(self) -> None:
        if self.window.selected is None:
            return
        event, _ = self.window.selected
        if self.around.row_of(event) is None:
            self.say(
                f"{printable(event.node)} has no row any more"
                if event.node
                else "this event is the gateway's: it has no row"
            )
            return
        _ = self.dismiss(self.window.selected)

    def action_edge(self, name: str) -> None:
        """Go to an end of the log, which may have to be read."""
        way, window = Way(name), self.window
        is_far = window.has_older if way is Way.OLDEST else window.has_newer
        if is_far:
            self.ask(way)
        else:
            self.list.select(0 if way is Way.OLDEST else len(window.lines) - 1)

    async def action_write(self) -> None:
        """Write all events that the filter shows, not only those in memory."""
        question = self.question(Way.OLDEST)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(question.moment.now))
        around = self.around
        write = partial(
            write_events, around.layout, question, folder(), stamp, only_here=around.only_here
        )
        self.say("writing ...")
        try:
            self.say(await detached(write, name="write events"))
        except (CheckerError, OSError) as error:
            self.say(f"not written: {sentence_of(error)}")

    def action_close(self) -> None:
        _ = self.dismiss(None)


def keys_text(width: int) -> Text:
    """The keys of this screen: the longest line that fits."""
    presets = tuple((str(number), name) for number, name in enumerate(PRESETS, start=1))
    ends = (("end", "follow"), ("home", "oldest"))
    usual = (("/", "filter"), ("w", "write"), *presets)
    mine, last = (MINE, "mine"), (("enter", "row"), ("esc", "close"))
    lines = (
        (*ends, *usual, (MINE, "this console"), *last),
        (*usual, (MINE, "this console"), *last),
        (*usual, mine, *last),
        (*reversed(last), *usual[:2], (f"1-{MINE}", "presets")),
    )
    drawn = (line(each, None, NO_EDGE) for each in lines)
    fitting = (at for at, text in enumerate(drawn) if text.cell_len + len(HELP) + 2 <= width)
    return line(lines[next(fitting, -1)], ("?", "help"), width)
