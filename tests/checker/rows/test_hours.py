"""The last 24 hours, one cell each."""

from __future__ import annotations

import pytest

from checker.rows.hours import Level, level, strip_text
from checker.rows.row import Share


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
