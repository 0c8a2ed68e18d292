"""Every metric, from a fleet in every status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.metrics.families import Per, families, tags_label
from checker.metrics.gathered import WORST_FIRST
from checker.model import NodeName, Policy, Port, Status
from checker.model.glance import Glance
from tests.checker.metrics.fleets import EVERY_S, FLEET, measured, registry, seen
from tests.strategies import NOW, node

TOTALS = {
    "reversi_build_info",
    "reversi_last_sweep_timestamp_seconds",
    "reversi_sweep_interval_seconds",
    "reversi_forwards",
    "reversi_nodes",
    "reversi_applicants",
    "reversi_draining",
    "reversi_logins_waiting",
    "reversi_kills_total",
    "reversi_refusals_total",
    "reversi_clones_total",
}
DETAIL = {
    "reversi_forward_up",
    "reversi_forward_fault",
    "reversi_forward_latency_seconds",
    "reversi_forward_kills_total",
    "reversi_node_info",
    "reversi_tunnel_bytes_total",
}


@pytest.mark.parametrize(
    ("per", "names"),
    [(Per.FORWARD, TOTALS | DETAIL), (Per.NODE, TOTALS | DETAIL), (Per.NONE, TOTALS)],
)
def test_these_are_all_the_metrics(per: Per, names: set[str]) -> None:
    assert set(measured(per=per)) == names


def test_no_label_holds_what_a_peer_or_a_target_chose() -> None:
    labels = {name for per in Per for one in families(FLEET, per) for name in one.labels}

    assert labels == {"version", "status", "state", "node", "port", "client", "tags"}


def test_every_sample_has_a_value_for_each_label_and_no_series_comes_twice() -> None:
    for per in Per:
        for one in families(FLEET, per):
            assert all(len(labels) == len(one.labels) for labels, _ in one.samples)
            assert len(dict(one.samples)) == len(one.samples)


def test_forwards_are_counted_by_status_with_those_that_nobody_has() -> None:
    assert measured()["reversi_forwards"] == {
        ("up",): 2,
        ("hung",): 1,
        ("stale",): 1,
        ("refused",): 1,
        ("unknown",): 1,
        ("foreign",): 0,
        ("down",): 0,
        ("wrong",): 0,
        ("broken",): 2,
    }
    assert {*WORST_FIRST} == {*Status} - {Status.BROKEN} | {"stale"}


def test_only_forwards_that_may_listen_are_up_or_at_fault() -> None:
    found = measured()

    assert found["reversi_forward_up"] == {
        ("attic", "20001"): 1,
        ("barn", "20002"): 0,
        ("barn", "20003"): 1,
        ("cellar", "20004"): 0,
        ("fold", "20007"): 0,
        ("gate-house", "20008"): 0,
    }
    assert found["reversi_forward_fault"] == {
        ("barn", "20002", "hung"): 1,
        ("cellar", "20004", "stale"): 1,
        ("fold", "20007", "unknown"): 1,
        ("gate-house", "20008", "refused"): 1,
        ("gate-house", "", "broken"): 1,
        ("hayloft", "", "broken"): 1,
    }


def test_a_latency_is_in_seconds_and_only_of_what_is_up() -> None:
    assert measured()["reversi_forward_latency_seconds"] == {
        ("attic", "20001"): 0.0125,
        ("barn", "20003"): 0.0125,
    }


def test_kills_and_bytes_come_from_what_was_seen() -> None:
    found = measured()

    assert found["reversi_forward_kills_total"] == {
        ("attic", "20001"): 2,
        ("barn", "20002"): 1,
        ("barn", "20003"): 4,
        ("cellar", "20004"): 0,
        ("fold", "20007"): 0,
        ("gate-house", "20008"): 0,
    }
    assert found["reversi_tunnel_bytes_total"] == {("attic",): 1000, ("barn",): 75}


def test_the_bytes_of_two_connections_of_a_node_add_up() -> None:
    glance = Glance(
        seen=[
            seen("barn", 20002, bytes_total=5, pid=1, start_ticks=1),
            seen("barn", 20003, bytes_total=7, pid=2, start_ticks=1),
        ]
    )

    found = measured(replace(FLEET, glance=glance))

    assert found["reversi_tunnel_bytes_total"] == {("barn",): 12}


def test_per_node_a_node_is_as_bad_as_its_worst_forward() -> None:
    found = measured(per=Per.NODE)

    assert found["reversi_forward_up"] == {
        ("attic",): 1,
        ("barn",): 0,
        ("cellar",): 0,
        ("fold",): 0,
        ("gate-house",): 0,
    }
    assert found["reversi_forward_fault"][("barn", "hung")] == 1
    assert ("gate-house", "broken") in found["reversi_forward_fault"]
    assert found["reversi_forward_kills_total"][("barn",)] == 5
    assert found["reversi_forward_latency_seconds"] == {("attic",): 0.0125, ("barn",): 0.0125}


def test_the_gateway_as_a_whole() -> None:
    found = measured(per=Per.NONE)

    assert found["reversi_build_info"] == {("1.2.3",): 1}
    assert found["reversi_last_sweep_timestamp_seconds"] == {(): NOW - 3}
    assert found["reversi_sweep_interval_seconds"] == {(): EVERY_S}
    assert found["reversi_applicants"] == {(): 2}
    assert found["reversi_logins_waiting"] == {(): 4}
    assert found["reversi_kills_total"] == {(): 7}
    assert found["reversi_refusals_total"] == {(): 9}
    assert found["reversi_clones_total"] == {(): 1}


def test_without_a_state_file_nothing_is_up_and_no_sweep_was_ever() -> None:
    found = measured(replace(FLEET, glance=Glance(), broken=frozenset()))

    assert found["reversi_last_sweep_timestamp_seconds"] == {(): 0}
    assert found["reversi_sweep_interval_seconds"] == {(): Policy().probe_every_s}
    assert set(found["reversi_forward_up"].values()) == {0}
    assert found["reversi_kills_total"] == {(): 0}
    assert "reversi_logins_waiting" not in found
    assert "reversi_tunnel_bytes_total" not in found


def test_every_node_has_its_client_and_tags() -> None:
    info = measured()["reversi_node_info"]

    assert ("attic", "bundle-0.2.0/dropbear-2022.83", "") in info
    assert ("dairy", "", "") in info
    assert set(info.values()) == {1}


def test_each_tag_stands_between_commas() -> None:
    assert tags_label(()) == ""
    assert tags_label(("openwrt", "site-a")) == ",openwrt,site-a,"


def test_a_gateway_without_nodes_has_totals_only() -> None:
    assert set(measured(replace(FLEET, nodes={}, broken=frozenset()))) == TOTALS


def test_a_port_that_moved_keeps_one_series() -> None:
    moved = node("attic", 1, (20001,))
    forward = replace(moved.forwards[0], next_port=Port(20099))
    nodes = registry(replace(moved, forwards=(forward,)))

    found = measured(replace(FLEET, nodes=nodes, broken=frozenset()))

    assert list(found["reversi_forward_up"]) == [(NodeName("attic"), "20001")]
