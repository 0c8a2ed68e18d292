"""Giving a node a key of its own; tests/checker/registry/test_rev_files.py has `node adopt`."""

from __future__ import annotations

import pytest

from checker.control.adoption import targets_in
from checker.model import InvalidValue
from tests.strategies import node

FORWARDS = node(ports=(20010, 20011)).forwards


def test_targets_are_given_by_port() -> None:
    found = targets_in(["20010=nas:80", "20011=[::1]:22"], FORWARDS)

    assert {port: str(target) for port, target in found.items()} == {
        20010: "nas:80",
        20011: "[::1]:22",
    }


@pytest.mark.parametrize("text", ["20010=nas:80,tls", "20010=nas:80,public"])
def test_a_target_with_more_than_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"write \[PORT=\]HOST:PORT"):
        targets_in([text], FORWARDS)
