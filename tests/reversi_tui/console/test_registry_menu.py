"""The registry menu by keys: each act asks with the command line's own dry run."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from checker.cli.main import run
from checker.config.layout import Layout
from checker.model import NodeName
from checker.registry.reading import read_registry
from reversi_tui.app import Console
from tests.reversi_tui.console.screen import nodes, running, shows, text, until
from tests.reversi_tui.console.states import console, demo_home, open_acts
from tests.strategies import public_key

CELLAR = NodeName("cellar")
MENU = ("down", "down", "m")
"""Keys that open the menu of the node `cellar`."""


def home_with_address(path: Path) -> Layout:
    layout = demo_home(path)
    layout.config.write_text('gateway = ["gw.example.org:22"]\n')
    return layout


def dry_run(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> list[str]:
    """What the command line would do."""
    capsys.readouterr()
    run(["--home", str(home), *words, "--dry-run"])
    return capsys.readouterr().out.splitlines()


async def asks(pilot: Pilot[None], expected: list[str]) -> None:
    """Wait until the question has these lines, wherever its edge breaks them."""
    app = pilot.app
    assert isinstance(app, Console)
    wanted = "".join("".join(expected).split())
    await until(pilot, lambda: wanted in "".join(text(app).replace("│", "").split()))


async def test_a_node_is_renamed_after_the_dry_runs_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = demo_home(tmp_path)
    expected = dry_run(capsys, tmp_path, "node", "rename", "cellar", "vault")
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press(*MENU, "down", "enter")
        await shows(pilot, "New name")
        await pilot.press(*"attic")
        await shows(pilot, "attic")
        assert "registered" in text(app) or "taken" in text(app) or "already" in text(app)
        await pilot.press(*("backspace",) * 5, *"vault", "enter")
        await shows(pilot, "Rename: cellar?")
        await asks(pilot, expected)
        await pilot.press("enter")
        assert CELLAR in read_registry(layout.nodes).nodes, "Cancel had the focus"
        await pilot.press("m", "down", "enter", *"vault", "enter", "y")
        await until(pilot, lambda: NodeName("vault") in read_registry(layout.nodes).nodes)
        await shows(pilot, "vault: renamed from ")
        await until(pilot, lambda: app.main.table.cursor == (NodeName("vault"), 20012))


async def test_a_forward_and_the_labels_of_its_node_are_set_in_one_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = demo_home(tmp_path)
    words = ("node", "set", "cellar", "--forward", "20012", "--target", "10.0.0.9:22")
    expected = dry_run(capsys, tmp_path, *words, "--note", "cold")
    app = console(layout)

    async with running(app, (100, 24)) as pilot:
        await pilot.press(*MENU, "enter")
        await pilot.press(*"10.0.0.9", "enter")
        await shows(pilot, "is not HOST:PORT")
        await pilot.press("up", "end", *":22", *("down",) * 6, *"cold", "enter")
        await shows(pilot, "Set: cellar?")
        await asks(pilot, expected)
        await pilot.press("y")
        await shows(pilot, "cellar: note: cold; target ")

    cellar = read_registry(layout.nodes).node(CELLAR)
    assert (str(cellar.forwards[0].target), cellar.note) == ("10.0.0.9:22", "cold")


async def test_a_new_key_comes_with_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout = home_with_address(tmp_path / "home")
    layout.host_key.with_suffix(".pub").write_text(f"{public_key(9)} gateway\n")
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press(*MENU, "down", "down", "enter")
        await shows(pilot, "a new key waits; the present one stays")
        await pilot.press("ctrl+s")
        await shows(pilot, "New key: cellar?")
        await pilot.press("y")
        await shows(pilot, "cellar: a new key waits")
        await until(pilot, (tmp_path / "cellar.sh").exists)

    assert read_registry(layout.nodes).node(CELLAR).next_key
    assert (tmp_path / "cellar.sh").stat().st_mode & 0o077 == 0


async def test_a_node_is_removed_only_after_what_goes_with_it_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = demo_home(tmp_path)
    expected = dry_run(capsys, tmp_path, "node", "remove", "attic")
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("m", "end", "enter")
        await shows(pilot, "Type 1 or up to continue")
        await asks(pilot, expected)
        await pilot.press("escape")
        await shows(pilot, "attic: remove cancelled")
        await pilot.press("m", "end", "enter", *"up", "enter")
        await shows(pilot, "attic: removed")
        await until(pilot, lambda: "attic" not in nodes(app))
        assert "no row is selected" not in text(app)

    assert NodeName("attic") not in read_registry(layout.nodes).nodes


async def test_a_publication_shows_the_file_that_haproxy_gets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = demo_home(tmp_path)
    expected = dry_run(capsys, tmp_path, "publish", "cellar:20012", "--port", "20999")
    app = console(layout)

    async with running(app, (120, 50)) as pilot:
        await pilot.press(*MENU, "p", "enter", *"20999", "ctrl+s")
        await shows(pilot, "Publish: cellar?")
        await asks(pilot, expected)


async def test_an_expiry_is_checked_while_it_is_typed(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press(*MENU, "e", "enter", *"2031-12-3")
        await shows(pilot, "is not a day")
        await pilot.press("1")
        await shows(pilot, "would change cellar: its key expires on 2031-12-31")
        await pilot.press("enter", "y")
        await until(pilot, lambda: read_registry(layout.nodes).node(CELLAR).expires == "2031-12-31")


async def test_a_read_only_console_says_that_the_menu_is_off(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), open_acts(read_only=True))

    async with running(app) as pilot:
        await pilot.press("m")
        await shows(pilot, "this console is read-only: m (registry) is off")
