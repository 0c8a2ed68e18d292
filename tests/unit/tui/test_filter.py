from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import Status
from reversi_tui.filter import parse_filter
from reversi_tui.rows import Row
from tests.tui.states import forward, tunnel

ROW = Row(forward=forward("attic", 20010, target="10.0.0.5:443"), seen=tunnel("attic", 20010, Status.HUNG, pid=4711, detail="No Answer"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", True, id="nothing"),
        pytest.param("att", True, id="in the name"),
        pytest.param("ATTIC", True, id="case does not matter"),
        pytest.param("barn", False, id="another name"),
        pytest.param("20010", True, id="the port"),
        pytest.param("10.0.0.5:443", True, id="a target, whose colon names no column"),
        pytest.param("!att", False, id="inverted"),
        pytest.param("!barn", True, id="inverted, another name"),
        pytest.param("!", True, id="half-typed inversion"),
        pytest.param("status:hung", True, id="in a column"),
        pytest.param("status:up", False, id="in a column, not there"),
        pytest.param("!status:up", True, id="inverted in a column"),
        pytest.param("status:", True, id="half-typed column"),
        pytest.param("!status:", True, id="half-typed inverted column"),
        pytest.param("st:hung", True, id="a shortened column"),
        pytest.param("sshd:4711", True, id="a column by its title"),
        pytest.param("node:hung", False, id="the word stands in another column"),
        pytest.param("hung attic", True, id="both words"),
        pytest.param("hung barn", False, id="one word of two"),
        pytest.param("answer:no", True, id="the answer"),
        pytest.param(":", True, id="a colon alone is text, as in a target"),
        pytest.param("[(*", False, id="no pattern language"),
    ],
)
def test_a_filter_shows_the_row_or_not(text: str, *, shown: bool) -> None:
    assert parse_filter(text)(ROW) is shown


@given(st.text())
def test_anything_that_can_be_typed_is_a_filter(text: str) -> None:
    assert parse_filter(text)(ROW) in (True, False)
