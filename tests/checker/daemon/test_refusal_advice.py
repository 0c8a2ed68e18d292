"""What to change if sshd refused something about a node's own port."""

from __future__ import annotations

import pytest

from checker.daemon.refusal_advice import advice
from tests.strategies import node

PUBLIC = "run: reversi-checker node set office --forward 20010 --public yes"
AUTOSSH = "run it with -M 0"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        pytest.param("listening on all addresses port 20010", PUBLIC, id="every address"),
        pytest.param("listening on 0.0.0.0 port 20010", PUBLIC, id="the wildcard"),
        pytest.param("a connection to 127.0.0.1 port 20010", AUTOSSH, id="autossh -M"),
        pytest.param("listening on all addresses port 20011", "", id="another port"),
        pytest.param("a connection to 127.0.0.1 port 22", "", id="another service"),
        pytest.param("a connection to 192.0.2.1 port 20010", "", id="another machine"),
        pytest.param("a terminal", "", id="something else"),
    ],
)
def test_a_refusal_about_the_nodes_own_port_says_what_to_change(what: str, says: str) -> None:
    said = advice(what, node())

    assert (says in said) if says else said == ""
