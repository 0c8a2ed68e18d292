"""How losses of a node's tunnel are counted, and the wait that follows from them."""

from __future__ import annotations

from checker.model import Flaps, Policy, ProcessId
from checker.tunnels.losses import lost, settled, wait_for
from tests.strategies import NOW, SESSION

POLICY = Policy()
OTHER = ProcessId(pid=5555, start_ticks=1)


def test_the_wait_of_a_flapping_node_doubles_to_the_longest() -> None:
    history, waits = Flaps(), []

    for number in range(9):
        history = lost(history, ProcessId(pid=number + 2, start_ticks=1), POLICY, NOW + number)
        waits.append(wait_for(history, POLICY))

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_count_starts_over_after_a_quiet_time() -> None:
    history = Flaps(count=7, last_at=NOW, session=SESSION)

    assert lost(history, OTHER, POLICY, NOW + 600).count == 8
    assert lost(history, OTHER, POLICY, NOW + 601).count == 1
    assert settled(history, POLICY, NOW + 600) == history
    assert settled(history, POLICY, NOW + 601) == Flaps()


def test_losses_of_unknown_connections_count_once_a_sweep() -> None:
    first = lost(Flaps(), None, POLICY, NOW)

    assert lost(first, None, POLICY, NOW + 19) == first
    assert lost(first, None, POLICY, NOW + 21).count == 2
