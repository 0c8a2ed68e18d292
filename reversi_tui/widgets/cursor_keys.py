"""The keys that move a cursor through a list, or scroll a text.

They have the same ids everywhere, so that the operator's own keys hold for all lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.binding import Binding, BindingType
from textual.geometry import Size

KEYS = {
    "table.up": ("up", "One {} up"),
    "table.down": ("down", "One {} down"),
    "table.page_up": ("pageup", "One page up"),
    "table.page_down": ("pagedown", "One page down"),
    "table.half_up": ("shift+pageup", "Half a page up"),
    "table.half_down": ("shift+pagedown", "Half a page down"),
    "table.first": ("home", "The first {}"),
    "table.last": ("end", "The last {}"),
}
"""Keys and what they do, by id."""
CURSOR_CALLS = {
    "table.up": "move(-1)",
    "table.down": "move(1)",
    "table.page_up": "page(-1)",
    "table.page_down": "page(1)",
    "table.half_up": "half(-1)",
    "table.half_down": "half(1)",
}
SCROLL_CALLS = {
    "table.up": "scroll_up",
    "table.down": "scroll_down",
    "table.page_up": "page_up",
    "table.page_down": "page_down",
    "table.half_up": "half(-1)",
    "table.half_down": "half(1)",
    "table.first": "scroll_home",
    "table.last": "scroll_end",
}
"""What Textual's widgets call for these keys, and HalfPages.

Source: textual/containers.py, ScrollableContainer.BINDINGS.
"""
CHOICE_CALLS = {
    **SCROLL_CALLS,
    "table.up": "cursor_up",
    "table.down": "cursor_down",
    "table.first": "first",
    "table.last": "last",
}
"""Source: textual/widgets/_option_list.py, OptionList.BINDINGS."""


def cursor_keys(thing: str, calls: Mapping[str, str] = CURSOR_CALLS) -> list[BindingType]:
    """The keys for one `thing`, as a row, for a page and for half a page, up and down."""
    return [
        Binding(
            KEYS[name][0],
            call,
            name.partition(".")[2].replace("_", " ").capitalize(),
            id=name,
            tooltip=KEYS[name][1].format(thing),
            show=False,
        )
        for name, call in calls.items()
    ]


class HalfPages:
    """Moves the cursor of a list by half of what is in sight; the last base of a widget."""

    @property
    def size(self) -> Size:
        raise NotImplementedError

    def action_move(self, step: int) -> None:
        raise NotImplementedError

    def action_half(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height // 2))
