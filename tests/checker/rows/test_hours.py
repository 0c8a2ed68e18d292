"""The last 24 hours, one cell each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.rows.hours import Level, day_text, known_at, level, strip_text
from checker.rows.row import HOURS, Known, Share, Whereabouts
from tests.checker.rows.samples import ROW


@pytest.mark.parametrize(
    ("share", "found"),
    [
        pytest.param(None, Level.UNWATCHED, id="no daemon watched"),
        pytest.param(0.0, Level.NONE, id="never up"),
        pytest.param(0.01, Level.LITTLE, id="a little"),
        pytest.param(0.5, Level.HALF, id="half"),
        pytest.param(0.75, Level.MOSTLY, id="mostly"),
        pytest.param(0.994, Level.MOSTLY, id="not quite"),
        pytest.param(0.995, Level.FULL, id="except for a reconnect"),
        pytest.param(1.0, Level.FULL, id="full"),
    ],
)
def test_an_hour_has_a_level(share: Share, found: Level) -> None:
    assert level(share) is found


def test_the_present_hour_stands_last_and_the_unknown_ones_first() -> None:
    assert strip_text((None, 0.0, 0.1, 0.5, 0.9, 1.0)) == "·" * 19 + "█▆▄▂_"
    assert strip_text((0.0,) * 30 + (1.0,)) == "█" * 23 + "_"


@pytest.mark.parametrize(
    ("where", "hours", "found"),
    [
        pytest.param(
            Whereabouts(gateway="gw2", is_elsewhere=True), (None,) * HOURS, "gw2", id="elsewhere"
        ),
        pytest.param(Whereabouts(gateway="gw2", is_elsewhere=True), (), "gw2", id="not read yet"),
        pytest.param(Whereabouts(gateway="gw2"), (), "", id="here, and nobody watched"),
        pytest.param(
            Whereabouts(gateway="gw2", is_elsewhere=True), (1.0,), "", id="elsewhere, but told"
        ),
        pytest.param(None, (), "", id="no fleet"),
    ],
)
def test_a_row_of_another_gateway_says_who_knows_its_hours(
    where: Whereabouts | None, hours: tuple[Share, ...], found: str
) -> None:
    row = replace(ROW, where=where, known=Known(hours=hours))

    assert known_at(row) == found
    assert day_text(row) == (f"at {found} " + "·" * 17 if found else strip_text(hours))
