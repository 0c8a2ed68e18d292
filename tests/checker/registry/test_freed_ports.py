"""Freed ports: what frees one, how long it is allotted last, and how to take it all the same."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.client_files import KeyWish, key_files
from checker.control.registering import Wanted, register
from checker.model import ForwardRequest, FreedPort, NodeName, Note, Port, PortRanges, Target
from checker.registry.authorized_keys import write_keys
from checker.registry.changes import add, change, remove
from checker.registry.freed_ports import KEPT_S, freed_path, freed_toml, read_freed
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.nodes import PortsUsedUp, Registry, allot
from checker.registry.reading import node_path, read_registry
from tests.host_keys import put_rsa_host_key
from tests.strategies import OFFICE, node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
TARGET = Target(host="127.0.0.1", port=Port(22))
ANY = ForwardRequest(port=None, target=TARGET)
BARN = NodeName("barn")


def freed(layout: Layout) -> dict[Port, NodeName]:
    return {port: one.node for port, one in read_freed(layout.nodes, time.time()).items()}


def test_a_removed_nodes_port_is_freed(layout: Layout) -> None:
    add(layout, node(), COMMAND)

    remove(layout, OFFICE, COMMAND)

    assert freed(layout) == {20010: "office"}
    assert 'node = "office"' in freed_path(layout.nodes).read_text()


def test_a_disabled_nodes_port_is_freed_when_it_is_removed(layout: Layout) -> None:
    add(layout, replace(node(), enabled=False), COMMAND)
    assert freed(layout) == {}

    remove(layout, OFFICE, COMMAND)

    assert freed(layout) == {20010: "office"}


def test_a_port_that_a_forward_leaves_is_freed(layout: Layout) -> None:
    add(layout, node(), COMMAND)

    change(layout, OFFICE, node("office", 1, (20500,)), COMMAND)

    assert freed(layout) == {20010: "office"}


@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_an_edit_by_hand_frees_a_port_too(layout: Layout, how: str) -> None:
    add(layout, node(), COMMAND)
    path = node_path(layout, OFFICE)
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"20010", b"20500"))

    add(layout, node("barn", 2, (20003,)), COMMAND)

    assert freed(layout) == {20010: "office"}


def test_a_change_that_frees_no_port_leaves_no_file(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    change(layout, OFFICE, replace(node(), enabled=False), COMMAND)
    change(layout, OFFICE, replace(node(), expires="2031-12-31"), COMMAND)

    assert not freed_path(layout.nodes).exists()


def test_a_removal_that_fails_frees_nothing(layout: Layout) -> None:
    add(layout, node(), COMMAND)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove(layout, OFFICE, COMMAND, meanwhile=stop)

    assert freed(layout) == {}


def test_removing_a_broken_file_frees_its_ports(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    node_path(layout, OFFICE).write_text("oops")

    with locked(layout):
        remove(layout, OFFICE, COMMAND)

    assert freed(layout) == {20010: "office"}


def registry_with(*ports: tuple[int, float]) -> Registry:
    return Registry(
        freed={Port(port): FreedPort(port=Port(port), node=BARN, freed_at=at) for port, at in ports}
    )


def test_freed_ports_are_allotted_last_and_the_longest_freed_first() -> None:
    registry = registry_with((20000, 300.0), (20001, 200.0), (20003, 100.0))

    found = allot(registry, OFFICE, [ANY] * 4, PortRanges((range(20000, 20004),)))

    assert [forward.port for forward in found] == [20002, 20003, 20001, 20000]
    with pytest.raises(PortsUsedUp):
        allot(registry, OFFICE, [ANY] * 5, PortRanges((range(20000, 20004),)))


def test_a_freed_port_is_given_to_whoever_asks_for_it(layout: Layout) -> None:
    registry = registry_with((20000, 300.0))

    assert (
        allot(
            registry, OFFICE, [replace(ANY, port=Port(20000))], PortRanges((range(20000, 20004),))
        )[0].port
        == 20000
    )


def test_a_port_is_forgotten_after_thirty_days_and_when_it_has_an_owner_again(
    layout: Layout,
) -> None:
    layout.nodes.mkdir(parents=True)
    now = time.time()
    old = FreedPort(port=Port(20000), node=BARN, freed_at=now - KEPT_S - 60)
    late = FreedPort(port=Port(20001), node=BARN, freed_at=now - 60)
    freed_path(layout.nodes).write_bytes(freed_toml([old, late]))
    assert freed(layout) == {20001: "barn"}

    add(layout, node("barn", 2, (20001,)), COMMAND)

    assert "20000" not in freed_path(layout.nodes).read_text()
    assert freed(layout) == {}


@pytest.mark.parametrize(
    "end_of_time",
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-12:00", "9999-12-31T23:59:59"],
)
def test_a_moment_that_no_calendar_has_in_utc_is_read_and_written(
    layout: Layout, end_of_time: str
) -> None:
    add(layout, node(), COMMAND)
    freed_path(layout.nodes).write_text(f'20003 = {{ node = "barn", freed_at = {end_of_time} }}\n')

    found = read_freed(layout.nodes, time.time())
    remove(layout, OFFICE, COMMAND)

    assert found[Port(20003)].sentence == "port 20003 belonged to node barn until 9999-12-31"
    assert freed(layout) == {20003: "barn", 20010: "office"}


@pytest.mark.parametrize(
    ("request_port", "says"),
    [
        (20003, "port 20003 belonged to node barn until "),
        (None, "no other port is left: port 20003 belonged to node "),
    ],
)
def test_whoever_gets_a_freed_port_is_told_its_last_owner(
    layout: Layout, request_port: int | None, says: str
) -> None:
    add(layout, node("barn", 2, (20003,)), COMMAND)
    remove(layout, BARN, COMMAND)
    layout.config.write_text('ports = "20003-20003"\n')
    put_rsa_host_key(layout)
    config: Config = load_config(layout.config)
    keys = key_files(KeyWish(name="office", folder=layout.nodes.parent), layout, config)
    notes: list[Note] = []

    request = replace(ANY, port=Port(request_port) if request_port else None)
    register(layout, config, Wanted(name=OFFICE, requests=(request,)), keys, notes.append)

    assert [note.is_warning for note in notes if note.text.startswith(says)] == [True]


NOT_OURS = (
    "20003 = 5",
    '20003 = {node = "barn"}',
    '70000 = {node = "barn", freed_at = 2026-11-26T08:00:00Z}',
    "<<<<",
)


@pytest.mark.parametrize("text", NOT_OURS)
def test_a_file_that_is_not_ours_is_reported_and_never_overwritten(
    layout: Layout, text: str
) -> None:
    add(layout, node(), COMMAND)
    freed_path(layout.nodes).write_text(text)

    with pytest.raises(ConfigError):
        read_freed(layout.nodes, time.time())
    assert str(freed_path(layout.nodes)) in read_registry(layout.nodes).freed_trouble
    remove(layout, OFFICE, COMMAND)
    write_keys(layout, COMMAND)
    assert freed_path(layout.nodes).read_text() == text
