"""Events and notes about logins that sshd refused, and which node each is about."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.settings import current_user
from checker.daemon.last_seen import last_addresses
from checker.daemon.sshd_events import Attempts
from checker.linux.processes import read_process
from checker.model import (
    Event,
    EventKind,
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Target,
    Tunnel,
    fingerprint,
    parse_public_key,
)
from checker.registry.nodes import Registry
from checker.sshd.log_lines import LogLine
from checker.state.rows import Batch
from checker.state.store import open_store
from checker.tunnels.gateway import Gateway
from checker.tunnels.holders import Held
from checker.tunnels.port_owner import Owner
from checker.tunnels.shut_out import CONDITION
from tests.checker.sshd.logs import ACCEPTED, KEY, gateway_in, told
from tests.strategies import public_key

USER = current_user()
OFFICE, BARN = NodeName("office"), NodeName("barn")
HOME = "192.0.2.7"
"""Where both nodes came from last."""
GROUP = "not allowed because a group is listed in DenyGroups"
MAC = f"Unable to negotiate with {HOME} port 43764: no matching MAC found. Their offer: hmac-md5"


def node(name: NodeName, number: int) -> Node:
    forward = Forward(node=name, port=Port(20000 + number), target=Target(host="x", port=Port(22)))
    key = parse_public_key(public_key(number))
    return Node(name=name, public_key=key, forwards=(forward,), added_at=0)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    made = gateway_in(tmp_path)
    nodes = {OFFICE: node(OFFICE, 1), BARN: node(BARN, 2)}
    made.use(Registry(nodes=MappingProxyType(nodes)))
    return made


@pytest.fixture
def attempts(gateway: Gateway) -> Attempts:
    return Attempts(gateway)


def hear(attempts: Attempts, *texts: str, pid: int = 7, uid: int = 0) -> None:
    for text in texts:
        attempts.hear(LogLine(text=text, pid=pid, uid=uid))


def notes(gateway: Gateway) -> dict[NodeName, str]:
    return {
        name: note.removeprefix(f"{CONDITION}: ")
        for name in (OFFICE, BARN)
        if (note := gateway.watcher.shut_outs.note(name, time.monotonic()))
    }


def test_the_only_node_of_an_address_is_named(gateway: Gateway, attempts: Attempts) -> None:
    gateway.watcher.shut_outs.seen(OFFICE, HOME)

    hear(attempts, MAC, MAC)

    assert told(gateway) == [("office", "node office", f"sshd refused a login from {HOME}: {MAC}")]
    assert notes(gateway) == {OFFICE: MAC}


def test_a_key_that_the_line_names_tells_nodes_of_one_address_apart(
    gateway: Gateway, attempts: Attempts
) -> None:
    for name in (OFFICE, BARN):
        gateway.watcher.shut_outs.seen(name, HOME)
    line = f"Error checking authentication key ED25519 {fingerprint(KEY)} in revoked keys file /x"

    hear(attempts, line)

    assert [(who, text.rpartition(": ")[2]) for who, _, text in told(gateway)] == [("office", line)]
    assert notes(gateway) == {OFFICE: line}


def test_a_reason_that_hits_the_account_is_noted_for_each_node_of_the_address(
    gateway: Gateway, attempts: Attempts
) -> None:
    for name in (OFFICE, BARN):
        gateway.watcher.shut_outs.seen(name, HOME)

    hear(attempts, f"User {USER} from {HOME} {GROUP}", MAC)

    assert set(notes(gateway)) == {OFFICE, BARN}
    (group, mac) = told(gateway)
    assert group[:2] == mac[:2] == (None, f"address {HOME}")
    assert group[2].endswith("; from there came barn, office")
    assert notes(gateway)[OFFICE].endswith(GROUP), "whose MAC does not match is not known"


def test_a_node_whose_tunnel_is_up_is_not_the_one_that_was_refused(
    gateway: Gateway, attempts: Attempts
) -> None:
    for name in (OFFICE, BARN):
        gateway.watcher.shut_outs.seen(name, HOME)
    here = read_process(os.getpid())
    assert here is not None
    for name, port, session in (
        (OFFICE, 20001, here.id),
        (BARN, 20002, replace(here.id, start_ticks=1)),
    ):
        gateway.ledger.put(Tunnel(node=name, port=Port(port), session=session))

    hear(attempts, MAC)

    assert notes(gateway) == {BARN: MAC}
    assert told(gateway)[0][0] == "barn"


def test_a_login_with_the_nodes_key_ends_the_note_and_says_where_it_comes_from(
    gateway: Gateway, attempts: Attempts
) -> None:
    gateway.watcher.shut_outs.shut(OFFICE, "x", time.monotonic())

    hear(attempts, ACCEPTED)

    assert notes(gateway) == {}
    assert gateway.watcher.shut_outs.nodes_at == {HOME: {OFFICE}}


def test_a_session_that_cannot_fork_belongs_to_the_key_that_logged_in(
    gateway: Gateway, attempts: Attempts
) -> None:
    hear(attempts, ACCEPTED, "User child is on pid 8")
    line = "error: do_exec_no_pty: fork: Resource temporarily unavailable"

    hear(attempts, line, pid=8, uid=gateway.watcher.uid)

    assert told(gateway)[0][0] == "office"
    assert notes(gateway) == {OFFICE: line.removeprefix("error: ")}


@pytest.mark.parametrize(
    ("texts", "actor"),
    [
        pytest.param(
            [f"User {USER} from 203.0.113.9 {GROUP}"], "address 203.0.113.9", id="our user"
        ),
        pytest.param(
            [f"Access denied for user {USER} by PAM account configuration"],
            "an unknown peer",
            id="our user, from anywhere",
        ),
        pytest.param([MAC], f"address {HOME}", id="nobody said who"),
    ],
)
def test_without_a_known_node_the_event_is_about_the_gateway(
    gateway: Gateway, attempts: Attempts, texts: list[str], actor: str
) -> None:
    hear(attempts, *texts)

    assert [one[:2] for one in told(gateway)] == [(None, actor)]
    assert notes(gateway) == {}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "Error checking authentication key ED25519 SHA256:other in revoked keys file /x",
            id="another key",
        ),
        pytest.param("PAM: pam_open_session(): Permission denied", id="another login"),
        pytest.param(f"Connection closed by invalid user {USER} {HOME} port 1", id="told already"),
    ],
)
def test_what_may_be_about_other_users_makes_no_event(
    gateway: Gateway, attempts: Attempts, text: str
) -> None:
    hear(attempts, text)

    assert told(gateway) == []


def test_the_row_shows_the_note_only_without_a_tunnel(gateway: Gateway) -> None:
    gateway.watcher.shut_outs.shut(OFFICE, GROUP, time.monotonic())
    forward = gateway.registry.nodes[OFFICE].forwards[0]
    row = Tunnel(node=OFFICE, port=forward.port, detail="nobody listens")
    held = Held(owner=Owner.NOBODY)
    assert gateway.watcher.with_notes(row, forward, held).detail == (
        f"nobody listens; {CONDITION}: {GROUP}"
    )
    holds = replace(held, session=ProcessId(pid=1, start_ticks=1))
    assert gateway.watcher.with_notes(row, forward, holds).detail == "nobody listens"


def test_addresses_from_before_the_start_are_read_from_the_events(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert last_addresses(path) == {}
    texts = {
        "reversi/1.0, instance a connected from 192.0.2.1:40": OFFICE,
        "instance b connected from [2001:db8::7]:41": OFFICE,
        "instance a connected from an unknown peer": BARN,
    }
    store = open_store(path)
    events = [Event(at=1.0, kind=EventKind.HOLD, text=text, node=to) for text, to in texts.items()]
    store.write(Batch(events=events))
    store.close()

    assert last_addresses(path) == {OFFICE: "2001:db8::7"}
