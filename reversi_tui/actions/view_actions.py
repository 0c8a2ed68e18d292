"""Part of the table of actions: views, counts, files, order, colours and jumps. Pure."""

from __future__ import annotations

from reversi_tui.actions.action import Action
from reversi_tui.settings.views import NamedView, summary

VIEW_ACTIONS = (
    Action(
        id="view.save",
        key="V",
        title="Save view",
        tip="Save what is shown as a named view, with a digit for its key",
    ),
    Action(
        id="view.counts",
        key="number_sign",
        title="Counts",
        tip="Count the rows by tag or by any other column; enter filters",
    ),
    Action(
        id="view.follow",
        key="F",
        title="Follow",
        tip="Show the targets of the last kill or reset, and when each is up again",
    ),
    Action(
        id="view.write",
        key="W",
        title="Write",
        tip="Write the rows shown to a file: csv, json, md or svg",
    ),
    Action(
        id="view.copy",
        key="Y",
        title="Copy rows",
        tip="Copy the marked rows, or all rows shown, as a table in Markdown",
    ),
    Action(
        id="view.theme",
        key="t",
        title="Theme",
        tip="Choose the colours: the terminal's own, dark, light, none",
    ),
    Action(
        id="view.sort_next",
        key="greater_than_sign",
        title="Sort by next",
        tip="Sort by the next column",
    ),
    Action(
        id="view.sort_back",
        key="less_than_sign",
        title="Sort by previous",
        tip="Sort by the previous column",
    ),
    Action(
        id="view.reverse",
        key="O",
        title="Reverse",
        tip="Reverse the order",
    ),
    Action(
        id="find.jump",
        key="j",
        title="Jump",
        shown=True,
        tip="Jump to a node by typing its name",
    ),
    Action(
        id="find.next",
        key="",
        title="Next match",
        tip="Jump on: the next row whose node has what was jumped to last",
    ),
    Action(
        id="find.previous",
        key="",
        title="Previous match",
        tip="Jump back: the previous row whose node has what was jumped to last",
    ),
    Action(
        id="find.news",
        key="i",
        title="News",
        tip="Go to what the last news is about: new faults, or what a colleague did",
    ),
)


def of_view(view: NamedView) -> Action:
    """The action that shows a named view."""
    return Action(
        id=f"views.{view.name}", key=view.key, title=f"View {view.name}", tip=summary(view)
    )
