"""Which columns fit, how wide they are, and how a text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reversi_tui.rows.columns import COLUMNS, DEFAULTS, offered
from reversi_tui.rows.cutting import cut_address, cut_middle, in_cell
from reversi_tui.rows.layout import REASON, SHORT_REASON, Needs, Place, fitted, without_room

USUAL = Needs(node=13, target=15)
"""As `basel-door-01` and `127.0.0.1:27001` take."""
WIDTHS = st.integers(min_value=0, max_value=260)
NEEDS = st.builds(
    Needs,
    node=st.integers(min_value=1, max_value=64),
    port=st.sampled_from([5, 8]),
    target=st.integers(min_value=3, max_value=80),
)


def widths(places: tuple[Place, ...]) -> dict[str, int]:
    return {place.column.id: place.width for place in places}


def ids(places: tuple[Place, ...]) -> list[str]:
    return [place.column.id for place in places]


@settings(max_examples=50)
@given(
    width=WIDTHS,
    needs=NEEDS,
    wide=st.booleans(),
    faults_only=st.booleans(),
    in_fleet=st.booleans(),
)
def test_columns_fit_the_width(
    width: int, needs: Needs, *, wide: bool, faults_only: bool, in_fleet: bool
) -> None:
    places = fitted(width, needs=needs, wide=wide, faults_only=faults_only, in_fleet=in_fleet)

    taken = sum(place.width + 1 for place in places) - 1
    assert taken <= width or ids(places) == ["node"]
    assert all(place.width >= place.column.least for place in places)


@settings(max_examples=50)
@given(width=WIDTHS, needs=NEEDS, faults_only=st.booleans())
def test_more_columns_take_nothing_from_those_that_were_there(
    width: int, needs: Needs, *, faults_only: bool
) -> None:
    usual = widths(fitted(width, needs=needs, faults_only=faults_only))

    wide = widths(fitted(width, needs=needs, faults_only=faults_only, wide=True))

    assert usual.keys() <= wide.keys()
    assert (wide["node"], wide.get("target")) == (usual["node"], usual.get("target"))
    assert wide.get("answer", 0) >= min(REASON, usual.get("answer", 0))


@settings(max_examples=50)
@given(width=WIDTHS, needs=NEEDS, faults_only=st.booleans())
def test_no_other_column_is_shown_at_the_cost_of_name_target_or_reason(
    width: int, needs: Needs, *, faults_only: bool
) -> None:
    found = widths(fitted(width, needs=needs, faults_only=faults_only))

    if found.keys() - {"node", "port", "status", "target", "answer"}:
        assert found["node"] >= max(10, min(32, needs.node))
        assert found.get("target", 40) >= max(13, min(40, needs.target))
        assert found.get("answer", REASON) >= REASON


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        pytest.param(58, ["node", "port", "target", "status", "since"], id="60"),
        pytest.param(78, ["node", "port", "target", "status", "answer"], id="80"),
        pytest.param(
            118,
            ["node", "port", "target", "status", "day", "answer", "latency", "since"],
            id="120",
        ),
        pytest.param(198, [column.id for column in DEFAULTS], id="200"),
    ],
)
def test_each_terminal_shows_whole_names_targets_and_reasons(width: int, shown: list[str]) -> None:
    places = fitted(width, needs=USUAL)

    found = widths(places)
    assert ids(places) == shown
    assert (found["node"], found["target"]) == (13, 15)
    assert found.get("answer", REASON) >= REASON


def test_among_faults_the_reason_stands_before_the_hours() -> None:
    assert ids(fitted(118, needs=USUAL)).index("answer") == 5
    assert ids(fitted(118, needs=USUAL, faults_only=True)).index("answer") == 4


def test_among_faults_a_small_terminal_shows_the_reason_instead_of_the_target() -> None:
    assert ids(fitted(58, needs=USUAL, faults_only=True)) == ["node", "port", "status", "answer"]


def test_long_targets_are_cut_before_the_reason() -> None:
    found = widths(fitted(78, needs=Needs(node=13, target=40)))

    assert found["node"] == 13
    assert 13 <= found["target"] < 40
    assert found["answer"] >= 20


def test_wide_ones_come_last_where_there_is_room() -> None:
    assert not {"flaps", "client"} & set(ids(fitted(78, needs=USUAL, wide=True)))
    assert {"flaps", "kills", "bytes", "client"} <= set(ids(fitted(240, needs=USUAL, wide=True)))
    everything = [column.id for column in offered(in_fleet=False)]
    assert ids(fitted(400, needs=USUAL, wide=True)) == everything


def test_the_gateway_has_a_column_only_in_a_fleet() -> None:
    assert "gateway" not in ids(fitted(400, needs=USUAL, wide=True))
    assert "gateway" not in ids(fitted(50, needs=USUAL, in_fleet=True))
    assert "gateway" in ids(fitted(120, needs=USUAL, in_fleet=True))
    at_80 = widths(fitted(78, needs=USUAL, in_fleet=True))
    assert at_80.keys() == {"node", "port", "target", "status", "gateway", "answer"}
    assert at_80["answer"] >= SHORT_REASON
    assert ids(fitted(400, needs=USUAL, wide=True, in_fleet=True)) == [
        column.id for column in COLUMNS
    ]
    assert "gateway" in ids(fitted(120, needs=USUAL, chosen=("node", "gateway")))


def test_columns_without_room_are_named() -> None:
    places = fitted(78, needs=USUAL, wide=True)

    assert without_room(places, ("node", "pid", "flaps")) == ("sshd", "flaps")


def test_chosen_columns_keep_their_order_and_are_cut_off_at_the_right() -> None:
    chosen = ("status", "peer", "node", "pid", "flaps")

    assert ids(fitted(80, chosen=chosen)) == list(chosen)
    assert ids(fitted(46, chosen=chosen)) == ["status", "peer", "node"]
    assert ids(fitted(30, chosen=chosen)) == ["status", "node"]
    assert ids(fitted(9, chosen=chosen)) == ["node"]
    assert ids(fitted(80, chosen=("port", "pid"))) == ["node", "port", "pid"]


def test_wide_ones_come_behind_the_chosen() -> None:
    assert ids(fitted(240, chosen=("kills", "node"), wide=True)) == [
        "kills",
        "node",
        "flaps",
        "bytes",
        "client",
        "instance",
        "expect",
        "tags",
        "note",
        "week",
        "month",
        "trend",
        "rate",
        "probe",
    ]


@pytest.mark.parametrize(
    ("text", "width", "found"),
    [
        pytest.param("basel-door-01", 12, "basel-d…r-01", id="a name keeps its end"),
        pytest.param("basel-door-01", 1, "…", id="one cell"),
        pytest.param("basel-door-01", 2, "b…", id="two cells"),
    ],
)
def test_a_name_is_cut_in_the_middle(text: str, width: int, found: str) -> None:
    assert cut_middle(text, width) == found


@pytest.mark.parametrize(
    ("text", "width", "found"),
    [
        pytest.param("127.0.0.1:27001", 10, "127…:27001", id="IPv4"),
        pytest.param("[fe80::1:2:3]:22", 10, "[fe80:…:22", id="IPv6"),
        pytest.param("camera-3.lan:80", 12, "camera-…n:80", id="a name"),
        pytest.param("127.0.0.1:27001", 5, "1…001", id="too narrow for the port"),
        pytest.param("unregistered", 8, "unreg…ed", id="no port"),
    ],
)
def test_a_target_keeps_its_port(text: str, width: int, found: str) -> None:
    assert cut_address(text, width) == found


def test_a_text_fills_its_cell() -> None:
    assert in_cell("abc", 5) == "abc  "
    assert in_cell("abc", 5, right=True) == "  abc"
    assert in_cell("abcdef", 5) == "abcd…"


@settings(max_examples=50)
@given(text=st.text("abc:0123456789.", max_size=40), width=st.integers(min_value=1, max_value=40))
def test_a_cell_has_exactly_its_width(text: str, width: int) -> None:
    for cutter in (cut_middle, cut_address):
        assert len(in_cell(text, width, cutter)) == width
