"""Reads the event log for its screen, in a thread of its own.

A search through all of it never delays the rows, and a newer question stops an older one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.layout import Layout
from checker.control.event_pages import FIRST_PAGE, EventPages, Page, Superseded
from checker.model import Event
from checker.output import event_line
from checker.rows.event_filter import Around, RowsOf, narrows, shows
from checker.rows.filter import parse_filter
from checker.rows.row import Moment, Row
from checker.state.errors import StateError
from checker.state.store import StateFile, open_reader
from reversi_tui.reader.identity import file_identity
from reversi_tui.rows.event_window import Way

LOOK_EVERY_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which page of the log is wanted."""

    number: int
    """Counts the filters; an answer to an older one is of no use."""
    way: Way
    text: str
    """The filter."""
    rows: Sequence[Row]
    """The present rows, if the filter asks for what they are."""
    moment: Moment
    anchor: tuple[int, int] = (0, 0)
    """The first and the last id that are known already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page, or what is wrong."""

    question: Question
    page: Page | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """New events that the filter shows, or that the log can or cannot be read now."""

    number: int
    events: tuple[Event, ...] = ()
    trouble: str = ""
    is_another_file: bool = False
    """The ids begin again: ask for all events."""


class EventReader:
    """Only its thread calls `run`; any thread may call `ask` and `stop`."""

    def __init__(self, layout: Layout, post: Callable[[Answer | News], object]) -> None:
        self.path, self.post = layout.state, post
        self.state: StateFile | None = None
        self.identity: tuple[int, int, bool] | None = None
        self.bell = threading.Condition()
        self.asked: Question | None = None
        self.current: Question | None = None
        """The last one answered: new events are judged by it."""
        self.around = Around(rows=RowsOf(), moment=Moment(now=0.0, every_s=1.0))
        """What the current question's filter may need beside an event."""
        self.found: tuple[Event, ...] | None = None
        """All events that the last filter shows; None: there are more than were read."""
        self.seen_id = 0
        """The newest id that was looked at."""
        self.token = -1
        self.trouble = ""
        self.stopped = False

    def ask(self, question: Question) -> None:
        with self.bell:
            self.asked = question
            self.bell.notify_all()

    def stop(self) -> None:
        with self.bell:
            self.stopped = True
            self.bell.notify_all()

    def is_over(self) -> bool:
        return self.stopped or self.asked is not None

    def run(self) -> None:
        """Answer questions, and report what is new, until stopped."""
        while not self.stopped:
            with self.bell:
                self.bell.wait_for(self.is_over, LOOK_EVERY_S)
                question, self.asked = self.asked, None
            if self.stopped:
                break
            try:
                self.step(question)
            except Superseded:
                continue
            except StateError as error:
                self.failed(question, str(error))
        self.close()

    def step(self, question: Question | None) -> None:
        """Raises StateError, Superseded."""
        is_another = self.reopen()
        assert self.state is not None
        if is_another and self.current is not None:
            number, self.current, self.found = self.current.number, None, None
            self.trouble = ""
            self.post(News(number=number, is_another_file=True))
        if question is not None:
            self.answer(self.state, question)
        elif self.current is not None:
            self.look(self.state, self.current)

    def reopen(self) -> bool:
        """Open the file if it is not open; whether it is another one than before."""
        identity = file_identity(self.path)
        if self.state is not None and identity == self.identity:
            return False
        self.close()
        self.state = open_reader(self.path)
        before, self.identity, self.token = self.identity, identity, -1
        return before is not None and before[:2] != identity[:2]

    def answer(self, state: StateFile, question: Question) -> None:
        around = Around(rows=RowsOf(question.rows), moment=question.moment)
        pages = EventPages(state, parse_filter(question.text), around, self.is_over)
        first, last = question.anchor
        match question.way:
            case Way.NEWEST:
                page = self.newest(pages, question, around)
            case Way.OLDEST:
                page = pages.after(0, FIRST_PAGE, until=self.seen_id or None)
            case Way.OLDER:
                page = pages.before(first)
            case Way.NEWER:
                page = pages.after(last, until=self.seen_id or None)
        self.current, self.around, self.trouble = question, around, ""
        self.post(Answer(question=question, page=page))

    def newest(self, pages: EventPages, question: Question, around: Around) -> Page:
        """The newest events. One more letter searches only what is found already, and what came
        since.
        """
        wanted, before = parse_filter(question.text), self.current
        _, newest = pages.bounds()
        if before and self.found is not None and narrows(parse_filter(before.text), wanted):
            old = [event for event in self.found if shows(wanted, event, around)]
            new = pages.after(self.seen_id, until=newest)
            page = Page(events=(*old, *new.events), is_last=True)
            self.seen_id = newest if new.is_last else new.events[-1].id
        else:
            page = pages.before(newest + 1, FIRST_PAGE)
            self.seen_id = newest
        self.found = page.events if page.is_last else None
        return page

    def look(self, state: StateFile, question: Question) -> None:
        """Report the events that were written since the last look."""
        token = state.changed_token()
        if token == self.token and not self.trouble:
            return
        pages = EventPages(state, parse_filter(question.text), self.around, self.is_over)
        _, newest = pages.bounds()
        while self.seen_id < newest:
            page = pages.after(self.seen_id, until=newest)
            self.seen_id = newest if page.is_last else page.events[-1].id
            if page.events:
                self.found = None  # those are not in it
                self.post(News(number=question.number, events=page.events))
        self.token = token
        if self.trouble:
            self.trouble = ""
            self.post(News(number=question.number))

    def failed(self, question: Question | None, sentence: str) -> None:
        """Say why the log cannot be read, once; what is shown stays."""
        self.close()
        if question is not None:
            self.post(Answer(question=question, trouble=sentence))
        elif sentence != self.trouble and self.current is not None:
            self.post(News(number=self.current.number, trouble=sentence))
        self.trouble = sentence

    def close(self) -> None:
        if self.state is not None:
            self.state.close()
        self.state = None


def write_events(state: Path, question: Question, folder: Path, stamp: str) -> str:
    """Write all events that the filter shows to a new file in the folder, and return a sentence
    about it. Without such an event, or if it raises StateError or OSError, there is no file.
    """
    around = Around(rows=RowsOf(question.rows), moment=question.moment)
    store = open_reader(state)
    try:
        pages = EventPages(store, parse_filter(question.text), around)
        path, handle = new_file(folder, f"reversi-events-{stamp}")
        count = 0
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                for event in pages.all_of_them():
                    out.write(f"{event_line(event)}\n")
                    count += 1
            if not count:
                path.unlink()
                return "nothing to write: the log shows no event"
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    finally:
        store.close()
    return f"wrote {count:,} event{'' if count == 1 else 's'} to {path}"


def new_file(folder: Path, stem: str) -> tuple[Path, int]:
    """A file that did not exist, for us only: its path and descriptor. Raises OSError."""
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.txt"
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            number += 1
