"""How many tunnels fit on a machine: what memory allows, and what the kernel allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Machine, room_for, why_too_small

GIB = 1 << 30
MACHINE = Machine(
    cores=2,
    load=0.5,
    memory=2 * GIB,
    memory_left=GIB,
    processes=200,
    most_processes=32768,
)


@pytest.mark.parametrize(
    ("machine", "room"),
    [
        pytest.param(MACHINE, 298, id="memory ends first"),
        pytest.param(replace(MACHINE, most_processes=700), 100, id="processes end first"),
        pytest.param(replace(MACHINE, memory_left=1 << 20), 0, id="no memory"),
        pytest.param(replace(MACHINE, processes=40000), 0, id="no processes"),
    ],
)
def test_there_is_room_for_what_memory_and_the_kernel_allow(machine: Machine, room: int) -> None:
    assert room_for(machine) == room


@pytest.mark.parametrize(
    ("machine", "nodes", "says"),
    [
        pytest.param(MACHINE, 600, "", id="enough"),
        pytest.param(MACHINE, 1000, "2.9 GiB of memory when all are up", id="memory"),
        pytest.param(
            replace(MACHINE, memory=64 * GIB), 15000, "need 45000 processes", id="processes"
        ),
    ],
)
def test_a_machine_too_small_for_its_nodes_is_named(
    machine: Machine, nodes: int, says: str
) -> None:
    found = why_too_small(machine, nodes)

    assert says in found
    assert bool(says) == bool(found)


@pytest.mark.parametrize(
    ("other", "near"),
    [
        pytest.param(MACHINE, True, id="the same"),
        pytest.param(replace(MACHINE, load=0.9, memory_left=GIB * 95 // 100), True, id="a little"),
        pytest.param(replace(MACHINE, load=1.5), False, id="load"),
        pytest.param(replace(MACHINE, memory_left=GIB // 2), False, id="memory"),
        pytest.param(replace(MACHINE, processes=300), False, id="processes"),
    ],
)
def test_a_machine_is_near_another_if_nobody_needs_to_see_the_difference(
    other: Machine, near: bool
) -> None:
    assert MACHINE.is_near(other) is near


@pytest.mark.parametrize(("load", "near"), [(9.3, True), (9.6, True), (11.0, False), (7.0, False)])
def test_a_high_load_may_change_by_a_tenth(load: float, near: bool) -> None:
    assert replace(MACHINE, load=load).is_near(replace(MACHINE, load=8.9)) is near
