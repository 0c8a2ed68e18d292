"""Ports as an admin writes them: ranges, single ports, and lists of both."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import InvalidValue, PortRanges, parse_ranges


def test_ranges_keep_their_order_and_read_back_as_written() -> None:
    ports = parse_ranges(["55555", "20000-20002"])

    assert list(ports) == [55555, 20000, 20001, 20002]
    assert len(ports) == 4
    assert 20001 in ports
    assert 20003 not in ports
    assert parse_ranges(str(ports).split(",")) == ports


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        pytest.param(["20002-20000"], "begins with its highest port", id="backwards"),
        pytest.param(["20000-"], "not a port", id="open-end"),
        pytest.param(["1-x"], "not a port", id="no-number"),
        pytest.param(["0"], "not a port", id="zero"),
        pytest.param(["20000-70000"], "not a port", id="too-high"),
        pytest.param(["20000-20009", "20009"], "port 20009 is named twice", id="twice"),
        pytest.param([], "no port is named", id="empty"),
    ],
)
def test_what_names_no_set_of_ports_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        parse_ranges(texts)


@given(st.lists(st.integers(1, 65535), min_size=1, unique=True), st.integers(1, 65535))
def test_a_port_is_in_the_set_if_it_is_listed(ports: list[int], other: int) -> None:
    ranges = parse_ranges(map(str, ports))

    assert list(ranges) == ports
    assert (other in ranges) is (other in ports)


def test_ranges_without_others_lose_each_range_that_has_one() -> None:
    ports = PortRanges((range(20000, 20010), range(55555, 55556)))

    assert ports.without({55555}) == PortRanges((range(20000, 20010),))
    assert ports.without({1}) == ports
