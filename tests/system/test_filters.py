"""Nodes are tagged, probed, killed and disabled by a filter; no other tunnel notices."""

from __future__ import annotations

import pytest

from checker.model import EventKind
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


def test_a_filter_acts_on_what_matches_and_on_nothing_else(gateway: Gateway) -> None:
    here, there = (gateway.add(gateway.service().target) for _ in range(2))
    ended, other = gateway.connect(here), gateway.connect(there)
    session, kept = gateway.await_up(here), gateway.await_up(there)
    where = "tag:site-a"

    gateway.ok("node", "set", "--filter", f"node:{here.node}", "--tag", "site-a", "--note", "attic")

    assert not is_gone(session)
    assert gateway.ok("probe", "--filter", where) == f"{here.node}:{here.ports[0]}: up\n"
    assert gateway.ok("kill", "--filter", where, "--dry-run").endswith(": would kill\n")
    assert not is_gone(session)

    assert "is free" in gateway.ok("kill", "--filter", where)

    assert ended.ended() != 0
    assert is_gone(session)
    gateway.ok("node", "disable", "--filter", where)
    assert here.ask("check").returncode == 255
    assert other.beat() == 0
    assert not is_gone(kept)
    texts = [event.text for event in gateway.events(here, EventKind.REGISTRY)]
    assert texts[-3:] == ["tag site-a added", "note: attic", "disabled"]
