"""The verbs `node list`, `show` and `remove`."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import OPEN, NodeName, Port, ProcessId, Registration, Unregistered
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.checker.cli.homes import Run
from tests.strategies import public_key


def test_nodes_are_listed_and_shown(checker: Run, office: Layout) -> None:
    listed = json.loads(checker("node", "list", "--json")[1])
    shown = json.loads(checker("node", "show", "office", "--json")[1])

    expected: dict[str, Any] = {
        "name": "office",
        "calls_itself": None,
        "tags": [],
        "note": None,
        "public_key": public_key(),
        "next_key": None,
        "next_key_at": None,
        "key_kept": False,
        "added_at": 1_700_000_000,
        "enabled": True,
        "expires": None,
        "probe_beating_every_s": None,
        "forwards": [
            {
                "port": 20010,
                "next_port": None,
                "next_port_at": None,
                "leaves_at": None,
                "target": "127.0.0.1:22",
                "expect": "open",
                "deadline_s": None,
                "public": False,
                "published": [],
                "host_key": None,
            }
        ],
    }
    assert listed == {"schema": 1, "nodes": [expected], "unregistered": [], "broken": []}
    assert shown == {"schema": 1, "node": {**expected, "client": None, "pins": []}}
    assert (
        checker("node", "list")[1]
        == "NODE    PORT   TARGET        EXPECT  KEY\noffice  20010  127.0.0.1:22  open    valid\n"
    )
    assert (
        "forward   20010 -> 127.0.0.1:22, expecting open\n" in checker("node", "show", "office")[1]
    )


def test_a_node_is_shown_with_the_client_of_its_newest_connection(
    checker: Run, office: Layout
) -> None:
    made = [
        Registration(
            node=NodeName(name),
            instance="i",
            session=ProcessId(pid=9, start_ticks=at),
            peer="",
            registered_at=at,
            client=client,
        )
        for name, at, client in (
            ("office", 1, "old/1"),
            ("office", 2, "new/2"),
            ("other", 3, "other/3"),
        )
    ]
    with closing(open_store(office.state)) as store:
        store.write(Batch(registrations=made))

    assert "client    new/2\n" in checker("node", "show", "office")[1]
    assert json.loads(checker("node", "show", "office", "--json")[1])["node"]["client"] == "new/2"


def test_what_a_device_calls_itself_is_shown(checker: Run, office: Layout) -> None:
    (office.nodes / "office.next").write_text('calls_itself = "Office_Router"\n')
    device = Unregistered(
        node=NodeName("kiosk-1"),
        port=Port(50001),
        expect=OPEN,
        first_at=1.0,
        last_at=2.0,
        calls_itself="Kiosk_1",
    )
    with closing(open_store(office.state)) as store:
        store.write(Batch(unregistered=[device]))

    listed = json.loads(checker("node", "list", "--json")[1])
    status = json.loads(checker("status", "--json")[1])
    lines = checker("node", "list")[1].splitlines()

    for found in (listed, status):
        rows = [*found.get("nodes", found.get("tunnels")), *found["unregistered"]]
        assert [row["calls_itself"] for row in rows] == ["Office_Router", "Kiosk_1"]
    assert lines[1].endswith("valid, calls itself Office_Router")
    assert lines[2].endswith(" ago, calls itself Kiosk_1")
    assert "device    calls itself Office_Router\n" in checker("node", "show", "office")[1]
    code, _, err = checker("node", "show", "Office_Router")
    assert code == ExitCode.USAGE
    assert "there is no node 'Office_Router'; node office calls itself that" in err


def test_a_node_is_removed_with_its_key_line(checker: Run, layout: Layout, own: Port) -> None:
    code, out, _ = checker("node", "remove", "office", "--yes")

    assert code == ExitCode.OK
    assert out.startswith("removed office")
    assert read_registry(layout.nodes).nodes == {}
    assert layout.authorized_keys.read_bytes() == b""


def test_removing_a_node_warns_about_a_copy_that_becomes_valid(
    checker: Run, layout: Layout, own: Port
) -> None:
    copy = layout.nodes / "office-old.toml"
    copy.write_bytes((layout.nodes / "office.toml").read_bytes())

    assert (
        f"{copy} is valid from now on, and lets its node in"
        in checker("node", "remove", "office", "--yes")[2]
    )


def test_a_broken_node_can_be_removed(checker: Run, layout: Layout, own: Port) -> None:
    (layout.nodes / "office.toml").write_text("broken")

    assert checker("node", "remove", "office", "--yes")[0] == ExitCode.OK
    assert not (layout.nodes / "office.toml").exists()
    assert layout.authorized_keys.read_bytes() == b""
