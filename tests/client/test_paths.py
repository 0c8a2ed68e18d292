"""The Python client of a node that keeps two tunnels: its file, its service, what it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.model.instance import is_other_path, path_in
from checker.wire import INSTANCE
from client.config import Config
from client.errors import ConfigError
from client.service.service import PREFIX
from client.service.survey import wanted
from client.status import StatusFile
from tests.client import samples


def of_path(number: int, folder: Path = Path("/nowhere")) -> Config:
    return samples.config(folder / f"{number}.toml", f"path = {number}\n{samples.TEXT}")


def test_each_path_has_every_other_gateway() -> None:
    both = samples.config().gateways

    assert [of_path(number).gateways for number in (1, 2)] == [(both[0],), (both[1],)]


def test_a_gateway_of_the_other_path_takes_its_host_keys_along() -> None:
    table = '[{address = "gw1:22", host_key = ["ssh-rsa AAAA"]}, {address = "gw2:22"}]'
    text = samples.TEXT.replace('["127.0.0.1:2222", "[::1]:2222"]', table)

    one, two = (samples.config(text=f"path = {number}\n{text}") for number in (1, 2))

    assert [str(gateway) for gateway in one.own_host_keys] == ["gw1:22"]
    assert two.own_host_keys == {}


def test_all_addresses_of_a_gateway_are_on_one_path() -> None:
    one, two = (
        samples.config(text=f"path = {number}\n{samples.with_ids('gw1', 'gw1', 'gw2', 'gw3')}")
        for number in (1, 2)
    )

    assert [gateway.host for gateway in one.gateways] == ["g1", "g2", "g4"]
    assert [gateway.host for gateway in two.gateways] == ["g3"]
    assert (one.home, two.home) == ("gw1", "gw2")


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (("gw1", "gw1"), "two tunnels need two gateways"),
        (("gw1", "", "gw2"), "give each gateway its id, or none of them"),
    ],
)
def test_paths_that_might_meet_at_one_gateway_are_refused(ids: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        samples.config(text=f"path = 1\n{samples.with_ids(*ids)}")


@pytest.mark.parametrize("value", ["0", "3", "true", '"1"'])
def test_a_path_is_1_or_2(value: str) -> None:
    with pytest.raises(ConfigError, match="path must be 1 or 2"):
        samples.config(text=f"path = {value}\n{samples.TEXT}")


def test_one_gateway_is_not_enough() -> None:
    text = samples.TEXT.replace(', "[::1]:2222"', "")

    with pytest.raises(ConfigError, match="two tunnels need two gateways"):
        samples.config(text=f"path = 2\n{text}")


def test_both_paths_name_one_device_and_keep_their_word_over_restarts(tmp_path: Path) -> None:
    one, two, again = (
        StatusFile(of_path(number, tmp_path), print).instance for number in (1, 2, 1)
    )

    assert is_other_path(one, two)
    assert (path_in(one), path_in(two)) == (1, 2)
    assert one == again
    assert INSTANCE.match(one)


def test_each_path_has_a_service_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "office.key").write_text("a key")
    (tmp_path / "office.key").chmod(0o600)
    names = []
    for number in (1, 2):
        config = of_path(number, tmp_path)
        config.path.write_text(samples.TEXT)
        names.append(wanted(config).name)

    assert names == [f"{PREFIX}office", f"{PREFIX}office_2"]
