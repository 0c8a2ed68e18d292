"""Which pinned host keys the client takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.config import Config
from client.errors import ConfigError
from client.login import host_keys
from tests.client.samples import config
from tests.strategies import public_key, rsa_key

UNKNOWN = "ssh-of-tomorrow AAAA"
HOME = config().gateways[0]


def pinning(*keys: str) -> Config:
    return replace(config(), host_keys=keys)


def test_each_type_of_host_key_is_taken_but_one_that_is_unknown_here() -> None:
    keys = host_keys(pinning(public_key(1), UNKNOWN, rsa_key(2048), public_key(2)), HOME)

    assert [key.get_algorithm() for key in keys] == ["ssh-ed25519", "ssh-rsa", "ssh-ed25519"]


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((UNKNOWN,), id="all unknown"),
        pytest.param((public_key(1), "ssh-ed25519 AAAA"), id="damaged"),
    ],
)
def test_a_damaged_key_or_only_unknown_ones_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="host_key has an item that is not a public key"):
        host_keys(pinning(*keys), HOME)
