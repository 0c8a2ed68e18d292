"""The inventory of Ansible; tests/system/page_bulk.py has Ansible read it."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from checker.model import Node, Status
from checker.registry.ansible_inventory import (
    InventoryHost,
    inventory,
    tag_group,
    without_taken_names,
)
from checker.registry.ssh_hosts import Way
from tests.checker.registry.test_ssh_hosts import hosts_of, node, pinned


def listed(
    one: Node, status: Status = Status.UP, *, tags: tuple[str, ...] = (), is_stale: bool = False
) -> InventoryHost:
    (host,) = hosts_of(one).hosts
    return InventoryHost(
        node=replace(one, tags=tags, note="attic, key at the bakery"),
        host=host,
        status=status,
        is_stale=is_stale,
    )


OFFICE = node("office", (20010, "127.0.0.1:22"))
BARN = node("barn", (20011, "127.0.0.1:22"))


def test_a_host_has_what_ansible_needs_and_what_reversi_knows() -> None:
    document = inventory([listed(pinned(OFFICE), tags=("openwrt", "site-a"))], Way(user="root"))

    variables = document["_meta"]["hostvars"]["office"]
    arguments = shlex.split(variables.pop("ansible_ssh_common_args"))
    assert variables.pop("ansible_control_path").startswith("%(directory)s/")
    assert variables == {
        "ansible_host": "127.0.0.1",
        "ansible_port": 20010,
        "ansible_user": "root",
        "reversi_status": "up",
        "reversi_tags": ["openwrt", "site-a"],
        "reversi_note": "attic, key at the bakery",
    }
    assert arguments[::2] == ["-o"] * 6
    assert arguments[1::2] == [
        "CheckHostIP=no",
        "UserKnownHostsFile=~/.ssh/reversi_pinned_keys /etc/ssh/reversi_pinned_keys",
        "StrictHostKeyChecking=yes",
        "ForwardAgent=no",
        "ProxyJump=none",
        "HostKeyAlias=reversi:office",
    ]


def test_hosts_are_in_the_groups_of_their_status_and_tags() -> None:
    document = inventory(
        [
            listed(BARN, Status.DOWN, tags=("site-a", "site.a"), is_stale=True),
            listed(OFFICE, tags=("site-a",)),
        ],
        Way(jump="gw"),
    )

    del document["_meta"]
    assert document == {
        "reversi": {"hosts": ["barn", "office"]},
        "reversi_down": {"hosts": ["barn"]},
        "reversi_stale": {"hosts": ["barn"]},
        "reversi_up": {"hosts": ["office"]},
        "tag_site_a": {"hosts": ["barn", "office"]},
    }


def test_ansible_evaluates_nothing_in_a_note() -> None:
    note = "{{ lookup('pipe', 'id') }}"
    office = replace(listed(OFFICE), node=replace(OFFICE, note=note))

    variables = inventory([office], Way())["_meta"]["hostvars"]["office"]

    assert variables["reversi_note"] == {"__ansible_unsafe": note}


@pytest.mark.parametrize("name", ["reversi", "all", "ungrouped", "localhost"])
def test_a_node_that_is_named_like_a_group_or_the_machine_is_left_out(name: str) -> None:
    good, taken = without_taken_names([listed(OFFICE), listed(node(name, (20012, "[::1]:22")))])

    assert [one.host.name for one in good] == ["office"]
    assert taken == (name,)


def test_a_prefix_cannot_make_the_name_of_a_group() -> None:
    (host,) = hosts_of(node("prod", (20012, "[::1]:22")), prefix="tag_").hosts
    prod = replace(listed(OFFICE, tags=("prod",)), host=host)

    assert without_taken_names([prod]) == ([], ("tag_prod",))


def test_an_empty_inventory_has_its_variables_and_its_group() -> None:
    assert inventory([], Way()) == {"_meta": {"hostvars": {}}, "reversi": {"hosts": []}}


@pytest.mark.parametrize(
    ("tag", "group"), [("site-a", "tag_site_a"), ("x.y_z", "tag_x_y_z"), ("9", "tag_9")]
)
def test_a_group_has_only_characters_that_ansible_allows(tag: str, group: str) -> None:
    assert tag_group(tag) == group


def test_two_gateways_share_no_connection_though_ports_and_names_are_the_same() -> None:
    paths = [
        inventory([listed(OFFICE)], Way(jump=jump))["_meta"]["hostvars"]["office"][
            "ansible_control_path"
        ]
        for jump in ("gw", "other")
    ]

    assert len(set(paths)) == 2
