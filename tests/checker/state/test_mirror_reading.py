"""What the daemon reads of the mirrors of other gateways."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.fleet.items import Items, registration_key
from checker.fleet.mirror import Mirror
from checker.model import NodeName, Registration
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.mirror_reading import FEW, read_connections, read_in_common
from checker.state.mirrors import Position, mirror_path
from tests.reversi_tui.console.states import tunnel
from tests.strategies import NOW, OFFICE, SESSION

GW2 = GatewayId("gw2")
HERE = frozenset({OFFICE})
THEIRS = Registration(node=OFFICE, instance="a.2", session=SESSION, peer="", registered_at=NOW)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path)


def tell(layout: Layout, number: int, instance: str = "a.2", beat: int = 1) -> None:
    """Write the mirror of gw2, with one connection, as it is after that change."""
    path = mirror_path(layout, GW2)
    path.parent.mkdir(exist_ok=True)
    one = replace(THEIRS, instance=instance)
    with closing(Mirror(path)) as mirror:
        mirror.put_items(Items(registrations=[one]), None)
        mirror.keep_only({registration_key(one)}, Position(epoch="e", number=number))
        pulse = Pulse(epoch="e", beat=beat, number=number, at=NOW, version="0", state="active")
        mirror.put_pulse(HeardPulse(pulse=pulse, heard_at=NOW))


def test_rows_are_read_again_only_if_something_changed(layout: Layout) -> None:
    tell(layout, 1)
    first = read_in_common(layout, GW2, HERE)
    assert first is not None
    assert first.registrations == (THEIRS,)

    tell(layout, 1, beat=2)
    again = read_in_common(layout, GW2, HERE, first)
    assert again is not None
    assert again.registrations is first.registrations
    assert again.pulse.pulse.beat == 2, "the pulse is new each time"

    other = read_in_common(layout, GW2, HERE | {NodeName("barn")}, first)
    tell(layout, 2, "b.2")
    later = read_in_common(layout, GW2, HERE, first)
    assert other is not None
    assert other.registrations is not first.registrations, "other nodes are here"
    assert later is not None
    assert [one.instance for one in later.registrations] == ["b.2"]


@pytest.mark.parametrize(
    "number", [pytest.param(0, id="few are here"), pytest.param(2 * FEW, id="many are here")]
)
def test_only_connected_nodes_that_are_here_too_are_in_common(layout: Layout, number: int) -> None:
    tell(layout, 1)
    rows = [tunnel(name, port) for port, name in enumerate((OFFICE, "barn"), 20010)]
    with closing(Mirror(mirror_path(layout, GW2))) as mirror:
        mirror.put_items(Items(tunnels=rows), None)
    others = {NodeName("barn"), *(NodeName(f"other{one}") for one in range(number))}

    found = read_in_common(layout, GW2, HERE | others)
    without = read_in_common(layout, GW2, frozenset(others))

    assert found is not None
    assert (found.registrations, [one.node for one in found.tunnels]) == ((THEIRS,), [OFFICE])
    assert without is not None
    assert (without.registrations, without.tunnels) == ((), ())


def test_a_mirror_that_lags_behind_its_pulse_says_nothing(layout: Layout) -> None:
    tell(layout, 1)
    first = read_in_common(layout, GW2, HERE)
    with closing(Mirror(mirror_path(layout, GW2))) as mirror:
        pulse = Pulse(epoch="e", beat=2, number=2, at=NOW, version="0", state="active")
        mirror.put_pulse(HeardPulse(pulse=pulse, heard_at=NOW))

    assert read_in_common(layout, GW2, HERE, first) is None


def test_the_connections_of_a_node_are_found_or_the_mirror_is_unknown(layout: Layout) -> None:
    assert read_connections(layout, GW2, [OFFICE]) is None
    tell(layout, 1)

    assert read_connections(layout, GW2, [OFFICE]) == (THEIRS,)
    assert read_connections(layout, GW2, [NodeName("barn")]) == ()
    mirror_path(layout, GW2).write_bytes(b"no mirror at all")
    assert read_connections(layout, GW2, [OFFICE]) is None
