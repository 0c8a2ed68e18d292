"""Devices that wait to be accepted: their rows, and the key that makes nodes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.model import Applicant, NodeName
from checker.registry.enrolments import read_enrolment, write_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.rows.row import NO_PORT
from checker.state.rows import Batch
from checker.state.store import read_applicants
from reversi_tui.app import Console
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import Detail
from tests.enrolled import applicant, enrolment
from tests.reversi_tui.console.pty_console import terminal
from tests.reversi_tui.console.screen import log, nodes, running, shows, until
from tests.reversi_tui.console.states import FORWARDS, NOW, console, demo_home, open_acts, write

CAM = applicant(
    1, name=NodeName("cam-1"), said="Cam 1", first_at=NOW - 600, last_at=NOW - 60, peer="192.0.2.7"
)
MAST = applicant(2, name=NodeName("mast"), said="mast", first_at=NOW - 60, last_at=NOW)
CAM_KEY = (CAM.name, NO_PORT)
ALL = len(FORWARDS) + 2


def asked(home: Path, *applicants: Applicant) -> Layout:
    """A home where these devices wait; they came by the enrolment `field`."""
    layout = demo_home(home)
    with locked(layout):
        write_enrolment(layout, enrolment())
    write(layout, Batch(applicants=applicants or (CAM, MAST)))
    return layout


def said_no_fault(app: Console) -> bool:
    return not {"cam-1", "mast"}.intersection(node for node, _ in app.main.attention.faults.now)


async def test_devices_that_wait_are_rows_and_counted_but_no_faults(tmp_path: Path) -> None:
    app = console(asked(tmp_path))

    async with running(app, size=(160, 30), count=ALL) as pilot:
        await shows(pilot, "7 forwards")
        await shows(pilot, "+ 2 pending")
        await shows(pilot, "cam-1 enrolment field + pending")
        await shows(pilot, CAM.fingerprint[:20])
        assert said_no_fault(app)

        await pilot.press("f")
        await until(pilot, lambda: "cam-1" not in nodes(app))
        await pilot.press("f", "slash", *"is:pending", "enter")
        await until(pilot, lambda: nodes(app) == ["cam-1", "mast"])
        await pilot.press("slash", *["backspace"] * 10, *"tag:field", "enter")
        await until(pilot, lambda: nodes(app) == ["cam-1", "mast"])


async def test_nothing_is_counted_if_nobody_waits(tmp_path: Path) -> None:
    layout = asked(tmp_path, replace(CAM, is_rejected=True))
    app = console(layout)

    async with running(app) as pilot:
        await shows(pilot, "7 forwards")
        assert "pending" not in str(app.main.query_one("#counts").render())


async def test_the_sheet_shows_what_the_device_sent(tmp_path: Path) -> None:
    app = console(asked(tmp_path), filter_text="cam")

    async with running(app, count=ALL) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Detail))
        for words in (
            "status + pending: it asks to become a node",
            "sh reversi-field.sh status",
            "device calls itself Cam 1",
            f"key {CAM.fingerprint} (ED25519)",
            "peer 192.0.2.7",
            "enrolment field",
            "tags field",
            "(10m ago)",
        ):
            await shows(pilot, words)


async def test_plus_accepts_after_a_question_that_shows_the_fingerprint(tmp_path: Path) -> None:
    layout = asked(tmp_path)
    app = console(layout, filter_text="cam")

    async with running(app, count=ALL) as pilot:
        await pilot.press("plus")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "Accept this device?")
        await shows(pilot, f"cam-1 {CAM.fingerprint} from 192.0.2.7, calls itself Cam 1")
        await pilot.press("n")
        await shows(pilot, "cam-1: accept cancelled")
        assert "cam-1" not in read_registry(layout.nodes).nodes

        await pilot.press("plus")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "cam-1: port 20000 -> 127.0.0.1:22" in log(app))
        await until(pilot, lambda: ("cam-1", 20000) in app.main.view.rows)
        await until(pilot, lambda: len(app.main.view.rows) == ALL)
        assert app.main.table.cursor == ("cam-1", 20000)
        await shows(pilot, "cam-1: port 20000 -> 127.0.0.1:22")

    node = read_registry(layout.nodes).node("cam-1")
    assert (node.public_key, node.tags) == (CAM.public_key, ("field",))
    assert read_enrolment(layout, "field").accepted == (CAM.fingerprint,)


async def test_marked_devices_are_accepted_together_and_for_many_the_count_is_typed(
    tmp_path: Path,
) -> None:
    layout = asked(tmp_path)
    app = console(layout, confirm_over=1)

    async with running(app, count=ALL) as pilot:
        await pilot.press("a", "plus")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "Accept these 2 devices?")
        for one in (CAM, MAST):
            await shows(pilot, one.fingerprint)
        await pilot.press("2", "enter", "enter")
        await until(pilot, lambda: "2 of 2 devices accepted" in log(app))

    assert {"cam-1", "mast"} <= read_registry(layout.nodes).nodes.keys()


async def test_a_device_that_changed_meanwhile_is_not_accepted(tmp_path: Path) -> None:
    layout = asked(tmp_path)
    app = console(layout, filter_text="cam")

    async with running(app, count=ALL) as pilot:
        await pilot.press("plus")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        other = replace(applicant(3), name=CAM.name)
        write(layout, Batch(applicants=(other,), dropped=(CAM.fingerprint,)))
        await until(pilot, lambda: app.main.view.rows[CAM_KEY].applicant == other)
        await pilot.press("y")
        await until(pilot, lambda: "cam-1: not accepted: it no longer waits" in log(app))

    assert "cam-1" not in read_registry(layout.nodes).nodes


async def test_the_next_device_is_selected_if_the_accepted_one_is_hidden(tmp_path: Path) -> None:
    app = console(asked(tmp_path), filter_text="is:pending")

    async with running(app, count=ALL) as pilot:
        await pilot.press("plus")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: nodes(app) == ["mast"])
        await until(pilot, lambda: app.main.table.cursor == (MAST.name, NO_PORT))


async def test_the_palette_rejects(tmp_path: Path) -> None:
    layout = asked(tmp_path)
    app = console(layout, filter_text="mast")

    async with running(app, count=ALL) as pilot:
        await pilot.press("colon", *"reject")
        await shows(pilot, "Reject the device that asks to become a node")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "Reject this device?")
        await pilot.press("y")
        await until(pilot, lambda: "mast: rejected" in log(app))
        await until(pilot, lambda: nodes(app) == [])

    assert [one.name for one in read_applicants(layout.state) if one.is_rejected] == ["mast"]


async def test_keys_for_nodes_say_that_the_device_is_not_accepted_yet(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(asked(tmp_path), acts, filter_text="cam")

    async with running(app, count=ALL) as pilot:
        for key in ("k", "r", "p", "d", "e", "s", "y", "b", "T", "N", "M", "x"):
            app.main.say("")
            await pilot.press(key)
            await shows(pilot, "cam-1: not accepted yet; + accepts it")
        assert acts.done == []


async def test_deeds_on_all_rows_leave_those_that_wait_out(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(asked(tmp_path), acts)

    async with running(app, count=ALL) as pilot:
        await pilot.press("a", "p")
        await shows(pilot, f"Probe these {len(FORWARDS)} forwards?")
        await pilot.press(*str(len(FORWARDS)), "enter")
        await until(pilot, lambda: len(acts.done) == len(FORWARDS))
        assert not {"cam-1", "mast"}.intersection(aim.node for _, aim in acts.done)


async def test_plus_on_a_node_says_how_to_find_the_devices(tmp_path: Path) -> None:
    app = console(asked(tmp_path), filter_text="attic")

    async with running(app, count=ALL) as pilot:
        await pilot.press("plus")
        await shows(pilot, "the filter is:pending shows those that do")


async def test_a_read_only_console_accepts_nobody(tmp_path: Path) -> None:
    app = console(asked(tmp_path), open_acts(read_only=True), filter_text="cam")

    async with running(app, count=ALL) as pilot:
        await pilot.press("plus")
        await shows(pilot, "this console is read-only: + (accept) is off")


async def test_a_key_for_reject_may_be_set(tmp_path: Path) -> None:
    app = console(asked(tmp_path), filter_text="mast", keys=(("act.reject", "f8"),))

    async with running(app, count=ALL) as pilot:
        await pilot.press("f8")
        await shows(pilot, "Reject this device?")
        await shows(pilot, "node accept NAME@FINGERPRINT")


def test_the_plus_of_a_real_terminal_accepts(tmp_path: Path) -> None:
    layout = asked(tmp_path)

    with terminal(tmp_path, "--no-remember", "--filter", "cam", size=(110, 24)) as opened:
        opened.until(b"+ pending")
        opened.press(b"+")
        opened.until(CAM.fingerprint.encode())
        opened.until(b"Yes, accept (y)")
        opened.press(b"y")
        opened.until(b"cam-1: port 20000 -> 127.0.0.1:22")
        opened.press(b"\x03")
        assert opened.ended() == 0

    assert read_registry(layout.nodes).node("cam-1").public_key == CAM.public_key
