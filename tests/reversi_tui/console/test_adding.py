"""The form for a new node, and other dialogs, by their keys."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Button, Input, TextArea

from checker.config.layout import Layout, home_layout
from checker.model import KeyType, NodeName
from reversi_tui.actions.new_node import NewNode
from reversi_tui.actions.node_changes import Changed, Changes
from reversi_tui.screens.adding import Adding
from reversi_tui.screens.output import Output
from reversi_tui.screens.picking import Choose
from tests.registry_samples import register
from tests.reversi_tui.console.small_app import Small, screen_text, shows, until
from tests.reversi_tui.console.states import forward

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((60, 15), id="60x15")]


@dataclass(slots=True)
class Asked:
    """An adder that writes down what was asked, and answers once `gate` is open."""

    answer: Changed | None = None
    wanted: list[NewNode] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def add(self, wanted: NewNode) -> Changed:
        self.wanted.append(wanted)
        self.gate.wait(150)
        return self.answer or Changed(
            node=wanted.name, done=True, sentence="added", files=(wanted.output,)
        )


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A home with the node `attic` on port 20000."""
    monkeypatch.chdir(tmp_path)
    made = home_layout(tmp_path / "home")
    register(made, [forward("attic", 20000)])
    return made


@asynccontextmanager
async def form(
    layout: Layout, asked: Asked, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The form, over an app with nothing in it."""
    app = Small()
    async with app.run_test(size=size) as pilot:
        _ = app.push_screen(Adding(Changes(layout=layout).form_check(), asked.add), app.keep)
        await shows(pilot, "New node")
        yield pilot
        asked.gate.set()


async def type_in(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text)


def button(pilot: Pilot[None]) -> Button:
    return pilot.app.screen.query_one("#add", Button)


async def test_no_cursor_blinks_as_that_would_be_bytes_on_the_link(layout: Layout) -> None:
    async with form(layout, Asked()) as pilot:
        fields = [*pilot.app.screen.query(Input), *pilot.app.screen.query(TextArea)]

        assert [one.id for one in fields if one.cursor_blink] == []
        assert len(fields) == 5


@pytest.mark.parametrize("size", SIZES)
async def test_a_node_is_added_with_keys_only(
    layout: Layout, tmp_path: Path, size: tuple[int, int]
) -> None:
    asked = Asked()
    asked.gate.set()

    async with form(layout, asked, size) as pilot:
        await type_in(pilot, "shed")
        await pilot.press("enter")
        await type_in(pilot, "x:22,http")
        await pilot.press("enter")
        await type_in(pilot, "30001=nas:80")
        await shows(pilot, "port 20001 -> x:22, expecting http")
        await shows(pilot, "port 30001 -> nas:80, expecting open (cannot detect a hang)")
        await pilot.press("tab", "tab")
        await shows(pilot, "[ ] RSA key")
        await pilot.press("space")
        await shows(pilot, "[x] RSA key")
        await pilot.press("tab")
        await type_in(pilot, "site-a, b")
        await pilot.press("enter")
        await type_in(pilot, "attic")
        await pilot.press("tab", "tab")
        assert pilot.app.focused is button(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app(pilot).answer, Changed))

    (wanted,) = asked.wanted
    assert (wanted.name, len(wanted.requests), wanted.output, wanted.key_type) == (
        "shed",
        2,
        tmp_path / "shed.toml",
        KeyType.RSA,
    )
    assert (wanted.tags, wanted.note) == (("b", "site-a"), "attic")


def app(pilot: Pilot[None]) -> Small:
    found = pilot.app
    assert isinstance(found, Small)
    return found


async def test_an_error_is_shown_below_its_field_while_it_is_typed(layout: Layout) -> None:
    async with form(layout, Asked()) as pilot:
        assert "name a node" not in screen_text(pilot.app), "nothing was typed yet"
        assert button(pilot).has_class("refused")
        await type_in(pilot, "attic")
        await shows(pilot, "node attic is registered already")
        lines = screen_text(pilot.app).split("\n")
        typed = next(
            number for number, line in enumerate(lines) if line.strip(" │").strip() == "attic"
        )
        below = lines[typed + 1 : typed + 3]
        assert "node attic is registered" in below["╰" in below[0]]
        await type_in(pilot, "2")
        await until(pilot, lambda: "registered already" not in screen_text(pilot.app))
        await pilot.press("tab")
        await type_in(pilot, "20000=x:1")
        await shows(pilot, "port 20000 belongs to node attic")
        assert button(pilot).has_class("refused")
        await pilot.press("home", "delete", "delete", "delete", "delete", "delete", "delete")
        await shows(pilot, "port 20001 -> x:1")
        await until(pilot, lambda: not button(pilot).has_class("refused"))


async def test_the_message_about_an_attempt_goes_with_the_next_key(layout: Layout) -> None:
    async with form(layout, Asked()) as pilot:
        await shows(pilot, "127.0.0.1:22,banner:SSH-2.0")
        await type_in(pilot, "shed")
        await pilot.press("ctrl+s")
        await shows(pilot, "not added: see the errors below forwards")
        await pilot.press("tab", "x")
        await until(pilot, lambda: "not added" not in screen_text(pilot.app))


async def test_nothing_is_added_while_an_error_stands(layout: Layout) -> None:
    asked = Asked()

    async with form(layout, asked) as pilot:
        await type_in(pilot, "shed")
        await pilot.press("ctrl+s")
        await shows(pilot, "a node needs a forward")
        await pilot.click("#add")
        await shows(pilot, "not added: see the errors below forwards")

    assert asked.wanted == []


async def test_markup_and_control_characters_are_text(layout: Layout) -> None:
    async with form(layout, Asked()) as pilot:
        pilot.app.screen.query_one("#name", Input).value = "[red]x[/nosuch]\x1b[2J"
        await shows(pilot, r"'[red]x[/nosuch]\x1b[2J' can")
        pilot.app.screen.query_one("#forwards", TextArea).text = "[bold]:1,banner:[/]"
        await shows(pilot, "line 1: target '[bold]:1' is not HOST:PORT")


async def test_a_failure_leaves_what_was_typed(layout: Layout, tmp_path: Path) -> None:
    asked = Asked(answer=Changed(node=NodeName("shed"), done=False, sentence="[no] room is left"))

    async with form(layout, asked) as pilot:
        await type_in(pilot, "shed")
        pilot.app.screen.query_one("#forwards", TextArea).text = "x:1"
        pilot.app.screen.query_one("#output", Input).value = str(tmp_path / "shed.sh")
        await until(pilot, lambda: not button(pilot).has_class("refused"))
        await pilot.press("ctrl+s")
        await shows(pilot, "adding shed ...")
        await pilot.press("escape", "ctrl+s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Adding), "its outcome would not be seen"
        asked.gate.set()
        await shows(pilot, "not added: [no] room is left")
        assert pilot.app.screen.query_one("#name", Input).value == "shed"
        await pilot.press("escape")
        await until(pilot, lambda: app(pilot).answer is None)

    assert [wanted.output for wanted in asked.wanted] == [tmp_path / "shed.sh"]


def is_in_sight(widget: Widget | None) -> bool:
    return (
        widget is not None
        and widget.region.height > 0
        and widget.screen.region.contains_region(widget.region)
    )


async def test_every_field_can_be_seen_in_a_small_terminal(layout: Layout) -> None:
    async with form(layout, Asked(), (60, 15)) as pilot:
        seen = set()
        for _ in range(8):
            focused = pilot.app.focused
            assert focused is not None
            await until(pilot, partial(is_in_sight, pilot.app.focused))
            seen.add(focused.id)
            assert "Cancel (esc)" in screen_text(pilot.app)
            await pilot.press("tab")

    assert {"name", "forwards", "output", "rsa", "tags", "note", "leave"} <= seen


async def test_resizing_keeps_the_form(layout: Layout) -> None:
    async with form(layout, Asked()) as pilot:
        pilot.app.screen.query_one("#name", Input).value = "attic"
        await pilot.resize_terminal(60, 15)
        await shows(pilot, "node attic is registered already")
        await pilot.resize_terminal(200, 50)
        await shows(pilot, "node attic is registered already")
        assert pilot.app.screen.query_one("#name", Input).value == "attic"


CHOICES = (("a", "ping [x]"), ("b", "trace"), ("c", "top"), ("d", "Tail"))


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        pytest.param(("enter",), "b", id="where the cursor begins"),
        pytest.param(("down", "enter"), "c", id="arrow"),
        pytest.param(("t", "enter"), "c", id="a letter goes on"),
        pytest.param(("t", "t", "enter"), "d", id="twice, in capitals"),
        pytest.param(("t", "t", "t", "enter"), "b", id="around"),
        pytest.param(("p", "enter"), "a", id="upwards"),
        pytest.param(("z", "enter"), "b", id="a letter of none"),
        pytest.param(("down", "escape"), None, id="nothing"),
    ],
)
async def test_one_of_a_list_is_chosen(keys: tuple[str, ...], chosen: str | None) -> None:
    app = Small()

    async with app.run_test(size=(60, 15)) as pilot:
        _ = app.push_screen(Choose("Which?", CHOICES, chosen="b"), app.keep)
        await shows(pilot, "ping [x]")
        await pilot.press(*keys)
        await until(pilot, lambda: app.answer != "none yet")

    assert app.answer == chosen


async def test_a_long_list_fits_a_small_terminal_and_an_empty_one_can_be_left() -> None:
    app = Small()

    async with app.run_test(size=(60, 15)) as pilot:
        _ = app.push_screen(
            Choose("Which?", [(str(n), f"choice {n}") for n in range(40)]), app.keep
        )
        await shows(pilot, "esc close")
        await pilot.press("end")
        await shows(pilot, "choice 39")
        await pilot.press("escape")
        _ = app.push_screen(Choose("Which?", []), app.keep)
        await shows(pilot, "Which?")
        await pilot.press("x", "enter", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_output_is_shown_as_text_and_scrolls() -> None:
    app = Small()

    async with app.run_test(size=(60, 15)) as pilot:
        _ = app.push_screen(
            Output(
                "ping office: ping ended with exit status 0",
                "\n".join(["[red]first[/x]", *map(str, range(50)), "last"]),
            )
        )
        await shows(pilot, "[red]first[/x]")
        await shows(pilot, "ping ended with exit status 0")
        await pilot.press("end")
        await shows(pilot, "last")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
