"""The help sheet: keys, filters, columns, and the meaning of the signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual.screen import Screen

from checker.model import STATUS_MEANING, Status
from checker.rows.cells import SYMBOLS
from reversi_tui.actions.key_names import key_name
from reversi_tui.rows.columns import offered
from reversi_tui.rows.detail_text import hanging
from reversi_tui.rows.palette import Palette
from reversi_tui.rows.uptime import LEVEL_MEANING, in_ascii
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.line import Line

KEYS = 15
"""Cells of a key or a sign, and the blanks around it."""
Section = tuple[str, Sequence[tuple[str, str]]]
FILTERS = (
    ("tab or →", "while you type: completes columns and values; again: the next one"),
    ("text", "rows with it, in any column, tag or note"),
    ("!text", "rows without it"),
    ("a b", "rows with both"),
    ("a|b", "rows with one of them"),
    ('"a b"', "rows with this text, blanks included; in quotes * | / are plain"),
    ("status:hung", "rows with it in that column; you may shorten its name"),
    ("status:up|down", "rows with one of them in that column"),
    ("is:fault", "not up, or stale, and not on purpose"),
    ("is:stale", "no recent probe; also is:up, is:disabled, is:unregistered ..."),
    ("tag:site-a", "nodes with exactly that tag; !tag:* without any"),
    ("note:bakery", "nodes with it in their note"),
    ("pub:443", "published on that port, or under a name: pub:shop.example"),
    ("banner:OpenSSH", "rows with it in their target's own answer"),
    ("node:b*1", "a whole column like that: * is anything"),
    ("/^b.*1$/", "a regular expression; also node:/1$/"),
    ("latency:>200", "a number: < > <= >= =; ms or s"),
    ("flaps:>0", "also kills, port, sshd"),
    ("since:<1h", "an age: s m h d; also probe:>5m"),
    ("bytes:>2G", "a size: k M G T; also rate:>100k, in a second"),
    ("day:<99%", "up for less of the last 24 hours"),
    ("node:=barn", "a whole value"),
    ("kind:kill", "in the event log; also actor:ada, text:x"),
    ("at:<1d", "in the event log; also at:yesterday, at:2026-11-26"),
)
MARKS = (
    ("node*", "not in the registry: it came by the shared key"),
    ("z stale 5m", "the last probe is that old, so its status is not known; shown dim"),
    ("‖ disabled", "down, because the admin disabled the node"),
    ("‖ expired", "down, because the node's keys expired"),
    ("+ pending", "a device that asks to become a node"),
    ("3 ports", "a node's forwards, folded into one row with the worst status"),
)


def own_keys(screen: Screen[Any]) -> Section:
    """The keys of a screen that covers the table, and of what has the focus on it."""
    lines: dict[str, list[str]] = {}
    for key, active in screen.active_bindings.items():
        if active.enabled and active.binding.id and active.tooltip:
            lines.setdefault(active.tooltip, []).append(key_name(key))
    return screen.TITLE or "Keys", tuple((" ".join(keys), tip) for tip, keys in lines.items())


def sections(*, in_fleet: bool = False) -> tuple[Section, ...]:
    """The sections below the keys."""
    columns = offered(in_fleet=in_fleet)
    return (
        ("Filter", FILTERS),
        ("Columns", tuple((column.id, column.tip) for column in columns)),
        (
            "Status",
            tuple((f"{SYMBOLS[status]} {status}", STATUS_MEANING[status]) for status in Status),
        ),
        ("Marks", MARKS),
        (
            "24 hours, one cell each, the present hour last",
            tuple((level.value, meaning) for level, meaning in LEVEL_MEANING.items()),
        ),
    )


class Help(Sheet):
    """Every key and what it does; then filters, columns, statuses and signs."""

    def __init__(
        self,
        lines: Sequence[Section],
        palette: Palette,
        *,
        ascii_only: bool = False,
        in_fleet: bool = False,
    ) -> None:
        super().__init__("Help")
        self.sections = (*lines, *sections(in_fleet=in_fleet))
        self.palette, self.ascii_only = palette, ascii_only

    def on_mount(self) -> None:
        super().on_mount()
        self.call_after_refresh(self.paint)

    def on_resize(self) -> None:
        self.call_after_refresh(self.paint)

    def paint(self) -> None:
        """Write the text for the present width; the scroll bar's cell stays free."""
        if not self.is_whole:
            return
        width = max(30, self.query_one("#sheet-keys", Line).size.width - 1)
        text = Text()
        for title, lines in self.sections:
            text.append(f"{title}\n", style=self.palette.heading)
            for keys, meaning in lines:
                text.append(f"  {keys:<{KEYS - 3}} ", style=self.style_of(keys)).append(
                    f"{hanging(meaning, width, KEYS)}\n"
                )
            text.append("\n")
        text.rstrip()
        self.show(Text(in_ascii(text.plain), spans=text.spans) if self.ascii_only else text)

    def style_of(self, keys: str) -> str:
        """The style of a key; of a sign, the one in the table."""
        styles = {
            f"{SYMBOLS[status]} {status}": style for status, style in self.palette.status.items()
        }
        styles |= {level.value: style for level, style in self.palette.levels.items()}
        return styles.get(keys, "bold")
