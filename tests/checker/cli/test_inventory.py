"""The verb `inventory`."""

from __future__ import annotations

import json
import time

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from tests.checker.cli.homes import ERROR, UP, Run, write_state
from tests.strategies import NOW


def test_the_list_has_each_node_with_what_was_last_seen(
    office: Layout, checker: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(office, tunnels=[UP])
    monkeypatch.setattr(time, "time", lambda: NOW + 10)

    status, text, said = checker("inventory", "--list", "--jump", "gw")

    assert (status, said) == (ExitCode.OK, "")
    document = json.loads(text)
    variables = document.pop("_meta")["hostvars"]
    assert document == {"reversi": {"hosts": ["office"]}, "reversi_up": {"hosts": ["office"]}}
    assert list(variables) == ["office"]
    assert variables["office"]["ansible_port"] == 20010
    assert "-o ProxyJump=gw" in variables["office"]["ansible_ssh_common_args"]
    assert (
        json.loads(checker("inventory", "--host", "office", "--jump", "gw")[1])
        == (variables["office"])
    )


def test_a_prefix_tells_the_nodes_of_two_gateways_apart(office: Layout, checker: Run) -> None:
    document = json.loads(checker("inventory", "--prefix", "b-")[1])
    office_too = json.loads(checker("inventory", "--prefix", "b-", "--host", "b-office")[1])

    assert document["reversi"] == {"hosts": ["b-office"]}
    assert document["_meta"]["hostvars"]["b-office"] == office_too
    assert "~/.ssh/reversi_b-known_hosts" in office_too["ansible_ssh_common_args"]


def test_an_old_sight_is_stale(office: Layout, checker: Run) -> None:
    write_state(office, tunnels=[UP])

    assert json.loads(checker("inventory")[1])["reversi_stale"] == {"hosts": ["office"]}


def test_an_unknown_host_is_refused(office: Layout, checker: Run) -> None:
    status, text, said = checker("inventory", "--host", "offise")

    assert (status, text) == (ExitCode.USAGE, "")
    assert said.endswith("did you mean 'office'? see: reversi-checker node list\n"), said
    assert f"{ERROR}there is no node 'offise'" in said


def test_the_filter_says_if_it_matches_nothing(office: Layout, checker: Run) -> None:
    status, text, _ = checker("inventory", "--filter", "node:nowhere")

    assert (status, text) == (1, "")
