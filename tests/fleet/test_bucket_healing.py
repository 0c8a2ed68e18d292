"""The bucket of the bus after a loss or a split heals from the disks of the gateways."""

from __future__ import annotations

import json
import random
import shutil

from checker.fleet.bus_files import bus_store
from checker.registry.entry_files import left_out_path
from checker.registry.reading import read_registry
from tests.fleet.bucket_steps import (
    add,
    at_rest,
    can_edit,
    copies,
    do,
    fleet,
    in_bucket,
    keep_one_copy,
    nodes,
    revision,
    until_all,
    until_compared,
    until_same,
)
from tests.fleet.buses import WITHIN_S, Station
from tests.system.waiting import until

__all__ = ["fleet"]


def test_a_bucket_that_one_has_alone_is_copied_to_the_others(fleet: list[Station]) -> None:
    gw1, *_ = fleet
    until(lambda: copies(gw1) == 3, "three copies", within_s=WITHIN_S)

    until(lambda: keep_one_copy(gw1), "one copy", within_s=WITHIN_S)

    until(lambda: copies(gw1) == 3, "three copies again", within_s=WITHIN_S)


def texts_in_bucket(station: Station) -> dict[str, bytes]:
    return {name: value.text for name, value in in_bucket(station).items()}


def test_a_bucket_that_was_wiped_heals_from_the_disks(fleet: list[Station]) -> None:
    gw1, *_ = fleet
    add(gw1, "lasting")
    until_same(fleet)
    before = until(lambda: texts_in_bucket(gw1), "the bucket can be read", within_s=WITHIN_S)
    for one in fleet:
        one.kill_bus()
        shutil.rmtree(bus_store(one.layout))

    for one in fleet:
        one.start_bus()

    until(
        lambda: texts_in_bucket(gw1) == before,
        "the bucket heals",
        within_s=WITHIN_S,
    )
    until_same(fleet)


def test_a_bucket_with_damaged_files_at_each_gateway_heals_from_the_disks(
    fleet: list[Station],
) -> None:
    gw1, *_ = fleet
    add(gw1, "spoiled")
    until_same(fleet)
    before = until(lambda: texts_in_bucket(gw1), "the bucket can be read", within_s=WITHIN_S)
    for one in fleet:
        one.kill_bus()
        blocks = list(bus_store(one.layout).rglob("*.blk"))
        assert blocks
        for path in blocks:
            path.write_bytes(random.Random(16).randbytes(path.stat().st_size))

    for one in fleet:
        one.start_bus()

    until(lambda: texts_in_bucket(gw1) == before, "the bucket heals", within_s=WITHIN_S)
    until_same(fleet)


def test_an_agent_that_was_away_takes_and_posts_what_happened_meanwhile(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    gw2.kill_agent()
    add(gw1, "missed")
    until(lambda: "missed" in nodes(gw3), "missed at gw3", within_s=WITHIN_S)
    assert "missed" not in nodes(gw2)
    table = json.dumps({"made": "", "seq": 0})
    (gw2.layout.fleet / "bucket.json").write_text(table, encoding="utf-8")

    gw2.start_agent()

    until(lambda: "missed" in nodes(gw2), "missed at gw2", within_s=WITHIN_S)


def test_a_gateway_that_is_cut_off_edits_locally_and_catches_up(fleet: list[Station]) -> None:
    gw1, gw2, gw3 = fleet
    until_same(fleet)
    gw3.kill_bus()

    until(lambda: can_edit(gw1), "two of three go on", within_s=WITHIN_S)
    majority = add(gw1, "majority")
    minority = add(gw3, "minority", "29001=")

    assert "posted on the bus" in majority.err
    assert "another gateway may take the same port" in minority.err
    assert "fleet push" in minority.err
    until(lambda: "majority" in nodes(gw2), "majority at gw2", within_s=WITHIN_S)
    gw3.start_bus()
    until_all(fleet, lambda one: {"majority", "minority"} <= nodes(one).keys(), "both")
    until_same(fleet)


def test_one_port_twice_after_a_split_is_left_out_and_nobody_posts_for_ever(
    fleet: list[Station],
) -> None:
    gw1, gw2, gw3 = fleet
    until_same(fleet)
    gw3.kill_bus()
    add(gw3, "here", "29002=")
    until(lambda: can_edit(gw1), "two of three go on", within_s=WITHIN_S)
    add(gw1, "there", "29002=")
    # if both came at once, the older one would count at gw2
    until(lambda: "there" in nodes(gw2), "there at gw2", within_s=WITHIN_S)

    gw3.start_bus()

    for station, name in ((gw3, "there"), (gw1, "here"), (gw2, "here")):
        until(
            lambda station=station, name=name: left_out_path(station.layout, name).exists(),  # type: ignore[misc]
            f"{name} waits at {station.id}",
            within_s=WITHIN_S,
        )
    for one in fleet:
        until_compared(one)
    before = at_rest(gw1)
    for one in fleet:
        until_compared(one)
    assert at_rest(gw1) == before
    do(gw3, "node", "remove", "here", "--yes")
    until(lambda: "there" in nodes(gw3), "there at gw3", within_s=WITHIN_S)
    until_same(fleet)


def test_two_contents_of_one_revision_come_to_rest_and_the_closed_one_wins(
    fleet: list[Station],
) -> None:
    gw1, _, gw3 = fleet
    add(gw1, "torn")
    until_same(fleet)
    gw3.kill_bus()
    do(gw3, "node", "disable", "torn")
    until(lambda: can_edit(gw1), "two of three go on", within_s=WITHIN_S)
    do(gw1, "node", "set", "torn", "--note", "other")
    assert revision(gw1, "torn") == revision(gw3, "torn") == 2

    gw3.start_bus()

    until_all(
        fleet,
        lambda one: not read_registry(one.layout.nodes).nodes["torn"].enabled,  # type: ignore[index]
        "torn is closed",
    )
    for one in fleet:
        until_compared(one)
    before = at_rest(gw1)
    for one in fleet:
        until_compared(one)
    assert at_rest(gw1) == before
    do(gw1, "node", "sign", "torn", "--again")
    do(gw1, "node", "enable", "torn")
    until_all(fleet, lambda one: revision(one, "torn") == 4, "settled")
    until_same(fleet)
