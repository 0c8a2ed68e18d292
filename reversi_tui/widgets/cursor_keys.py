"""The keys that move a cursor through a list.

They have the same ids everywhere, so that the operator's own keys hold for all lists.
"""

from __future__ import annotations

from textual.binding import Binding, BindingType


def cursor_keys(thing: str) -> list[BindingType]:
    """The keys for one `thing`, as a row, and for one page, up and down."""
    return [
        Binding("up", "move(-1)", "Up", id="table.up", tooltip=f"One {thing} up", show=False),
        Binding(
            "down", "move(1)", "Down", id="table.down", tooltip=f"One {thing} down", show=False
        ),
        Binding(
            "pageup", "page(-1)", "Page up", id="table.page_up", tooltip="One page up", show=False
        ),
        Binding(
            "pagedown",
            "page(1)",
            "Page down",
            id="table.page_down",
            tooltip="One page down",
            show=False,
        ),
    ]
