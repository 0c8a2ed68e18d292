"""The configuration file of ssh, as text; tests/system/test_ssh_config.py has ssh read it."""

from __future__ import annotations

from checker.registry.ssh_config_text import MOST_NAMES, ssh_config
from checker.registry.ssh_hosts import Way
from tests.checker.registry.test_ssh_hosts import hosts_of, node, pinned

WHOLE = """\
# 3 hosts, written by reversi-checker ssh-config. Change nothing here: the next run replaces it.
# To use it, put this line at the top of ~/.ssh/config: Include config.d/*
# Left out: 1 without a forward to an SSH server.
Host attic
  Port 20001
  HostKeyAlias reversi:attic
Host attic.20002
  Port 20002
  HostKeyAlias reversi:attic:192.168.1.9:22
Host barn
  Port 20003
  HostKeyAlias reversi:barn

# hosts whose key is pinned (known-hosts)
Host attic
  StrictHostKeyChecking yes
  UserKnownHostsFile ~/.ssh/reversi_pinned_keys /etc/ssh/reversi_pinned_keys

# all hosts
Host attic attic.20002 barn
  HostName 127.0.0.1
  User root
  CheckHostIP no
  UserKnownHostsFile ~/.ssh/reversi_known_hosts
  StrictHostKeyChecking accept-new
  ForwardAgent no
  ControlPath ~/.ssh/reversi_%C
  ProxyJump you@gateway.example.org:2222
"""


def test_the_options_that_all_share_stand_once_at_the_end() -> None:
    found = hosts_of(
        pinned(node("attic", (20001, "127.0.0.1:22"), (20002, "192.168.1.9:22"))),
        node("barn", (20003, "127.0.0.1:22")),
        node("empty"),
    )

    assert ssh_config(found, Way(jump="you@gateway.example.org:2222", user="root")) == WHOLE


def test_without_hosts_there_is_no_option() -> None:
    lines = ssh_config(hosts_of(), Way()).splitlines()

    assert lines[0].startswith("# 0 hosts, ")
    assert all(line.startswith("#") for line in lines)


def test_many_hosts_share_options_in_blocks_that_ssh_reads_quickly() -> None:
    count = 2 * MOST_NAMES + 1
    nodes = [node(f"n{number:04}", (20000 + number, "127.0.0.1:22")) for number in range(count)]

    lines = ssh_config(hosts_of(*nodes), Way(jump="gw")).splitlines()

    shared = [line.split()[1:] for line in lines if line.startswith("Host n") and " n" in line[5:]]
    assert [len(names) for names in shared] == [MOST_NAMES, MOST_NAMES]
    assert lines.count("  ProxyJump gw") == 3


def test_ten_thousand_pinned_nodes_fit_into_a_megabyte() -> None:
    nodes = [
        pinned(node(f"site-{number:05}", (20000 + number, "127.0.0.1:22")))
        for number in range(10_000)
    ]

    assert len(ssh_config(hosts_of(*nodes), Way(jump="gw", user="root"))) <= 1_000_000
