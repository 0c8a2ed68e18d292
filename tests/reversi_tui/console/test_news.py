"""News in the console: said as it comes, and a key goes there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checker.config.layout import home_layout
from checker.model import Event, EventKind, NodeName, Port, Status
from checker.state.rows import Batch
from tests.registry_samples import register
from tests.reversi_tui.console.screen import log, nodes, running, shows, text, until
from tests.reversi_tui.console.states import (
    NOW,
    console,
    demo_home,
    forward,
    sweep,
    tunnel,
    write,
)


async def test_what_a_colleague_does_is_said_and_a_key_goes_there(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)
    kill = Event(
        at=NOW,
        kind=EventKind.KILL,
        text="killed sshd 4001",
        node=NodeName("barn"),
        port=Port(20011),
        actor="op2",
    )

    async with running(app) as pilot:
        await pilot.press("i")
        await shows(pilot, "no news since this console began")
        write(layout, Batch(events=(kill,)))
        await shows(pilot, "op2 killed barn 20011; i shows it")
        await pilot.press("i")
        assert app.main.table.cursor == (NodeName("barn"), Port(20011))

    assert "op2 killed barn 20011" in log(app)


async def test_faults_of_one_site_are_one_line_and_a_key_shows_only_them(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    seen = [
        replace(tunnel(f"gate-{at}", 20010 + at), peer=f"203.0.113.{at}:40022")
        for at in range(1, 6)
    ]
    seen[4] = tunnel("gate-11", 20015)  # its name has one of the others in it
    register(layout, [forward(one.node, one.port) for one in seen])
    write(layout, Batch(tunnels=tuple(seen), sweep=sweep()))
    app = console(layout)

    async with running(app, count=5) as pilot:
        down = [
            tunnel(one.node, one.port, Status.DOWN, pid=None, detail="nobody listens")
            for one in seen[:4]
        ]
        write(layout, Batch(tunnels=tuple(down)))
        await shows(pilot, "+4 down, all from 203.0.113.0/24; i shows it")
        await pilot.press("i")
        await until(pilot, lambda: nodes(app) == [one.node for one in down])


async def test_what_this_console_did_itself_is_not_news(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("k", *"up", "enter")
        await shows(pilot, "attic port 20010: sshd 4000 ended")
        write(layout, Batch(tunnels=(tunnel("attic", 20010, Status.DOWN, pid=None),)))
        await until(
            pilot,
            lambda: app.main.view.rows[NodeName("attic"), Port(20010)].seen.status is Status.DOWN,
        )
        assert "+1 down" not in text(app)
