"""HAProxy's file as text, which publications conflict, and their form in a node's file."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.toml_file import ConfigError
from checker.haproxy.config_text import HEAD, outside, render
from checker.model import Forward, InvalidValue, NodeName, Port, Publication, Target
from checker.registry.node_file import node_toml, read_node
from checker.registry.publications import (
    PortForwarded,
    PortPublished,
    ProxyMixed,
    PublicPrivileged,
    PublicTwice,
    PublishedAlready,
    clash,
    needs_root,
    parse_sni,
    unbindable,
    with_publication,
)
from tests.programs import require
from tests.strategies import node, public_key

LOOPBACK = ("127.0.0.1",)
BESIDE = ("203.0.113.7", "2001:db8::7")
snis = st.sampled_from(["", "mail.example.org", "xn--bcher-kva.example", "a-1.b"])
publications = st.builds(
    Publication,
    port=st.sampled_from([Port(25), Port(443), Port(8443)]),
    sni=snis,
    send_proxy=st.booleans(),
)


def forward(name: str = "mail", port: int = 20000, *published: Publication) -> Forward:
    return Forward(
        node=NodeName(name),
        port=Port(port),
        target=Target(host="10.0.0.5", port=Port(25)),
        published=published,
    )


def on(port: int, sni: str = "", *, send_proxy: bool = False) -> Publication:
    return Publication(port=Port(port), sni=sni, send_proxy=send_proxy)


def section(text: str, name: str) -> list[str]:
    """The lines below a heading."""
    lines = text.split(f"\n{name}\n", 1)[1].split("\n\n", 1)[0]
    return [line.strip() for line in lines.splitlines()]


def sections(text: str) -> set[str]:
    return {part.strip() for part in text.split("\n\n")}


def test_nothing_published_is_only_a_comment() -> None:
    assert render([forward()], LOOPBACK) == HEAD


def test_a_port_of_one_forward_sends_all_its_visitors_there() -> None:
    text = render([forward("mail", 20000, on(25, send_proxy=True))], ("0.0.0.0", "::"))

    assert section(text, "frontend reversi-25") == [
        "bind 0.0.0.0:25",
        "bind [::]:25 v6only",
        "default_backend reversi-mail-20000",
    ]
    assert section(text, "backend reversi-mail-20000") == [
        "server tunnel 127.0.0.1:20000 send-proxy"
    ]


def test_visitors_of_one_port_are_routed_by_name_and_others_are_rejected() -> None:
    text = render(
        [
            forward("mail", 20000, on(443, "mail.example.org")),
            forward("shop", 20001, on(443, "shop.example.org")),
        ],
        LOOPBACK,
    )

    assert section(text, "frontend reversi-443") == [
        "bind 127.0.0.1:443",
        "tcp-request inspect-delay 5s",
        "tcp-request content accept if { req.ssl_hello_type 1 }",
        "tcp-request content reject",
        "use_backend reversi-mail-20000 if { req.ssl_sni -i mail.example.org }",
        "use_backend reversi-shop-20001 if { req.ssl_sni -i shop.example.org }",
    ]


def test_visitors_without_a_known_name_go_to_the_forward_without_one() -> None:
    text = render(
        [forward("rest", 20000, on(443)), forward("shop", 20001, on(443, "shop.example.org"))],
        LOOPBACK,
    )
    lines = section(text, "frontend reversi-443")

    assert lines[-1] == "default_backend reversi-rest-20000"
    assert "tcp-request content reject" not in lines


def test_a_forward_published_twice_is_one_backend() -> None:
    text = render([forward("mail", 20000, on(25), on(587))], LOOPBACK)

    assert text.count("\nbackend ") == 1
    assert text.count("\nfrontend ") == 2


@given(st.lists(publications, max_size=6), st.lists(publications, max_size=6))
def test_the_order_of_nodes_does_not_change_the_frontends(
    first: list[Publication], second: list[Publication]
) -> None:
    one, other = forward("mail", 20000, *first), forward("shop", 20001, *second)
    if clash([one, other]) is None:
        assert sections(render([one, other], LOOPBACK)) == sections(render([other, one], LOOPBACK))


@pytest.mark.parametrize(
    ("loopback", "server"), [("127.0.0.1", "127.0.0.1:20000"), ("::1", "[::1]:20000")]
)
def test_a_visitor_is_sent_to_the_loopback_on_which_sshd_listens(
    loopback: str, server: str
) -> None:
    text = render([forward("mail", 20000, on(25))], LOOPBACK, loopback)

    assert f"    server tunnel {server}\n" in text


@pytest.mark.parametrize(
    "addresses",
    [pytest.param(LOOPBACK, id="one"), pytest.param(("0.0.0.0", "::"), id="all of both families")],
)
def test_haproxy_itself_accepts_every_kind_of_file(
    tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    require("haproxy")
    path = tmp_path / "haproxy.cfg"
    mail = forward(
        "mail", 20000, on(25, send_proxy=True), on(443, "mail.example.org", send_proxy=True)
    )
    forwards = [
        mail,
        forward("a.b-c", 20001, on(443)),
        forward("d", 20002, on(8443, "d.example.org")),
    ]
    path.write_text(render(forwards, addresses), encoding="ascii")

    done = subprocess.run(
        [shutil.which("haproxy") or "", "-c", "-f", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org",
        "MAIL.Example.ORG",
        "localhost",
        "xn--bcher-kva.example",
        "_dmarc.example.org",
    ],
)
def test_a_host_name_is_kept_in_lower_case(text: str) -> None:
    assert parse_sni(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*.example.org",
        "a b",
        "a }",
        "a\n",
        "-a.org",
        "a..b",
        "127.0.0.1",
        "::1",
        "10",
        "a." + "b" * 64,
        "é.org",
        "a." * 127 + "bb",
    ],
)
def test_what_is_not_a_host_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"write it as in a certificate"):
        parse_sni(text)


def test_two_forwards_cannot_have_the_same_visitors() -> None:
    trouble = clash([forward("mail", 20000, on(25)), forward("shop", 20001, on(25))])

    assert isinstance(trouble, PublishedAlready)
    assert (
        str(trouble)
        == "port 25 is published without --sni by node mail, for its port 20000; first run:"
        " reversi-checker unpublish mail:20000 --port 25"
    )


def test_a_name_cannot_lead_to_two_forwards() -> None:
    trouble = clash(
        [
            forward("mail", 20000, on(443, "a.org")),
            forward("shop", 20001, on(443, "b.org"), on(443, "a.org")),
        ]
    )

    assert isinstance(trouble, PublishedAlready)
    assert "port 443 is published for a.org by node mail" in str(trouble)


def test_haproxy_and_a_tunnel_cannot_listen_on_one_port() -> None:
    assert isinstance(
        clash([forward("mail", 20000, on(20001)), forward("shop", 20001)]), PortForwarded
    )
    mail = replace(node("mail", ports=(20000,)), forwards=(forward("mail", 20000, on(20025)),))
    assert isinstance(unbindable(node("shop", ports=(20025,)), [mail]), PortPublished)
    assert unbindable(node("shop", ports=(20026,)), [mail]) is None


def test_a_forward_may_be_published_on_its_own_port_beside_its_tunnel() -> None:
    own = forward("office", 50123, on(50123))
    office = replace(node("office"), forwards=(own,))

    assert clash([own]) is None
    assert unbindable(office, []) is None
    text = render([own, forward("mail", 20000, on(25))], ("0.0.0.0", "203.0.113.7"), beside=BESIDE)
    assert section(text, "frontend reversi-50123") == [
        "bind 203.0.113.7:50123",
        "bind [2001:db8::7]:50123 v6only transparent",
        "default_backend reversi-office-50123",
    ]
    assert section(text, "frontend reversi-25")[0] == "bind 0.0.0.0:25"


def test_a_forward_that_moves_to_its_public_port_leaves_its_tunnel_the_loopback() -> None:
    moving = replace(forward("office", 20010, on(50123)), next_port=Port(50123))

    text = render([moving], ("0.0.0.0",), beside=BESIDE[:1])

    assert section(text, "frontend reversi-50123")[0] == "bind 203.0.113.7:50123 transparent"


def test_a_forward_is_not_published_on_the_port_of_another_one_of_its_node() -> None:
    one, other = forward("office", 50123, on(50124)), forward("office", 50124)

    assert isinstance(clash([one, other]), PortForwarded)
    assert isinstance(unbindable(replace(node("office"), forwards=(one, other)), []), PortPublished)


def test_a_tunnel_that_is_public_itself_is_not_published_on_its_port() -> None:
    public = replace(forward("office", 50123, on(50123)), public=True)

    for trouble in (clash([public]), unbindable(replace(node(), forwards=(public,)), [])):
        assert isinstance(trouble, PublicTwice)
        assert "node set office --forward 50123 --public no" in str(trouble)
        assert str(trouble).endswith("unpublish office:50123 --port 50123")


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        pytest.param(("0.0.0.0",), ("203.0.113.7", "10.0.0.1"), id="IPv4"),
        pytest.param(("::",), ("2001:db8::7",), id="IPv6 without link-local addresses"),
        pytest.param(("203.0.113.7", "127.0.0.1"), ("203.0.113.7",), id="named ones"),
        pytest.param(("127.0.0.1", "::1"), (), id="only the loopback"),
    ],
)
def test_haproxy_leaves_the_loopback_to_the_tunnel(
    addresses: tuple[str, ...], found: tuple[str, ...]
) -> None:
    own = ("127.0.0.1", "::1", "203.0.113.7", "fe80::1", "2001:db8::7", "10.0.0.1")

    assert outside(addresses, own) == found


def test_a_tunnel_cannot_be_public_on_a_port_that_needs_root() -> None:
    trouble = unbindable(
        replace(node("mail"), forwards=(replace(forward("mail", 25), public=True),)), []
    )

    assert isinstance(trouble, PublicPrivileged)
    assert str(trouble).endswith("run: reversi-checker publish mail:PORT --port 25")


def test_a_new_forward_on_a_port_that_needs_root_brings_a_warning() -> None:
    (warning,) = needs_root(None, node("mail", ports=(25, 20000)), "reversi")

    assert "sshd binds port 25 only for root, not for reversi" in warning
    assert warning.endswith("reversi-checker publish mail:PORT --port 25")
    assert needs_root(node("mail", ports=(25,)), node("mail", ports=(25, 20000)), "reversi") == ()
    assert needs_root(None, node("mail", ports=(25,)), "root") == ()


def test_a_target_gets_a_proxy_line_always_or_never() -> None:
    assert isinstance(clash([forward("mail", 20000, on(25), on(587, send_proxy=True))]), ProxyMixed)


def test_a_port_can_have_several_names_and_one_forward_without() -> None:
    assert (
        clash(
            [
                forward("mail", 20000, on(443)),
                forward("shop", 20001, on(443, "a.org")),
                forward("mill", 20002, on(25)),
            ]
        )
        is None
    )


def test_publishing_the_same_place_again_replaces_it() -> None:
    once = with_publication(
        forward("mail", 20000, on(25), on(443, "a.org")), on(25, send_proxy=True)
    )

    assert once.published == (on(443, "a.org"), on(25, send_proxy=True))


@given(st.lists(publications, max_size=4).map(tuple))
def test_a_node_file_keeps_what_is_published(
    tmp_path_factory: pytest.TempPathFactory, published: tuple[Publication, ...]
) -> None:
    path = tmp_path_factory.mktemp("nodes") / "office.toml"
    before = node()
    before = replace(
        before, forwards=tuple(replace(one, published=published) for one in before.forwards)
    )

    path.write_bytes(node_toml(before))

    assert read_node(path) == before


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param("25", "publish must be a list of tables", id="no list"),
        pytest.param("[25]", "publish must be a list of tables", id="no table"),
        pytest.param(
            "[{}]", "publish 1: port must be a whole number from 1 to 65535", id="no port"
        ),
        pytest.param("[{port = 25}, {port = 0}]", "publish 2: port must be", id="port 0"),
        pytest.param("[{port = 443, sni = 'a b'}]", "sni 'a b' is not a host name", id="no name"),
        pytest.param(
            "[{port = 443, send_proxy = 1}]",
            "publish 1: send_proxy must be true or false",
            id="no truth",
        ),
    ],
)
def test_a_bad_publication_in_a_node_file_is_named(
    tmp_path: Path, value: str, complaint: str
) -> None:
    path = tmp_path / "office.toml"
    forward = f'[[forward]]\nport = 20010\ntarget = "127.0.0.1:22"\npublish = {value}\n'
    path.write_text(f'public_key = "{public_key()}"\n{forward}', encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_node(path)

    assert "forward 1: " in str(caught.value)
    assert complaint in str(caught.value)
