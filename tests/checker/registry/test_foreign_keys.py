"""Key files written for plain `ssh -R`: which lines become nodes, and why others do not."""

from __future__ import annotations

from datetime import date

import pytest

from checker.model import MOST_PORTS, fingerprint
from checker.registry.foreign_keys import is_key_file, read_keys
from checker.registry.imported import FileRead, Wish, targets_in
from tests.strategies import public_key

KEY = public_key(1)
PORT = 'restrict,port-forwarding,permitlisten="localhost:20010"'
SSHD = targets_in(["127.0.0.1:22,banner:SSH-"])


def read(text: str, *targets: str) -> FileRead:
    assert is_key_file(text)
    wish = Wish(targets=targets_in(targets) if targets else SSHD)
    return read_keys(text, added_at=7, wish=wish, today=date(2026, 11, 26))


def only(text: str, *targets: str) -> tuple[str, list[tuple[int, bool]], str]:
    found = read(text, *targets)
    assert found.problems == ()
    (one,) = found.found
    notes = "; ".join(note.text for note in one.notes)
    return one.node.name, [(f.port, f.public) for f in one.node.forwards], notes


@pytest.mark.parametrize(
    ("options", "ports"),
    [
        pytest.param(PORT, [(20010, False)], id="as-usual"),
        pytest.param('permitlisten="127.0.0.1:20010"', [(20010, False)], id="address"),
        pytest.param('permitlisten="[::1]:20010"', [(20010, False)], id="ipv6"),
        pytest.param('permitlisten="*:20010",no-pty', [(20010, True)], id="public"),
        pytest.param('permitlisten="0.0.0.0:20010"', [(20010, True)], id="all-ipv4"),
        pytest.param(
            'permitlisten="localhost:20010",permitlisten="*:20010"', [(20010, True)], id="both"
        ),
        pytest.param(
            'no-pty,permitlisten="localhost:1,"'.replace(',"', '"')
            + ',PermitListen="localhost:20010"',
            [(1, False), (20010, False)],
            id="several",
        ),
    ],
)
def test_a_line_is_a_node_with_its_own_key_and_ports(
    options: str, ports: list[tuple[int, bool]]
) -> None:
    name, found, notes = only(f"{options} {KEY} root@Office_1\n")

    assert (name, found) == ("office-1", ports)
    assert f"its own key {fingerprint(KEY)} opens its ports" in notes
    assert ("may be bound on all addresses" in notes) is any(public for _, public in ports)


def test_the_target_is_what_the_admin_says() -> None:
    text = f'{PORT},permitlisten="localhost:20011" {KEY} office'

    found = read(text, "127.0.0.1:22,banner:SSH-", "20011=nas:80,http").found[0].node

    assert [(str(f.target), str(f.expect)) for f in found.forwards] == [
        ("127.0.0.1:22", "banner:SSH-"),
        ("nas:80", "http"),
    ]


def test_without_a_target_nothing_is_taken_and_one_sentence_says_why() -> None:
    text = f"{PORT} {KEY} a\n{PORT.replace('10', '11')} {public_key(2)} b"

    found = read_keys(text, added_at=7, wish=Wish(), today=date(2026, 11, 26))

    assert found.found == ()
    ((line, says),) = [(one.line, one.text) for one in found.problems]
    assert line == 1
    assert "add --target" in says
    assert "(2 lines)" in says


def test_options_without_a_counterpart_are_named() -> None:
    _, _, notes = only(f'{PORT},from="10.0.0.0/8,!10.1.*",command="echo \\"a, b\\"",pty {KEY} a')

    assert (
        'left out: from="10.0.0.0/8,!10.1.*" (the key works from any address),'
        ' command="echo "a, b"", pty'
    ) in notes


def test_a_port_without_an_address_is_private_and_that_is_said() -> None:
    _, ports, notes = only(f'permitlisten="20010" {KEY} a')

    assert ports == [(20010, False)]
    assert "a device that asks for all addresses (-R *:20010) is refused" in notes


@pytest.mark.parametrize(
    ("stamp", "day"),
    [("20301231", "2030-12-31"), ("20301231120000Z", "2031-01-01"), ("203012310000", "2030-12-31")],
)
def test_the_day_on_which_a_key_expires_is_kept(stamp: str, day: str) -> None:
    (one,) = read(f'{PORT},expiry-time="{stamp}" {KEY} a').found

    assert one.node.expires == day


def test_devices_with_one_comment_get_their_port_as_well() -> None:
    lines = [
        f'permitlisten="localhost:{port}" {public_key(n)}{comment}'
        for n, (port, comment) in enumerate(
            [(20001, " root@OpenWrt"), (20002, " root@OpenWrt"), (20003, ""), (20004, " key of ü")]
        )
    ]

    assert [one.node.name for one in read("\n".join(lines)).found] == [
        "openwrt-20001",
        "openwrt-20002",
        "device-20003",
        "key-of",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(f"{KEY} a", "no permitlisten", id="no-options"),
        pytest.param(f"no-pty {KEY} a", "no permitlisten", id="no-ports"),
        pytest.param(f'permitlisten="*:*" {KEY}', "allows every port", id="every-port"),
        pytest.param(f'permitlisten="localhost:*" {KEY}', "allows every port", id="any-loopback"),
        pytest.param(f'permitlisten="192.0.2.1:1" {KEY}', "one address of the", id="address"),
        pytest.param(f'permitlisten="localhost:x" {KEY}', "'x' is not a port", id="no-port"),
        pytest.param(f'restrict,permitlisten="a:1" {KEY}', "may not open ports", id="restricted"),
        pytest.param(f"{PORT},no-port-forwarding {KEY}", "may not open ports", id="taken-back"),
        pytest.param(f"cert-authority,{PORT} {KEY}", "certificate authority", id="authority"),
        pytest.param(f"{PORT} ssh-dss AAAAB3Nz a", "ssh-dss is not a type of key", id="dss"),
        pytest.param(
            f"{PORT} sk-ecdsa-sha2-nistp256@openssh.com AAAA a", "is not a type of key", id="sk"
        ),
        pytest.param(f"{PORT} ssh-ed25519 AAAAC3Nz a", "is cut off", id="cut-off"),
        pytest.param(f"{PORT} ssh-ed25519", "not a public key", id="no-key"),
        pytest.param(f"{PORT} {KEY} reversi:office", "line of a reversi gateway", id="ours"),
        pytest.param(f'{PORT},expiry-time="20200101" {KEY}', "expired on 2020-01-01", id="expired"),
        pytest.param(f'{PORT},expiry-time="soon" {KEY}', "is not a time", id="no-time"),
        pytest.param(f'{PORT},expiry-time="99991231235959" {KEY}', "is not a time", id="last-day"),
        pytest.param(f'permitlisten="localhost:1 {KEY}', "is not a key line", id="open-quote"),
        pytest.param("hello", "is not a key line", id="text"),
    ],
)
def test_a_line_that_is_not_taken_is_named_with_its_reason(line: str, says: str) -> None:
    found = read(f"# {KEY}\n\n{line}\n{PORT} {public_key(2)} other")

    assert [one.node.name for one in found.found] == ["other"]
    ((at, why),) = [(one.line, one.text) for one in found.problems]
    assert at == 3
    assert says in why


def test_the_same_key_twice_is_one_node() -> None:
    found = read(f"{PORT} {KEY} a\n{PORT.replace('10', '11')} {KEY} b")

    assert [one.node.name for one in found.found] == ["a"]
    assert [(one.line, one.text) for one in found.problems] == [(2, "has the same key as line 1")]


def test_a_line_with_more_ports_than_sshd_takes_is_read() -> None:
    options = ",".join(f'permitlisten="localhost:{20000 + n}"' for n in range(MOST_PORTS))

    assert len(only(f"{options} {KEY} a")[1]) == MOST_PORTS
