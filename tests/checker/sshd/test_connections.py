"""The connections to ask sshd about: one for each outcome of the `Match` lines."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.sshd.connections import MOST, addresses, connections
from checker.sshd.match_lines import (
    in_addresses,
)
from tests.checker.sshd.blocks import asked, line, outcomes


@pytest.mark.parametrize(
    "text",
    [
        "Match User root",
        "Match Group root",
        "Match Group *,!reversi",
        "Match invalid-user",
        "Match User !reversi Address 10.0.0.0/8",
    ],
)
def test_a_block_that_never_holds_for_the_tunnel_user_is_not_asked_about(text: str) -> None:
    assert len(asked(line(text))) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Match LocalPort 2222", "lport=2222", id="port"),
        pytest.param("Match LocalAddress 192.0.2.0/24", "laddr=192.0.2.1", id="local address"),
        pytest.param("Match RDomain vrf*", "rdomain=vrfx", id="routing domain"),
        pytest.param(
            "Match Host 10.9.*",
            "host=10.9.0.1,addr=10.9.0.1",
            id="host, which is the address without UseDNS",
        ),
    ],
)
def test_every_criterion_is_asked_about_inside_and_outside(text: str, words: str) -> None:
    assert any(words in each.words("reversi")[1] for each in asked(line(text)))
    assert outcomes(line(text)) == {(True,), (False,)}


def test_host_names_count_only_with_use_dns() -> None:
    named = line("Match Host *.example.org,!vpn.example.org")

    assert outcomes(named) == {(False,)}
    assert outcomes(named, use_dns=True) == {(True,), (False,)}


def test_lines_are_asked_about_both_together_and_separately() -> None:
    wide, narrow, port = (
        line("Match Address 10.0.0.0/8"),
        line("Match Address 10.1.0.0/16,!10.1.2.3"),
        line("Match LocalPort 2222"),
    )

    assert outcomes(wide, narrow, port) == {
        (first, second, third)
        for first in (True, False)
        for second in (True, False)
        for third in (True, False)
        if first or not second
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(4, 32), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_an_address_of_every_part_is_asked_about(
    networks: list[tuple[int, int, int, bool]],
) -> None:
    texts = [
        str(ipaddress.ip_network(f"{high}.{low}.77.1/{bits}", strict=False))
        for high, low, bits, _ in networks
    ]
    patterns = [",".join(["*", *(f"!{text}" for text in texts)]), *texts]
    borders = [ipaddress.ip_network(text) for text in texts]
    everywhere = [str(each) for one in borders for each in (one[0], one[-1])]

    found = {
        tuple(in_addresses(address, each) for each in patterns) for address in addresses(patterns)
    }

    assert {
        tuple(in_addresses(address, each) for each in patterns) for address in everywhere
    } <= found


@pytest.mark.unmeasured
def test_too_many_combinations_are_reported() -> None:
    lines = [
        line(f"Match Address 10.{number % 256}.{number // 256}.0/24") for number in range(MOST + 1)
    ]

    found, is_all = connections(lines, "reversi", {"reversi"}, use_dns=False)

    assert (len(found), is_all) == (MOST, False)


def test_blocks_without_a_judged_setting_need_no_question() -> None:
    lines = [
        replace(line(f"Match LocalPort {port}"), keywords=frozenset({"banner"}))
        for port in range(1, MOST + 9)
    ]

    found, is_all = connections(lines, "reversi", {"reversi"}, use_dns=False)

    assert (len(found), is_all) == (1, True)
    assert found[0].localport is not None  # OpenSSH 9.2 does not answer without
