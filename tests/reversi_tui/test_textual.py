"""The private parts of Textual that the console uses, and the faults that it works around.

A failure here means that Textual changed: adapt the console, or delete the workaround.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.drivers import linux_driver
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widgets import OptionList

from reversi_tui.app import Console
from reversi_tui.screens.picking import Options
from reversi_tui.screens.steady import Steady
from reversi_tui.terminal import driver
from reversi_tui.widgets.scrolled import Scrolled


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        pytest.param(driver.Driver, linux_driver.LinuxDriver, "_run_input_thread", id="input"),
        pytest.param(driver.Driver, linux_driver.LinuxDriver, "run_input_thread", id="keys"),
        pytest.param(Console, App, "_handle_exception", id="an uncaught exception"),
        pytest.param(Console, App, "_print_error_renderables", id="its traceback"),
        pytest.param(Scrolled, ScrollView, "_scroll_update", id="the scroll bar"),
        pytest.param(Steady, Screen, "_screen_resized", id="the size of a screen"),
        pytest.param(Steady, Screen, "_compositor_refresh", id="a paint"),
        pytest.param(Steady, Screen, "_on_timer_update", id="a turn of layout and paint"),
    ],
)
def test_private_methods_that_we_override_take_the_same_arguments(
    ours: type, theirs: type, name: str
) -> None:
    def parameters(owner: type) -> list[str]:
        return list(inspect.signature(getattr(owner, name)).parameters)

    assert ours.__dict__[name]
    assert len(parameters(ours)) == len(parameters(theirs))


def test_private_attributes_that_we_use_are_there() -> None:
    app: App[None] = App()
    screen = Screen[None]()

    assert app._driver is None
    assert app._exit_renderables == []
    assert screen._dirty_widgets == set()
    assert screen._compositor._dirty_regions == set()
    assert dict(screen._compositor.visible_widgets) == {}
    assert not screen._layout_required
    assert not screen._repaint_required
    assert list(screen._exchange_repaint_regions()) == []


def test_the_driver_starts_the_method_that_we_override() -> None:
    start = inspect.getsource(linux_driver.LinuxDriver.start_application_mode)

    assert "target=self._run_input_thread" in start


def test_textual_still_wakes_ten_times_a_second_and_decodes_strictly() -> None:
    """Else delete our `run_input_thread`: https://github.com/Textualize/textual/issues/6456."""
    source = inspect.getsource(linux_driver.LinuxDriver.run_input_thread)

    assert "selector.select(0.1)" in source
    assert 'getincrementaldecoder("utf-8")().decode' in source


def test_the_driver_ends_the_input_as_we_expect() -> None:
    end = inspect.getsource(linux_driver.LinuxDriver.disable_input)

    for step in ("exit_event.set()", "_key_thread.join()", "exit_event.clear()"):
        assert step in end


def test_textual_still_fails_at_the_number_of_no_character() -> None:
    """Else the driver need not catch ValueError and OverflowError."""
    with pytest.raises((ValueError, OverflowError)):
        list(XTermParser().feed("\x1b[99999999u"))


class Listing(App[None]):
    """A list without room."""

    CSS = "OptionList { height: 0; border: none; padding: 0; }"

    def __init__(self, kind: type[OptionList]) -> None:
        super().__init__()
        self.kind = kind

    def compose(self) -> ComposeResult:
        yield self.kind("one", "two")


async def turn_the_page(kind: type[OptionList]) -> None:
    app = Listing(kind)
    async with app.run_test(size=(20, 2)) as pilot:
        listing: Any = app.query_one(kind)
        listing.highlighted = 0
        await pilot.pause()
        listing.action_page_down()
        listing.action_page_up()


async def test_textual_still_fails_to_turn_the_page_of_a_list_without_room() -> None:
    """Else delete the two overrides in `Options`."""
    with pytest.raises(KeyError):
        await turn_the_page(OptionList)

    await turn_the_page(Options)
