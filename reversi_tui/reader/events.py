"""Reads the event log for its screen, in a thread of its own.

A search through all of it never delays the rows, and a newer question stops an older one.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.layout import Layout
from checker.control.event_pages import FIRST_PAGE, PAGE, EventPages, Superseded
from checker.output import event_line
from checker.rows.event_filter import Around, RowsOf, narrows, shows
from checker.rows.event_lines import (
    BEGIN,
    END,
    Line,
    LinePage,
    Mark,
    in_order,
    mark_of,
    newest_of,
    oldest_of,
)
from checker.rows.filter import parse_filter
from checker.rows.row import Moment, Row
from checker.state.errors import StateError
from reversi_tui.reader.event_sources import EventSource, EventSources
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
    anchor: tuple[Mark, Mark] = (BEGIN, BEGIN)
    """The places of the first and the last line that are known already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page, or what is wrong."""

    question: Question
    page: LinePage | None = None
    trouble: str = ""
    without: tuple[str, ...] = ()
    """The gateways whose events cannot be read now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """New events that the filter shows, or that the log can or cannot be read now."""

    number: int
    lines: tuple[Line, ...] = ()
    trouble: str = ""
    is_another_log: bool = False
    """Another file took the place of one, or the log has other gateways: ask for all events."""


class EventReader:
    """Only its thread calls `run`; any thread may call `ask` and `stop`."""

    def __init__(
        self, layout: Layout, post: Callable[[Answer | News], object], *, only_here: bool = False
    ) -> None:
        self.sources, self.post = EventSources(layout, only_here=only_here), post
        self.bell = threading.Condition()
        self.asked: Question | None = None
        self.current: Question | None = None
        """The last one answered: new events are judged by it."""
        self.around = Around(rows=RowsOf(), moment=Moment(now=0.0, every_s=1.0))
        """What the current question's filter may need beside an event."""
        self.found: tuple[Line, ...] | None = None
        """All lines that the last filter shows; None: there are more than were read."""
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
        self.sources.close()

    def step(self, question: Question | None) -> None:
        """Raises StateError, Superseded."""
        if self.sources.reopen() and self.current is not None:
            self.begin_again(self.current)
        if question is not None:
            self.answer(question)
        elif self.current is not None:
            self.look(self.current)

    def begin_again(self, question: Question) -> None:
        self.current, self.found, self.trouble = None, None, ""
        self.post(News(number=question.number, is_another_log=True))

    def pages(self, question: Question, around: Around) -> list[tuple[EventSource, EventPages]]:
        """Each source with what the question's filter finds in it."""
        wanted = parse_filter(question.text)
        return [(one, one.pages(wanted, around, self.is_over)) for one in self.sources.open]

    def answer(self, question: Question) -> None:
        around = Around(rows=RowsOf(question.rows), moment=question.moment)
        pages = self.pages(question, around)
        first, last = question.anchor
        match question.way:
            case Way.NEWEST:
                page = self.newest(pages, question, around)
            case Way.OLDEST:
                page = later(pages, BEGIN, FIRST_PAGE)
            case Way.OLDER:
                page = newest_of([each.earlier(first) for _, each in pages], PAGE)
            case Way.NEWER:
                page = later(pages, last, PAGE)
        self.current, self.around, self.trouble = question, around, ""
        self.post(Answer(question=question, page=page, without=self.sources.without))

    def newest(
        self, pages: list[tuple[EventSource, EventPages]], question: Question, around: Around
    ) -> LinePage:
        """The newest lines. One more letter searches only what is found already, and what came
        since.
        """
        wanted, before = parse_filter(question.text), self.current
        if before and self.found is not None and narrows(parse_filter(before.text), wanted):
            at = {one.gateway: replace(around, gateway=one.gateway) for one, _ in pages}
            old = [
                line for line in self.found if line[1] in at and shows(wanted, line[0], at[line[1]])
            ]
            new = [line for one, each in pages for line in came(one, each, each.bounds()[1])]
            page = LinePage(lines=tuple(in_order((*old, *new))), is_last=True)
        else:
            for one, each in pages:
                one.seen_id = each.bounds()[1]
            page = newest_of([each.earlier(END, FIRST_PAGE) for _, each in pages], FIRST_PAGE)
        self.found = page.lines if page.is_last else None
        return page

    def look(self, question: Question) -> None:
        """Report the events that were written since the last look."""
        for one in self.sources.open:
            assert one.state is not None
            token = one.state.changed_token()
            if token == one.token and not self.trouble:
                continue
            pages = one.pages(parse_filter(question.text), self.around, self.is_over)
            newest = pages.bounds()[1]
            if newest < one.seen_id:  # a mirror that was emptied
                self.begin_again(question)
                return
            while one.seen_id < newest:
                if lines := came(one, pages, newest):
                    self.found = None  # those are not in it
                    self.post(News(number=question.number, lines=tuple(in_order(lines))))
            one.token = token
        if self.trouble:
            self.trouble = ""
            self.post(News(number=question.number))

    def failed(self, question: Question | None, sentence: str) -> None:
        """Say why the log cannot be read, once; what is shown stays."""
        self.sources.close()
        if question is not None:
            self.post(Answer(question=question, trouble=sentence))
        elif sentence != self.trouble and self.current is not None:
            self.post(News(number=self.current.number, trouble=sentence))
        self.trouble = sentence


def later(pages: Sequence[tuple[EventSource, EventPages]], mark: Mark, count: int) -> LinePage:
    """The oldest lines after this place, as far as they were looked at: others are reported."""
    found = [each.later(mark, count, until=one.seen_id or None) for one, each in pages]
    return oldest_of(found, count)


def came(one: EventSource, pages: EventPages, newest: int) -> list[Line]:
    """The next page of what was written up to the id `newest`."""
    page = pages.after(one.seen_id, until=newest)
    one.seen_id = newest if page.is_last else page.events[-1].id
    return [(event, one.gateway) for event in page.events]


def write_events(
    layout: Layout, question: Question, folder: Path, stamp: str, *, only_here: bool = False
) -> str:
    """Write all events that the filter shows to a new file in the folder, and return a sentence
    about it. Without such an event, or if it raises StateError or OSError, there is no file.
    """
    around = Around(rows=RowsOf(question.rows), moment=question.moment)
    sources, wanted = EventSources(layout, only_here=only_here), parse_filter(question.text)
    try:
        sources.reopen()
        each = [source.pages(wanted, around).all_of_them() for source in sources.open]
        path, handle = new_file(folder, f"reversi-events-{stamp}")
        count = 0
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                for line in heapq.merge(*each, key=mark_of):
                    out.write(f"{event_line(*line)}\n")
                    count += 1
            if not count:
                path.unlink()
                return "nothing to write: the log shows no event"
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    finally:
        sources.close()
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
