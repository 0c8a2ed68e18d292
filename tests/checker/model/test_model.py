"""The model's grammars (names, ports, targets, forwards, expects), and what is shown of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    OPEN,
    STATUS_MEANING,
    VERBS,
    Expect,
    ExpectKind,
    ForwardRequest,
    InvalidValue,
    Port,
    Status,
    Target,
    Tunnel,
    is_stale,
    joined,
    parse_expect,
    parse_forward,
    parse_name,
    parse_port,
    parse_target,
    printable,
    tunnel_json,
    unescape,
)
from tests.strategies import FORWARD, NOW, OFFICE, PORT, SESSION

any_text = st.text(st.characters())
near_targets = st.text(alphabet="az09.-_:%[]= ,", max_size=20)


@given(any_text | st.from_regex(r"(banner|send|http|tls|open):?.*( expect:.*)?", fullmatch=True))
def test_any_text_is_an_expect_that_reads_back_or_is_invalid(text: str) -> None:
    try:
        expect = parse_expect(text)
    except InvalidValue:
        return

    assert parse_expect(str(expect)) == expect


@given(any_text | near_targets)
def test_any_text_is_a_target_that_reads_back_or_is_invalid(text: str) -> None:
    try:
        target = parse_target(text)
    except InvalidValue:
        return

    assert parse_target(str(target)) == target


@given(any_text | near_targets.map(lambda text: f"20010={text}"))
def test_any_text_is_a_forward_or_invalid(text: str) -> None:
    try:
        request = parse_forward(text)
    except InvalidValue:
        return

    assert request.port is None or 0 < request.port < 65536


@given(any_text)
def test_any_text_is_a_name_without_a_path_in_it_or_is_invalid(text: str) -> None:
    try:
        name = parse_name(text)
    except InvalidValue:
        return

    assert Path(name).name == name
    assert not name.startswith((".", "-"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "127.0.0.1:22",
            ForwardRequest(port=None, target=Target(host="127.0.0.1", port=Port(22))),
            id="target alone",
        ),
        pytest.param(
            "20010=nas.lan:443,tls",
            ForwardRequest(
                port=PORT,
                target=Target(host="nas.lan", port=Port(443)),
                expect=Expect(kind=ExpectKind.TLS),
            ),
            id="port and tls",
        ),
        pytest.param(
            "20010=[fe80::1%eth0]:80,http",
            ForwardRequest(
                port=PORT,
                target=Target(host="fe80::1%eth0", port=Port(80)),
                expect=Expect(kind=ExpectKind.HTTP),
            ),
            id="IPv6",
        ),
        pytest.param(
            "mail:25,send:a=b,c\\r\\n expect:220, x",
            ForwardRequest(
                port=None,
                target=Target(host="mail", port=Port(25)),
                expect=Expect(kind=ExpectKind.SEND, send="a=b,c\\r\\n", text="220, x"),
            ),
            id="commas and equals in the expect",
        ),
        pytest.param(
            "x:1,banner:SSH-2.0",
            ForwardRequest(
                port=None,
                target=Target(host="x", port=Port(1)),
                expect=Expect(kind=ExpectKind.BANNER, text="SSH-2.0"),
            ),
            id="banner",
        ),
        pytest.param(
            "20010=x:1,public,banner:public,tls",
            ForwardRequest(
                port=Port(20010),
                target=Target(host="x", port=Port(1)),
                expect=Expect(kind=ExpectKind.BANNER, text="public,tls"),
                public=True,
            ),
            id="public",
        ),
        pytest.param(
            "x:1,public",
            ForwardRequest(port=None, target=Target(host="x", port=Port(1)), public=True),
            id="public, nothing expected",
        ),
        pytest.param(
            "x:1,open",
            ForwardRequest(port=None, target=Target(host="x", port=Port(1)), expect=OPEN),
            id="open",
        ),
    ],
)
def test_a_forward_is_read(text: str, expected: ForwardRequest) -> None:
    assert parse_forward(text) == expected
    assert parse_forward(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("=host:22", id="no port before ="),
        pytest.param("0=host:22", id="port 0"),
        pytest.param("20010=host", id="no target port"),
        pytest.param("20010=host:0", id="target port 0"),
        pytest.param("20010=::1:22", id="IPv6 without brackets"),
        pytest.param("20010=[host]:22", id="a name in brackets"),
        pytest.param("20010=[a%b]:22", id="an address that could not be read back"),
        pytest.param("20010=ho st:22", id="space"),
        pytest.param("20010=host:22,", id="nothing after the comma"),
        pytest.param("20010=host:22,public,", id="nothing after public"),
        pytest.param("20010=host:22,tls,public", id="public after the expect"),
        pytest.param("20010=host:22,bannr:x", id="unknown expect"),
        pytest.param("20010=host:22\n", id="newline"),
    ],
)
def test_an_impossible_forward_is_invalid(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_forward(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "banner:",
        "banner:--",
        "send:x",
        "send: expect:y",
        "send:x expect:",
        "HTTP",
        "tls ",
        "open:",
    ],
)
def test_an_invalid_expect_names_the_five_valid_ones(text: str) -> None:
    with pytest.raises(
        InvalidValue,
        match=r"write banner:PREFIX .* http, tls, 'send:TEXT expect:TEXT', hostkey or open",
    ):
        parse_expect(text)


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", " 1", "1 ", "٢", "0x10", "123456"])
def test_an_impossible_port_is_invalid(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not a port; write a number from 1 to 65535"):
        parse_port(text)


def test_an_impossible_target_is_invalid() -> None:
    with pytest.raises(InvalidValue, match="is not HOST:PORT"):
        parse_target("host")


@pytest.mark.parametrize(
    "text",
    ["", "Office", "-office", ".office", "of fice", "a/b", "..", "x" * 64, "büro", "office\n"],
)
def test_an_impossible_name_is_invalid(text: str) -> None:
    with pytest.raises(InvalidValue, match="1 to 63 of a-z 0-9"):
        parse_name(text)


@pytest.mark.parametrize("text", sorted(VERBS))
def test_no_node_is_named_like_a_word_of_the_protocol(text: str) -> None:
    with pytest.raises(InvalidValue, match="a word of the protocol; choose another name"):
        parse_name(text)


@pytest.mark.parametrize("text", ["_sweep", "_gateway", "_lock", "_sshd_config"])
def test_no_node_can_be_named_like_a_file_of_the_daemon(text: str) -> None:
    with pytest.raises(InvalidValue, match="begin with a letter or digit"):
        parse_name(text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"EHLO x\r\n", b"EHLO x\r\n"),
        (r"\x00\xfF", b"\0\xff"),
        (r"\\r", rb"\r"),
        (r"\q\x1", rb"\q\x1"),
        ("é", b"\xc3\xa9"),
    ],
)
def test_escapes_stand_for_their_bytes(written: str, meant: bytes) -> None:
    assert unescape(written) == meant


def test_a_tunnel_shows_the_documented_keys_in_their_order() -> None:
    seen = Tunnel(
        node=OFFICE,
        port=PORT,
        status=Status.HUNG,
        detail="why",
        session=SESSION,
        peer="192.0.2.1 5000",
        since=NOW,
        probed_at=NOW + 1,
        checked_at=NOW + 2,
        failures=3,
        kills=4,
        strikes=1,
        verdict=8,
        revision=9,
    )

    assert list(tunnel_json(FORWARD, seen).items()) == [
        ("node", "office"),
        ("port", 20010),
        ("target", "127.0.0.1:22"),
        ("expect", "banner:SSH-2.0"),
        ("status", "hung"),
        ("detail", "why"),
        ("latency_ms", None),
        ("pid", 4242),
        ("peer", "192.0.2.1 5000"),
        ("since", NOW),
        ("probed_at", NOW + 1),
        ("checked_at", NOW + 2),
        ("failures", 3),
        ("kills", 4),
    ]


def test_what_is_not_known_of_a_tunnel_is_null() -> None:
    shown = tunnel_json(FORWARD, Tunnel(node=OFFICE, port=PORT))

    assert [key for key, value in shown.items() if value is None] == [
        "latency_ms",
        "pid",
        "peer",
        "since",
        "probed_at",
        "checked_at",
    ]
    assert shown["status"] == "unknown"


def test_each_forward_is_joined_with_what_was_seen_of_it() -> None:
    up = Tunnel(node=OFFICE, port=PORT, status=Status.UP)

    assert joined([FORWARD], [up]) == ((FORWARD, up),)
    assert joined([FORWARD], []) == ((FORWARD, Tunnel(node=OFFICE, port=PORT)),)


@pytest.mark.parametrize(
    ("probed_at", "stale"),
    [(None, False), (NOW - 60, False), (NOW - 60.1, True), (NOW + 5, False), (NOW + 5.1, True)],
    ids=["never", "three sweeps", "more than three", "a clock that is adjusted", "the future"],
)
def test_a_row_is_stale_after_three_sweeps(probed_at: float | None, stale: bool) -> None:
    assert is_stale(Tunnel(node=OFFICE, port=PORT, probed_at=probed_at), 20.0, NOW) is stale


@pytest.mark.parametrize(
    ("due_s", "age_s", "stale"),
    [
        pytest.param(155.0, 465.0, False, id="probed seldom, and in time"),
        pytest.param(155.0, 465.1, True, id="probed seldom, and more than twice its interval late"),
        pytest.param(1.0, 60.0, False, id="never sooner than all others"),
    ],
)
def test_a_row_is_stale_by_its_own_interval(due_s: float, age_s: float, *, stale: bool) -> None:
    tunnel = Tunnel(node=OFFICE, port=PORT, probed_at=NOW - age_s, due_s=due_s)

    assert is_stale(tunnel, 20.0, NOW) is stale


@given(any_text | st.binary(), st.integers(0, 80))
def test_what_a_device_sends_is_shown_in_plain_ascii_and_cut(sent: str | bytes, limit: int) -> None:
    shown = printable(sent, limit)

    assert re.fullmatch(r"[ -~]*", shown)
    assert len(shown) <= limit


def test_every_status_has_its_meaning() -> None:
    assert set(STATUS_MEANING) == set(Status)
