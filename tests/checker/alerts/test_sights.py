"""From rows to sights: what is a fault, who is watched, who is muted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.alerts.picture import BROKEN_FILE, ONE_PATH, STALE, Picture, Seems
from checker.alerts.sights import picture, why_untrusted
from checker.model import (
    Forward,
    Mute,
    NodeName,
    Port,
    Selector,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.rows.filter import parse_filter
from checker.rows.row import NO_PORT, Moment, Row, Whereabouts

NOW = 1_800_000_000.0


def row(
    name: str,
    status: Status = Status.UP,
    port: int = 20010,
    *,
    age_s: float = 5.0,
    barred: str = "",
) -> Row:
    node = NodeName(name)
    return Row(
        forward=Forward(
            node=node,
            port=Port(port),
            target=parse_target("127.0.0.1:22"),
            expect=parse_expect("banner:SSH-2.0"),
        ),
        seen=Tunnel(
            node=node, port=Port(port), status=status, since=NOW - 100, probed_at=NOW - age_s
        ),
        barred=barred,
    )


def seen(*rows: Row, watched: str = "") -> Picture:
    return picture(
        rows,
        moment=Moment(now=NOW, every_s=20.0),
        watched=parse_filter(watched),
        passed_s=10.0,
    )


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (Status.UP, Seems.FINE),
        (Status.UNKNOWN, Seems.UNCLEAR),
        *((status, Seems.FAULTY) for status in Status if status not in (Status.UP, Status.UNKNOWN)),
    ],
)
def test_a_status_is_fine_or_a_fault_or_proves_nothing(status: Status, wanted: Seems) -> None:
    (found,) = seen(row("a", status)).sights

    assert found.seems is wanted
    assert found.since == NOW - 100


def test_a_row_that_was_not_probed_for_long_is_a_fault_since_its_last_probe() -> None:
    (found,) = seen(row("a", age_s=500.0)).sights

    assert (found.seems, found.why, found.since) == (Seems.FAULTY, STALE, NOW - 500)


def test_a_broken_file_is_a_fault_of_its_node() -> None:
    broken = Row(forward=None, seen=Tunnel(node=NodeName("a"), port=NO_PORT, status=Status.BROKEN))

    (found,) = seen(broken).sights

    assert found.place == (NodeName("a"), BROKEN_FILE)
    assert found.seems is Seems.FAULTY


def test_a_node_that_may_not_listen_has_no_fault() -> None:
    found = seen(row("a", Status.DOWN, barred="expired"), row("b"))

    assert [one.place[0] for one in found.sights] == ["b"]
    assert found.barred == {"a": "expired"}


def test_the_filter_says_what_is_watched() -> None:
    found = seen(row("office", Status.DOWN), row("shop", Status.DOWN, 20011), watched="node:off")

    assert {one.place[0]: one.is_watched for one in found.sights} == {
        "office": True,
        "shop": False,
    }


def test_a_muted_row_is_a_muted_sight() -> None:
    mute = Mute(
        selector=Selector(node=NodeName("office")), until=NOW + 60, why="w", by="me", at=NOW
    )

    found = seen(replace(row("office"), mute=mute), row("shop", port=20011))

    assert [one.is_muted for one in found.sights] == [True, False]


@pytest.mark.parametrize(
    ("swept_at", "words"),
    [
        (None, "has never swept"),
        (NOW - 61, "does not sweep"),
        (NOW - 59, ""),
        (NOW + 59, ""),
        (NOW + 3600, "does not sweep"),
    ],
)
def test_rows_are_trusted_only_while_the_daemon_sweeps(swept_at: float | None, words: str) -> None:
    found = why_untrusted(swept_at, 20.0, NOW)

    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("where", "status", "wanted"),
    [
        (Whereabouts(gateway="gw1"), Status.DOWN, Seems.FAULTY),
        (Whereabouts(gateway="gw2"), Status.DOWN, Seems.UNCLEAR),
        (Whereabouts(gateway="gw2", is_elsewhere=True), Status.UP, Seems.FINE),
        (Whereabouts(gateway="gw2", is_cut_off=True), Status.UP, Seems.FAULTY),
        (Whereabouts(gateway="gw1", lacks="path 2 is down"), Status.UP, Seems.FINE),
    ],
    ids=["lost here", "lost at another gateway", "elsewhere", "at a dead gateway", "one path lost"],
)
def test_a_fault_is_told_by_the_gateway_that_had_the_tunnel_last(
    where: Whereabouts, status: Status, wanted: Seems
) -> None:
    watched = parse_filter("")

    found = picture(
        [replace(row("a", status), where=where)],
        moment=Moment(now=NOW, every_s=20.0),
        watched=watched,
        passed_s=10.0,
        here="gw1",
    )

    assert found.sights[0].seems is wanted


HALF = Whereabouts(gateway="gw1", lacks="path 2 is down")


@pytest.mark.parametrize(
    ("where", "status", "wanted"),
    [
        pytest.param(HALF, Status.UP, Seems.FAULTY, id="the tunnel that is left is here"),
        pytest.param(replace(HALF, gateway="gw2"), Status.UP, Seems.UNCLEAR, id="it is elsewhere"),
        pytest.param(HALF, Status.REFUSED, Seems.FAULTY, id="its target does not listen"),
        pytest.param(Whereabouts(gateway="gw1"), Status.UP, None, id="both are up"),
        pytest.param(Whereabouts(gateway="gw1"), Status.DOWN, None, id="both are lost"),
        pytest.param(None, Status.UP, None, id="no fleet"),
    ],
)
def test_a_lost_path_is_told_by_the_gateway_that_has_the_other_tunnel(
    where: Whereabouts | None, status: Status, wanted: Seems | None
) -> None:
    both = [replace(row("a", status, port), where=where) for port in (20010, 20011)]

    found = picture(
        both,
        moment=Moment(now=NOW, every_s=20.0),
        watched=parse_filter("port:20010"),
        passed_s=10.0,
        here="gw1",
    )

    paths = [one for one in found.sights if one.place[1] == ONE_PATH]
    assert [one.seems for one in paths] == ([] if wanted is None else [wanted])
    assert all((one.why, one.is_watched) == ("path 2 is down", True) for one in paths)


def test_a_barred_node_with_a_lost_path_has_no_fault() -> None:
    found = seen(replace(row("a", barred="disabled"), where=HALF))

    assert found.sights == ()
