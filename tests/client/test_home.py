"""How the Python client names its home to the gateway."""

from __future__ import annotations

import pytest

from checker.wire import Hold, parse_request, render_request
from client.errors import ConfigError
from client.link import NAMES, hold_request
from tests.client import samples


def test_the_home_is_the_first_gateway_if_the_file_has_its_id() -> None:
    assert samples.config().home == ""
    assert samples.config(text=samples.with_ids("gw1", "gw2")).home == "gw1"
    assert samples.config(text=samples.with_ids("", "gw2")).home == ""


@pytest.mark.parametrize("id_", ["GW1", "", "a" * 33, "gw 1"])
def test_an_id_is_one_that_a_gateway_can_have(id_: str) -> None:
    text = samples.with_ids("gw1", "gw2").replace('"gw2"', f'"{id_}"')

    with pytest.raises(ConfigError, match="gateway 2: id must be a gateway's ID"):
        samples.config(text=text)


@pytest.mark.parametrize(
    ("home", "name"),
    [
        pytest.param("", NAMES[0], id="none"),
        pytest.param("gw1", NAMES[0], id="short"),
        pytest.param("a" * 32, NAMES[1], id="longest"),
    ],
)
def test_hold_names_the_home_whatever_its_length(home: str, name: str) -> None:
    request = render_request(hold_request("word", home))

    assert parse_request(request) == Hold("word", name, moves=True, home=home)
