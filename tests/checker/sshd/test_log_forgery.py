"""A client's words in sshd's lines are never taken for sshd's own.

Tests checker.sshd.log_lines and checker.sshd.refusals.
"""

from __future__ import annotations

import pytest

from checker.sshd.log_lines import (
    Denied,
    Fact,
    parse,
)
from tests.checker.sshd.samples import ACCEPTED, DENIED, LOCAL


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param(
            f"{LOCAL}x port 1\n{ACCEPTED} port 22",
            f"a connection to x port 1\\x0a{ACCEPTED}"[:114],
            id="a line of his own",
        ),
        pytest.param(
            f"{LOCAL}\x1b[2J\x07\xff port 22",
            "a connection to \\x1b[2J\\x07\\xff port 22",
            id="escapes",
        ),
        pytest.param(
            f"{LOCAL}x, target y port 3 port 22",
            "a connection to x, target y port 3 port 22",
            id="what sshd would say",
        ),
        pytest.param(
            "Received request from 192.0.2.7 port 41528 to remote forward to host a port 1,"
            f" {DENIED}\nb port 2, {DENIED}",
            f"listening on a port 1, {DENIED}\\x0ab port 2",
            id="a whole sentence",
        ),
        pytest.param(
            "subsystem request for x by user root failed, subsystem not found by user reversi"
            " failed, subsystem not found",
            "the subsystem x by user root failed, subsystem not found",
            id="another's name",
        ),
    ],
)
def test_a_clients_words_are_never_taken_for_sshds(text: str, what: str) -> None:
    fact = parse(text)

    assert isinstance(fact, Denied)
    assert fact.what.startswith(what)
    assert fact.what.isascii()
    assert fact.what.isprintable()


CLAIMED = "Connection from user reversi 192.0.2.7 port 41528: invalid format"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        pytest.param(
            f"refused local port forward: originator {'a' * 900}: {CLAIMED}",
            Denied(what="a connection to a place that a long request hides"),
            id="a long originator",
        ),
        pytest.param(f"subsystem request for a: {CLAIMED} by user reversi", None, id="a subsystem"),
        pytest.param(
            f"userauth_pubkey: unsupported public key algorithm: {CLAIMED} [preauth]",
            None,
            id="an algorithm",
        ),
        pytest.param(
            f"userauth_pubkey: unsupported public key algorithm: {CLAIMED}",
            None,
            id="a long algorithm",
        ),
        pytest.param(
            f"debug2: session.c:session_env_req():2107: Ignoring env request {'E' * 900}:"
            f" {CLAIMED}",
            Denied(what=f"the variable {'E' * 100}"),
            id="a variable",
        ),
        pytest.param(
            f"debug2: session.c:session_env_req():2107: Ignoring env request {'E' * 900}",
            Denied(what=f"the variable {'E' * 100}"),
            id="a long variable",
        ),
    ],
)
def test_a_line_that_a_client_truncates_blames_nobody_else(text: str, fact: Fact | None) -> None:
    assert parse(text) == fact
