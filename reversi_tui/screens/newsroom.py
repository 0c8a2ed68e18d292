"""Says what happened that was not done here, and jumps there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.timer import Timer

from checker.control.client import operator_name
from checker.model import printable
from checker.rows.row import Key, Row
from reversi_tui.rows.news import TOGETHER_S, Losses, News, deeds
from reversi_tui.rows.report import Report
from reversi_tui.screens.desk import Call, Desk
from reversi_tui.screens.table_view import TableView
from reversi_tui.widgets.line import Banner

SHOWN_S = 60.0


class Newsroom:
    """The last news is the one that the key jumps to."""

    def __init__(self, desk: Desk, table_view: TableView) -> None:
        self.desk, self.table_view = desk, table_view
        self.losses = Losses()
        self.news: News | None = None
        self.timer: Timer | None = None
        """Hides the line."""
        self.mine: dict[Key, float] = {}
        """When this console last acted on a row: what follows is not news."""

    def calls(self) -> dict[str, Call]:
        """What it does, by the id of the action."""
        return {
            "find.news": self.jump,
        }

    def acted(self, keys: Iterable[Key]) -> None:
        """Note that this console did something to these rows."""
        now = self.desk.dependencies.now()
        self.mine = {key: at for key, at in self.mine.items() if now - at < TOGETHER_S}
        self.mine.update(dict.fromkeys(keys, now))

    def follow(self, report: Report, came: Sequence[Row]) -> None:
        """Look at what changed; `came` are rows that became faults while the console ran."""
        now = self.desk.dependencies.now()
        known = (
            row
            for row in came
            if row.key not in self.desk.pending
            and now - self.mine.get(row.key, float("-inf")) > TOGETHER_S
        )
        self.tell(self.losses.add(known, self.desk.moment()))
        if not report.is_quiet:  # then no tunnel comes from elsewhere
            self.losses.follow(report.changed, report.keys)
        news = deeds(report.deeds, operator_name())
        if news is not None:
            self.desk.voice.keep(news.text)
        self.tell(news)

    def tell(self, news: News | None) -> None:
        if news is None:
            return
        self.news = news
        self.show(f"{news.text}; {self.desk.key_of('find.news')} shows it")
        if self.timer is not None:
            self.timer.stop()
        self.timer = self.desk.screen.set_timer(SHOWN_S, lambda: self.show(""))

    def show(self, text: str) -> None:
        """On a line of its own: escape must clear what the operator did, and not what comes."""
        self.desk.screen.query_one("#news", Banner).show(printable(text, 400))

    def jump(self) -> None:
        """Go to the row of the last news, or show only the nodes that it is about."""
        desk, news = self.desk, self.news
        self.show("")
        if news is None:
            desk.voice.say("no news since this console began")
            return
        places = desk.view.places
        if len(news.keys) == 1 and news.keys[0] in places:
            desk.table.select(places[news.keys[0]])
            return
        names = dict.fromkeys(f"={node}" for node, _ in news.keys)
        self.table_view.filter(f"node:{'|'.join(names)}", final=True)
        desk.voice.renew()
