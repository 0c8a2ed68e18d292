"""When an outage begins, is told, and ends: outages and telling, without words and files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.alerts.outages import RELAPSE_S, Outage, Rules, calm_s
from checker.alerts.picture import GATEWAY, Seems
from checker.alerts.settings import Settings
from checker.model import NodeName
from tests.checker.alerts.fleets import START, Admin, down, fine, place, unclear


def nodes(count: int) -> list[str]:
    return [f"n{number:04}" for number in range(count)]


def test_an_outage_is_told_once_after_three_minutes_and_so_is_its_end() -> None:
    admin = Admin()
    admin.watches(fine("a"), for_s=60)

    admin.watches(down("a"), for_s=170)
    assert admin.titles == []
    admin.watches(down("a"), for_s=4000)
    assert admin.titles == ["a is down"]
    admin.watches(fine("a"), for_s=100)
    assert admin.titles == ["a is down"]
    admin.watches(fine("a"), for_s=4000)
    assert admin.titles == ["a is down", "a is up again"]
    assert admin.memory.outages.open == {}


def test_a_short_outage_is_not_told() -> None:
    admin = Admin()

    for _ in range(20):
        admin.watches(down("a"), for_s=150)
        admin.watches(fine("a"), for_s=130)

    assert admin.titles == []


def test_short_outages_that_go_on_and_on_are_told() -> None:
    admin = Admin()

    for _ in range(20):
        admin.watches(down("a"), for_s=60)
        admin.watches(fine("a"), for_s=60)

    assert admin.titles == ["a is down"]


def test_a_forward_that_flaps_slowly_does_not_flood_the_admin() -> None:
    admin = Admin()

    for _ in range(100):
        admin.watches(down("a"), for_s=240)
        admin.watches(fine("a"), for_s=180)

    assert 3 <= len(admin.titles) <= 6
    assert admin.titles[-1] == "a is down"
    admin.watches(fine("a"), for_s=4000)
    assert admin.titles[-1] == "a is up again"


def test_a_relapse_must_be_fine_for_longer_until_it_is_forgotten() -> None:
    calm = [
        calm_s(Outage(id=1, place=place("a"), why="", began=0.0, relapse=relapse), Rules())
        for relapse in range(8)
    ]
    assert calm == [120, 240, 480, 960, 1920, 3600, 3600, 3600]

    admin = Admin()
    admin.watches(down("a"), for_s=300)
    admin.watches(fine("a"), for_s=RELAPSE_S + 300)
    assert admin.memory.outages.relapses == {}


def test_what_was_down_at_the_first_look_is_as_old_as_the_state_file_says() -> None:
    admin = Admin()

    admin.sees(down("a", since=START - 3600), down("b", since=START))

    assert admin.titles == ["a is down"]
    assert "a has been down for 1 h" in admin.bodies[0]


def test_a_clock_set_forward_makes_no_outage_older_than_it_was_seen_to_be() -> None:
    admin = Admin()
    admin.watches(fine("a"), for_s=60)

    admin.now += 86400
    admin.watches(down("a", since=START), for_s=170)
    assert admin.titles == []
    admin.now -= 2 * 86400
    admin.watches(down("a", since=START), for_s=60)
    assert admin.titles == ["a is down"]
    assert "for 0 s" in admin.bodies[0]


def test_the_forwards_of_a_node_that_fell_together_are_one_message() -> None:
    admin = Admin()

    admin.watches(down("a", 20010), fine("a", 20011), for_s=20)
    admin.watches(down("a", 20010), down("a", 20011), for_s=600)

    assert admin.titles == ["a is down"]
    assert "a has been down for" in admin.bodies[0]


def test_devices_that_are_not_registered_hide_no_outage_of_a_node() -> None:
    admin = Admin(settings=Settings(storm=2))
    strangers = [down(f"a{number}", 30000 + number, is_registered=False) for number in range(9)]

    admin.watches(*(replace(one, seems=Seems.FINE) for one in strangers), fine("office"), for_s=20)
    admin.watches(*strangers, down("office"), for_s=600)

    assert admin.titles == ["10 nodes are down"]
    assert admin.bodies == ["10 nodes are down: office, a0 and 8 more"]


def test_a_second_forward_that_falls_later_is_told_too() -> None:
    admin = Admin()
    admin.watches(down("a", 20010), fine("a", 20011), for_s=600)

    admin.watches(down("a", 20010), down("a", 20011, why="refused"), for_s=600)

    assert len(admin.titles) == 2
    assert "a, port 20010, has been down" in admin.bodies[0]
    assert "a, port 20011, has refused connections" in admin.bodies[1]


def test_what_falls_within_a_minute_is_grouped() -> None:
    admin = Admin()
    names = nodes(40)

    for count in range(1, 11):
        admin.sees(*map(down, names[:count]), *map(fine, names[count:]))
    admin.watches(*map(down, names[:10]), *map(fine, names[10:]), for_s=600)

    assert len(admin.titles) == 3
    assert [len(found.down) for found in admin.news] == [1, 6, 3]


def test_of_a_storm_only_the_first_names_are_told_and_the_way_is_quiet_for_longer() -> None:
    admin = Admin()
    names = nodes(100)

    admin.watches(*map(down, names[:40]), *map(fine, names[40:]), for_s=300)
    admin.watches(*map(fine, names), for_s=1200)

    assert admin.titles == ["40 nodes are down", "40 nodes are up again"]
    assert admin.bodies[0].count("n00") == 20
    assert "and 20 more" in admin.bodies[0]
    assert admin.heard_at[1] - admin.heard_at[0] >= 300


def test_when_most_fail_at_once_one_message_points_at_the_gateway() -> None:
    admin = Admin()
    names = nodes(30)
    admin.watches(*map(fine, names), for_s=60)

    for count in range(0, 20, 5):
        admin.sees(*map(down, names[:count]), *map(fine, names[count:]))
    admin.watches(*map(down, names[:20]), *map(fine, names[20:]), for_s=3600)

    assert admin.titles == ["20 of 30 nodes are down; look at the gateway"]
    first, names_told = admin.bodies[0].splitlines()
    assert "the gateway's own network" in first
    assert names_told.startswith("20 nodes are down: n0000, n0001")


def test_nodes_that_have_long_been_down_do_not_point_at_the_gateway() -> None:
    admin = Admin()
    old, names = nodes(20), ["x", "y", "z", "u", "v"]
    admin.watches(*map(down, old), *map(fine, names), for_s=600)
    admin.messages.clear()

    admin.watches(*map(down, old), down("x"), *map(fine, names[1:]), for_s=600)

    assert admin.titles == ["x is down"]


@pytest.mark.parametrize("is_watched", [True, False])
def test_muted_or_unwatched_nodes_that_are_down_do_not_point_at_the_gateway(
    is_watched: bool,
) -> None:
    admin = Admin()
    old = [down(name, is_watched=is_watched, is_muted=is_watched) for name in nodes(20)]
    admin.watches(*old, fine("x"), fine("y"), for_s=600)

    admin.watches(*old, down("x"), fine("y"), for_s=600)

    assert admin.titles == ["x is down"]


def test_a_daemon_that_does_not_sweep_is_one_message_and_no_row_is_another() -> None:
    admin = Admin()
    names = nodes(10)
    admin.watches(*map(fine, names), for_s=60)

    admin.watches(trouble="the daemon does not sweep", for_s=7200)
    assert admin.titles == ["the gateway does not test its tunnels"]
    assert "for 3 min: the daemon does not sweep" in admin.bodies[0]
    admin.watches(*map(fine, names), for_s=300)

    assert admin.titles[1:] == ["the gateway tests its tunnels again"]
    assert GATEWAY not in admin.memory.outages.open


def test_an_outage_goes_on_while_the_daemon_does_not_sweep() -> None:
    admin = Admin()
    admin.watches(down("a"), fine("b"), for_s=300)

    admin.watches(trouble="the daemon does not sweep", for_s=100)
    admin.watches(down("a"), fine("b"), for_s=600)

    assert admin.titles == ["a is down"]


def test_an_upgrade_of_the_gateway_is_not_told() -> None:
    admin = Admin()
    admin.watches(fine("a"), for_s=60)

    admin.watches(trouble="the daemon does not sweep", for_s=60)
    admin.watches(down("a"), for_s=60)
    admin.watches(fine("a"), for_s=600)

    assert admin.titles == []


def test_a_forward_that_was_not_probed_yet_proves_nothing() -> None:
    admin = Admin()

    admin.watches(unclear("a"), for_s=600)
    assert admin.titles == []
    admin.watches(down("a"), for_s=300)
    admin.watches(unclear("a"), for_s=600)

    assert admin.titles == ["a is down"]


def test_a_node_that_is_disabled_or_removed_while_down_ends_its_outage() -> None:
    admin = Admin()
    admin.watches(down("a"), down("b", 20011), for_s=300)

    admin.sees(barred={NodeName("a"): "disabled"})
    admin.watches(for_s=300)

    assert "a was disabled after" in admin.bodies[-1]
    assert "b was removed after" in admin.bodies[-1]
    assert admin.memory.outages.open == {}


def test_a_node_whose_file_breaks_while_it_is_down_is_not_taken_for_removed() -> None:
    admin = Admin()
    admin.watches(down("a"), fine("b", 20011), for_s=300)

    admin.watches(down("a", -1, why="broken"), fine("b", 20011), for_s=600)

    assert "a has had a broken registry file" in admin.bodies[-1]
    assert not any("removed" in body for body in admin.bodies)


def test_a_renamed_node_goes_on_with_its_outage() -> None:
    admin = Admin()
    admin.watches(down("a"), fine("b", 20011), for_s=300)

    admin.watches(down("new-name"), fine("b", 20011), for_s=600)
    admin.watches(fine("new-name"), fine("b", 20011), for_s=600)

    assert admin.titles == ["a is down", "new-name is up again"]


def test_another_node_that_gets_the_port_has_an_outage_of_its_own() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)
    other = down("z")

    admin.watches(
        type(other)(place=other.place, seems=other.seems, why="down", leads="elsewhere"), for_s=600
    )

    assert "z is down" in admin.titles
    assert any("a was removed" in body for body in admin.bodies)


def test_a_filter_that_no_longer_shows_a_node_ends_its_outage() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)

    admin.watches(down("a", is_watched=False), for_s=300)
    assert "a is no longer shown by the filter" in admin.bodies[-1]
    admin.watches(down("a"), for_s=300)

    assert admin.titles[-1] == "a is down"


def test_a_filter_by_status_does_not_hide_the_end() -> None:
    admin = Admin()

    admin.watches(down("a"), for_s=300)
    admin.watches(fine("a", is_watched=False), for_s=300)

    assert admin.titles == ["a is down", "a is up again"]
