"""The ways to reach a node and its target, as command lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Port, Publication, Status
from checker.rows.row import Row
from reversi_tui.actions.reach import Hop, Way, as_user, hop_to, ways
from reversi_tui.terminal.process_group import shown
from tests.reversi_tui.actions.test_ssh import SSH, row

HOP = Hop(host="gw.example.org")
WEB, TLS = row(20011, "http", target=80), row(20012, "tls", target=443)
LOGIN = (
    "-p 20010 -o HostName=127.0.0.1 -o HostKeyAlias=office -o CheckHostIP=no"
    " -o StrictHostKeyChecking=ask"
)


def published(there: Row, publication: Publication) -> Row:
    assert there.forward
    return replace(there, forward=replace(there.forward, published=(publication,)))


def found(there: Row, *, hop: Hop = HOP, user: str = "", on_ipv6: int = 0) -> dict[str, Way]:
    rows = ways([there], there, user=user, on_ipv6={on_ipv6}, hop=hop)
    assert not isinstance(rows, str), rows
    return {way.id: way for way in rows}


@pytest.mark.parametrize(
    ("way", "there", "hop", "command"),
    [
        ("ssh", SSH, HOP, f"ssh {LOGIN} -o ProxyCommand=none -o ControlPath=none -- office"),
        (
            "user",
            SSH,
            HOP,
            f"ssh {LOGIN} -o ProxyCommand=none -o ControlPath=none -l USER -- office",
        ),
        ("jump", SSH, HOP, f"ssh -J gw.example.org {LOGIN} -o ControlPath=none -- office"),
        (
            "jump",
            SSH,
            Hop(host="2001:db8::1", port=2222),
            f"ssh -J '[2001:db8::1]:2222' {LOGIN} -o ControlPath=none -- office",
        ),
        (
            "local",
            WEB,
            HOP,
            "ssh -N -o ExitOnForwardFailure=yes -L 20011:127.0.0.1:20011 -- gw.example.org",
        ),
        (
            "local",
            row(443, "tls"),
            Hop(host="2001:db8::1", port=2222),
            "ssh -N -o ExitOnForwardFailure=yes -L 20443:127.0.0.1:443 -p 2222 -- 2001:db8::1",
        ),
        ("curl", WEB, HOP, "curl -sS -i --max-time 10 http://127.0.0.1:20011/"),
        (
            "curl",
            row(20011, "open", target=80),
            HOP,
            "curl -sS -i --max-time 10 http://127.0.0.1:20011/",
        ),
        (
            "curl",
            published(WEB, Publication(port=Port(80), send_proxy=True)),
            HOP,
            "curl -sS -i --max-time 10 --haproxy-protocol http://127.0.0.1:20011/",
        ),
        ("curl", TLS, HOP, "curl -sS -i --max-time 10 -k https://127.0.0.1:20012/"),
        ("openssl", TLS, HOP, "openssl s_client -brief -connect 127.0.0.1:20012"),
        (
            "openssl",
            published(TLS, Publication(port=Port(443), sni="mail.example.org")),
            HOP,
            "openssl s_client -brief -servername mail.example.org -connect 127.0.0.1:20012",
        ),
        (
            "curl",
            published(TLS, Publication(port=Port(443), sni="mail.example.org")),
            HOP,
            (
                "curl -sS -i --max-time 10 -k --connect-to mail.example.org:443:127.0.0.1:20012"
                " https://mail.example.org/"
            ),
        ),
    ],
)
def test_each_way_is_one_command(way: str, there: Row, hop: Hop, command: str) -> None:
    assert shown(found(there, hop=hop)[way].argv) == command


def test_a_listener_on_ipv6_only_is_reached_there() -> None:
    assert "http://[::1]:20011/" in found(WEB, on_ipv6=20011)["curl"].argv
    assert "20011:[::1]:20011" in found(WEB, on_ipv6=20011)["local"].argv


def test_only_what_fits_the_target_is_offered_and_only_the_gateways_own_ways_run() -> None:
    assert list(found(SSH)) == ["ssh", "user", "jump", "local"]
    assert list(found(WEB)) == ["local", "curl"]
    assert list(found(TLS)) == ["local", "curl", "openssl"]
    proxy = published(TLS, Publication(port=Port(443), send_proxy=True))
    assert list(found(proxy)) == ["local", "curl"]
    assert [way.id for way in found(SSH).values() if way.runs] == ["ssh", "user"]
    assert all(way.runs for way in found(TLS).values() if way.id != "local")


def test_a_port_of_another_program_is_not_offered() -> None:
    there = replace(WEB, seen=replace(WEB.seen, status=Status.FOREIGN))

    said = ways([there], there, user="", on_ipv6=(), hop=HOP)

    assert said == "no forward of node office leads to an SSH server"


def test_a_folded_row_leads_to_its_ssh_server_only() -> None:
    folded = replace(row(0), forward=None, members=(WEB, SSH))

    assert list(found(folded)) == ["ssh", "user", "jump"]


def test_the_asked_user_takes_the_place_of_the_usual_one() -> None:
    argv = found(SSH, user="admin")["user"].argv

    assert "admin" not in argv
    assert as_user(argv, "root")[-4:] == ("-l", "root", "--", "office")


@pytest.mark.parametrize(
    ("address", "hop"),
    [
        pytest.param("gw:22", Hop(host="gw"), id="the usual port"),
        pytest.param("[2001:db8::1]:2222", Hop(host="2001:db8::1", port=2222), id="IPv6"),
        pytest.param("-oProxyCommand=x:22", Hop(host="GATEWAY"), id="no address"),
        pytest.param("", Hop(host="GATEWAY"), id="unknown"),
    ],
)
def test_the_gateway_is_reached_where_its_devices_reach_it(address: str, hop: Hop) -> None:
    assert hop_to(address) == hop
