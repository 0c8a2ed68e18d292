"""The lines of `report`."""

from __future__ import annotations

from dataclasses import replace

from checker.cli.report_lines import below_sentence, line_json
from checker.model import Forward, NodeName, Port, Watched
from checker.rows.uptimes import Line, Reported, lines_by_node, lines_by_tag
from tests.strategies import FORWARD

DAY, NEXT = "2026-11-20", "2026-11-21"


def watched(up_s: float, day: str = DAY) -> Watched:
    return Watched(day=day, up_s=up_s, watched_s=100.0)


def forward(name: str, port: int = 20010) -> Forward:
    return replace(FORWARD, node=NodeName(name), port=Port(port))


def reported(of: Forward, *days: Watched) -> Reported:
    return Reported(forward=of, days=days)


REPORTED = [
    reported(forward("attic"), watched(100.0), watched(90.0, NEXT)),
    reported(forward("attic", 20011), watched(50.0, NEXT)),
    reported(forward("barn"), watched(80.0)),
    reported(forward("cellar")),
]
TAGS = {NodeName("attic"): ("a", "b"), NodeName("barn"): ("b",), NodeName("cellar"): ()}


def test_a_node_sums_up_its_forwards_day_by_day() -> None:
    attic, barn, cellar = lines_by_node(REPORTED)

    assert attic.about == {"node": "attic", "forwards": 2}
    assert attic.days == (watched(100.0), Watched(day=NEXT, up_s=140.0, watched_s=200.0))
    assert (barn.name, barn.share, cellar.share) == ("barn", 0.8, None)


def test_a_node_with_two_tags_counts_for_both_and_one_without_comes_last() -> None:
    lines = lines_by_tag(REPORTED, TAGS)

    assert [line.about for line in lines] == [
        {"tag": "a", "nodes": 1, "forwards": 2},
        {"tag": "b", "nodes": 2, "forwards": 3},
        {"tag": "-", "nodes": 1, "forwards": 1},
    ]
    assert [line.share for line in lines] == [0.8, 0.8, None]


def test_a_node_that_is_not_registered_is_untagged() -> None:
    (line,) = lines_by_tag([REPORTED[0]], {})

    assert line.name == "-"


def test_json_has_null_for_no_tag_and_says_what_is_below_only_with_a_target() -> None:
    a, _, untagged = lines_by_tag(REPORTED, TAGS)

    assert line_json(untagged, None)["tag"] is None
    assert "below" not in line_json(a, None)
    assert line_json(a, 99.5)["below"] is True
    assert line_json(untagged, 99.5)["below"] is False


def test_the_worst_are_named_first_and_not_all_of_many() -> None:
    lines = [
        Line(about={"node": f"node{number}"}, days=(watched(float(number)),))
        for number in range(50)
    ]

    assert below_sentence(lines[:2], 50.0) == "below 50 %: node0 (0.00 %), node1 (1.00 %)"
    assert below_sentence(lines, 50.0).endswith("node19 (19.00 %) and 30 more")
    assert below_sentence(lines[30:], 20.0) == ""
