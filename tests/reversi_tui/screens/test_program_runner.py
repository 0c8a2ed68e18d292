"""Shells and the operator's own commands: each is logged before it starts, and always runs."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from checker.control.client import Control, operator_name
from checker.model import EventKind, NodeName, Port, Status
from checker.state.rows import Batch
from checker.state.store import open_reader
from reversi_tui.app import Console
from reversi_tui.screens.output import Output
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.console.screen import log, running, shows, until
from tests.reversi_tui.console.states import (
    FakeActs,
    console,
    demo_home,
    dependencies,
    open_acts,
    tunnel,
    write,
)

ATTIC, BARN = NodeName("attic"), NodeName("barn")
UNLOGGED = "the state file cannot be written"


def marks(folder: Path) -> list[str]:
    """What `touching` left."""
    return [path.name for path in folder.glob("ran-*")]


def touching(mark: Path, *, terminal: bool = False) -> Command:
    """A command that leaves a file behind."""
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    argv = (sys.executable, "-c", code, f"{mark}-{{node}}")
    return Command(
        name="touch", key="f5", title="Touch", argv=argv, dangerous=False, terminal=terminal
    )


@dataclass(slots=True)
class WatchedActs(FakeActs):
    """Remembers whether the program had run when it was logged."""

    mark: Path = Path()
    ran_before: bool | None = None

    def record(self, kind: EventKind, text: str, *, node: NodeName, port: Port | None) -> str:
        self.ran_before = Path(f"{self.mark}-{node}").exists()
        # a slotted dataclass is another class than the one that super() knows here
        return FakeActs.record(self, kind, text, node=node, port=port)


async def test_a_shell_is_logged_with_its_command_line(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: "elsewhere, run: ssh -p 20010" in log(app))

    ((kind, node, port, text),) = acts.recorded
    assert (kind, node, port) == (EventKind.SHELL, ATTIC, 20010)
    assert text.startswith("ssh -p 20010 ")
    assert text.endswith("-- attic")


async def test_without_a_daemon_the_event_goes_to_the_state_file(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = Console(replace(dependencies(layout), acts=Control(layout=layout)))

    async with running(app) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: "elsewhere, run: ssh" in log(app))

    with closing(open_reader(layout.state)) as reader:
        event = reader.events(node=ATTIC)[-1]
    assert (event.kind, event.port, event.actor) == (EventKind.SHELL, 20010, operator_name())
    assert "in the gateway's log" not in log(app)


async def test_a_shell_that_is_refused_is_not_logged(tmp_path: Path) -> None:
    acts, layout = open_acts(), demo_home(tmp_path)
    write(layout, Batch(tunnels=[tunnel("attic", 20010, Status.FOREIGN, pid=None)]))
    app = console(layout, acts)

    async with running(app) as pilot:
        await pilot.press("s")
        await shows(pilot, "not the node's tunnel")

    assert not acts.recorded


async def test_a_command_is_logged_for_each_row_before_it_starts(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    acts = WatchedActs(mark=mark)
    app = console(demo_home(tmp_path / "home"), acts, commands=(touching(mark),))

    async with running(app) as pilot:
        await pilot.press("space", "space", "f5")
        await until(pilot, lambda: log(app).count("ended with exit status 0") == 2)

    assert {(kind, node, text.split()[-1]) for kind, node, _, text in acts.recorded} == {
        (EventKind.COMMAND, ATTIC, f"{mark}-attic"),
        (EventKind.COMMAND, BARN, f"{mark}-barn"),
    }
    assert len(acts.recorded) == 2
    assert acts.ran_before is False


async def test_a_command_on_the_terminal_is_logged(tmp_path: Path) -> None:
    acts = open_acts()
    command = touching(tmp_path / "ran", terminal=True)
    app = console(demo_home(tmp_path / "home"), acts, commands=(command,))

    async with running(app) as pilot:
        await pilot.press("f5")
        await until(pilot, lambda: "elsewhere, run:" in log(app))

    assert [kind for kind, _, _, _ in acts.recorded] == [EventKind.COMMAND]


async def test_what_cannot_be_logged_runs_all_the_same_and_is_said_once(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    acts = FakeActs(unlogged=UNLOGGED)
    app = console(demo_home(tmp_path / "home"), acts, commands=(touching(mark),))

    async with running(app) as pilot:
        for _ in range(2):
            await pilot.press("f5")
            await pilot.pause()
        await until(pilot, lambda: log(app).count("ended with exit status 0") == 2)
        assert not isinstance(app.screen, Output)

    assert marks(tmp_path) == ["ran-attic"]
    assert log(app).count(UNLOGGED) == 1


async def test_a_port_that_is_not_known_is_not_filled_in(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    (layout.nodes / "attic.toml").write_text("forwards = 5\n", encoding="utf-8")
    acts = open_acts()
    command = Command(
        name="say", key="f5", title="Say", argv=("echo", "at:{port}"), dangerous=False
    )
    app = console(layout, acts, commands=(command,))

    async with running(app) as pilot:
        await pilot.press("home", "f5")
        await until(pilot, lambda: "the port is unknown" in log(app))

    assert not acts.recorded
