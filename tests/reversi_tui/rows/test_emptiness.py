"""Why a table is empty."""

from __future__ import annotations

import pytest

from reversi_tui.rows.emptiness import why_empty


@pytest.mark.parametrize(
    ("count", "filter_text", "faults_only", "says"),
    [
        pytest.param(0, "x", True, "", id="no rows at all, which another line says"),
        pytest.param(3200, "", True, "no faults among 3,200 rows; f shows them all", id="faults"),
        pytest.param(
            1,
            "barn",
            False,
            "nothing matches the filter barn among 1 row; esc clears the filter",
            id="a filter",
        ),
        pytest.param(
            7,
            "barn",
            True,
            "no fault matches the filter barn among 7 rows; esc clears the filter, f shows more"
            " than faults",
            id="both",
        ),
    ],
)
def test_the_way_out_is_named(
    count: int, filter_text: str, says: str, *, faults_only: bool
) -> None:
    said = why_empty(
        count, filter_text=filter_text, faults_only=faults_only, clear_key="esc", faults_key="f"
    )

    assert said == says
