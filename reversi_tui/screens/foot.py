"""The footer of the main screen: keeps to what the operator can do now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reversi_tui.actions.footer import Situation, about, help_hint, hints, line
from reversi_tui.screens.desk import Desk
from reversi_tui.widgets.bar import Bar
from reversi_tui.widgets.block import Block


class Foot:
    """Repaints only what differs from the keys before."""

    def __init__(self, desk: Desk, bars: Sequence[Bar], is_acting: Callable[[], bool]) -> None:
        self.desk, self.bars, self.is_acting = desk, bars, is_acting
        self.line = Block(id="keys")
        self.drawn_for: tuple[object, ...] = ()

    def renew(self) -> None:
        desk, found = self.desk, self.situation()
        asked = (found, desk.off, desk.screen.size.width, tuple(desk.actions))
        if asked == self.drawn_for:  # as with most moves of the cursor
            return
        self.drawn_for = asked
        last = help_hint(desk.actions, typing=bool(found.typing))
        keys = hints(desk.actions, desk.off, found)
        self.line.show(line(keys, last, desk.screen.size.width))

    def situation(self) -> Situation:
        desk, view = self.desk, self.desk.view
        return Situation(
            about=about(desk.table.selected),
            marks=len(view.marks),
            is_narrowed=view.faults_only or bool(view.filter_text),
            is_paused=desk.feed.is_paused,
            is_acting=self.is_acting(),
            follows=view.followed is not None,
            typing=next((bar.hints for bar in self.bars if bar.display), ()),
        )
