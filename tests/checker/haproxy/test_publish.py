"""`publish` and `unpublish` on a home: what they refuse, write and keep. HAProxy is a script."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.doctor.examine_published import published_facts
from checker.doctor.facts import PublishedFacts
from checker.haproxy import program as proxy_module
from checker.haproxy.config_text import HEAD
from checker.haproxy.program import HaproxyMissing, find_haproxy, proxy_of
from checker.haproxy.publish import (
    OnlyLoopback,
    PortInUse,
    RegistryBroken,
    TunnelEverywhere,
    overlaps,
    refuse_taken,
    unserved,
    wanted_file,
)
from checker.model import Forward, Listener, NodeName, Port, Publication
from checker.registry.reading import read_registry
from tests.checker.haproxy.conftest import Run
from tests.checker.haproxy.places import cfg
from tests.strategies import free_port, node

ERROR = "reversi-checker: error: "


def published(layout: Layout, name: str) -> list[str]:
    return [
        str(one)
        for forward in read_registry(layout.nodes).nodes[NodeName(name)].forwards
        for one in forward.published
    ]


@pytest.mark.usefixtures("haproxy")
def test_a_publication_is_written_to_the_registry_and_to_haproxys_file(
    layout: Layout, checker: Run
) -> None:
    port = free_port()

    code, out, _ = checker(
        "publish", "mail:20011", "--port", str(port), "--sni", "Mail.example.org", "--send-proxy"
    )

    assert code == 0
    assert f"mail:20011 is published on port {port} for mail.example.org with a PROXY line\n" in out
    assert f"haproxy -W -f {cfg(layout)}" in out
    assert published(layout, "mail") == [f"{port} for mail.example.org with a PROXY line"]
    assert "use_backend reversi-mail-20011 if { req.ssl_sni -i mail.example.org }" in cfg(
        layout
    ).read_text(encoding="ascii")
    again = checker(
        "publish", "mail:20011", "--port", str(port), "--sni", "Mail.example.org", "--send-proxy"
    )
    assert again[:2] == (
        0,
        f"mail:20011 is published on port {port} for mail.example.org with a PROXY line already\n",
    )

    code, out, _ = checker("unpublish", "mail:20011", "--sni", "MAIL.example.org")

    assert code == 0
    assert published(layout, "mail") == []
    assert cfg(layout).read_text(encoding="ascii") == HEAD


@pytest.mark.usefixtures("haproxy")
def test_a_port_or_a_node_with_one_forward_is_enough_to_name_it(
    layout: Layout, checker: Run
) -> None:
    assert checker("publish", "20010", "--port", str(free_port()))[0] == 0
    assert checker("publish", "shop", "--port", str(free_port()))[0] == 0
    assert len(published(layout, "mail")) == len(published(layout, "shop")) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(
            ("publish", "mail", "--port", "25"),
            "node mail has 2 forwards; say which: mail:20010 or mail:20011",
            id="which",
        ),
        pytest.param(
            ("publish", "mail:9", "--port", "25"), "node mail has no port 9", id="no such port"
        ),
        pytest.param(
            ("publish", "attic:9", "--port", "25"), "there is no node 'attic'", id="no such node"
        ),
        pytest.param(("publish", "shop"), "publish needs --port PORT", id="no port"),
        pytest.param(("publish", "shop", "--port", "0"), "port '0' is not a port", id="port 0"),
        pytest.param(
            ("publish", "shop", "--port", "443", "--sni", "a b"),
            "sni 'a b' is not a host name",
            id="no name",
        ),
        pytest.param(
            ("publish", "--port", "443"), "publish needs NODE:PORT beside --port", id="no forward"
        ),
        pytest.param(
            ("publish", "shop", "--port", "20010"),
            "the tunnel of node mail listens on port 20010",
            id="a tunnel's",
        ),
        pytest.param(("unpublish", "shop"), "shop:20012 is not published so", id="not published"),
    ],
)
@pytest.mark.usefixtures("haproxy")
def test_what_cannot_be_published_is_refused_with_a_reason(
    layout: Layout, checker: Run, words: tuple[str, ...], complaint: str
) -> None:
    code, _, err = checker(*words)

    assert code == 2
    assert err.startswith(ERROR)
    assert complaint in err
    assert not cfg(layout).exists()


@pytest.mark.usefixtures("haproxy")
def test_the_holder_of_a_place_is_named(layout: Layout, checker: Run) -> None:
    port = str(free_port())
    checker("publish", "mail:20010", "--port", port)

    code, _, err = checker("publish", "shop", "--port", port)

    assert code == 2
    assert f"port {port} is published without --sni by node mail, for its port 20010" in err
    assert published(layout, "shop") == []


@pytest.mark.usefixtures("haproxy")
def test_a_port_in_use_is_refused_unless_haproxy_has_it(layout: Layout, checker: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = str(other.getsockname()[1])

        code, _, err = checker("publish", "shop", "--port", port)

        assert code == 2
        assert f"port {port} is in use by " in err
        assert not cfg(layout).exists()
        proxy = proxy_of(layout, Config(tunnel_user="x", publish_on=("127.0.0.1",)))
        with pytest.raises(PortInUse):
            refuse_taken(Port(int(port)), read_registry(layout.nodes), proxy, os.geteuid())
    checker("publish", "shop", "--port", port)
    with closing(socket.create_server(("127.0.0.1", int(port)))):  # as HAProxy would
        assert checker("publish", "mail:20010", "--port", port, "--sni", "a.org")[0] == 0


@pytest.mark.usefixtures("haproxy")
def test_a_forward_is_published_on_its_own_port_beside_its_tunnel(
    layout: Layout, checker: Run
) -> None:
    layout.config.write_text('publish_on = ["203.0.113.7", "127.0.0.1"]\n', encoding="utf-8")

    code, _, err = checker("publish", "shop", "--port", "20012")

    assert code == 0, err
    assert "frontend reversi-20012\n    bind 203.0.113.7:20012\n    default" in cfg(
        layout
    ).read_text(encoding="ascii")
    code, _, err = checker("node", "set", "shop", "--public", "yes")
    assert code == 2
    assert "port 20012 of node shop cannot be both public and published" in err
    assert checker("node", "set", "shop", "--expect", "tls")[0] == 0
    assert checker("unpublish", "shop")[0] == 0


@pytest.mark.usefixtures("haproxy")
def test_a_port_has_no_room_beside_its_tunnel_on_the_loopback_or_on_all_addresses(
    layout: Layout, checker: Run
) -> None:
    code, _, err = checker("publish", "shop", "--port", "20012")
    assert code == 2
    assert "there is no other address to publish it on" in err
    proxy = proxy_of(layout, Config(tunnel_user="x", publish_on=("203.0.113.7",)))
    registry = read_registry(layout.nodes)
    with pytest.raises(OnlyLoopback):
        wanted_file(
            registry.with_node(
                replace(
                    node("shop", 2),
                    forwards=(published_on_itself(registry.nodes[NodeName("shop")].forwards[0]),),
                )
            ),
            replace(proxy, beside=()),
        )

    with closing(socket.create_server(("0.0.0.0", 0))) as everywhere:
        port = Port(everywhere.getsockname()[1])
        mine = registry.with_node(node("shop", 2, ports=(port,)))
        with pytest.raises(TunnelEverywhere, match=f"reversi-checker kill shop:{port}; then"):
            refuse_taken(port, mine, proxy, os.geteuid())
        with pytest.raises(PortInUse):
            refuse_taken(port, mine, proxy, os.geteuid() + 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as on_loopback:
        port = Port(on_loopback.getsockname()[1])
        refuse_taken(port, registry.with_node(node("shop", 2, ports=(port,))), proxy, os.geteuid())


def test_a_tunnel_on_the_published_port_is_not_taken_for_haproxy(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, haproxy: Callable[[str], None]
) -> None:
    haproxy("exit 0")
    proxy = proxy_of(layout, Config(tunnel_user="x", publish_on=("203.0.113.7",)))
    with closing(socket.create_server(("127.0.0.1", 0))) as tunnel:
        port = Port(tunnel.getsockname()[1])
        (forward,) = node("shop", 2, ports=(port,)).forwards
        shop = replace(node("shop", 2), forwards=(published_on_itself(forward),))
        registry = read_registry(layout.nodes).with_node(shop)

        assert f"haproxy does not listen on port {port}" in unserved(registry, proxy)
        monkeypatch.setattr(proxy_module, "read_listeners", lambda: {port: (OUTSIDE,)})
        assert unserved(registry, proxy) == ""


OUTSIDE = Listener(address="203.0.113.7", port=Port(1), uid=0, inode=1)


def published_on_itself(forward: Forward) -> Forward:
    return replace(forward, published=(Publication(port=forward.port),))


def test_a_file_that_haproxy_refuses_replaces_nothing(
    layout: Layout, checker: Run, haproxy: Callable[[str], None]
) -> None:
    checker("publish")
    haproxy(
        "echo '[NOTICE] (1) : hello' >&2; echo '[ALERT] (1) : config : line 3 is bad' >&2; exit 1"
    )

    code, _, err = checker("publish", "shop", "--port", str(free_port()))

    assert code == 2
    assert (
        err
        == f"{ERROR}haproxy refuses the new configuration, so the old one stays: config : line 3 is"
        " bad\n"
    )
    assert cfg(layout).read_text(encoding="ascii") == HEAD
    assert published(layout, "shop") == []
    assert sorted(path.name for path in cfg(layout).parent.glob("*haproxy*")) == ["haproxy.cfg"]


@pytest.mark.usefixtures("haproxy")
def test_a_reload_that_fails_restores_the_old_file_and_reloads_it(
    layout: Layout, checker: Run, tmp_path: Path
) -> None:
    port, told = free_port(), tmp_path / "told"
    script = tmp_path / "reload"
    script.write_text(
        f"#!/bin/sh\ngrep -c frontend {cfg(layout)} >>{told}\necho no unit >&2\nexit 5\n",
        encoding="ascii",
    )
    script.chmod(0o755)
    layout.config.write_text(
        f'publish_on = ["127.0.0.1"]\nhaproxy_reload = "{script}"\n', encoding="utf-8"
    )

    code, _, err = checker("publish", "shop", "--port", str(port))

    assert code == 2
    assert "no unit; the old configuration is back; see docs/publishing.md" in err
    assert told.read_text(encoding="ascii").split() == ["1", "0"]
    assert cfg(layout).read_text(encoding="ascii") == HEAD
    assert published(layout, "shop") == []


@pytest.mark.usefixtures("haproxy")
def test_a_reload_after_which_nobody_listens_has_failed(
    layout: Layout, checker: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "LISTENS_WITHIN_S", 0.1)
    layout.config.write_text(
        'publish_on = ["127.0.0.1"]\nhaproxy_reload = "true"\n', encoding="utf-8"
    )
    port = free_port()

    code, _, err = checker("publish", "shop", "--port", str(port))

    assert code == 2
    assert (
        f"haproxy was reloaded, but does not listen on port {port};"
        f" check that it reads {cfg(layout)}" in err
    )


@pytest.mark.usefixtures("haproxy")
def test_a_dry_run_shows_the_file_and_writes_nothing(layout: Layout, checker: Run) -> None:
    port = free_port()

    code, out, _ = checker("publish", "shop", "--port", str(port), "--dry-run")

    assert code == 0
    assert f"frontend reversi-{port}\n    bind 127.0.0.1:{port}\n" in out
    assert not cfg(layout).exists()

    checker("publish", "shop", "--port", str(port))
    code, out, _ = checker("unpublish", "shop", "--dry-run")

    assert code == 0
    assert out == f"would unpublish shop:20012 on port {port}\n"
    assert published(layout, "shop") == [str(port)]


@pytest.mark.usefixtures("haproxy")
def test_publish_takes_up_an_edit_by_hand(layout: Layout, checker: Run) -> None:
    path, port = layout.nodes / "shop.toml", free_port()
    code, out, _ = checker("publish")
    assert (code, out) == (0, f"wrote {cfg(layout)}: nothing is published yet\n")
    forward = f'[[forward]]\nport = 20012\ntarget = "127.0.0.1:22"\npublish = [{{port = {port}}}]\n'
    path.write_text(f'public_key = "{node("shop", 2).public_key}"\n{forward}', encoding="utf-8")

    assert f"frontend reversi-{port}" in checker("publish", "--dry-run")[1]
    assert checker("publish")[0] == 0
    assert f"frontend reversi-{port}" in cfg(layout).read_text(encoding="ascii")
    assert checker("publish")[1] == f"{cfg(layout)} agrees with the registry already\n"

    path.write_text("public_key = 1\n", encoding="utf-8")
    code, _, err = checker("publish", "mail:20010", "--port", str(free_port()))

    assert code == 2
    assert "HAProxy is left as it is, because a node's file is broken" in err
    with pytest.raises(RegistryBroken):
        wanted_file(read_registry(layout.nodes), proxy_of(layout, Config(tunnel_user="x")))
    assert f"frontend reversi-{port}" in cfg(layout).read_text(encoding="ascii")


def test_a_machine_without_haproxy_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(proxy_module, "PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        HaproxyMissing, match="haproxy is not installed; as root, run: apt-get install haproxy"
    ):
        find_haproxy()


@pytest.mark.usefixtures("haproxy")
def test_publish_and_doctor_say_which_published_port_nobody_serves(
    layout: Layout, checker: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    checker("publish", "shop", "--port", str(port))

    again = checker("publish")[2]

    assert f"haproxy does not listen on port {port}; start it" in again
    registry = read_registry(layout.nodes)
    config = load_config(layout.config)
    assert published_facts(layout, config, registry) == PublishedFacts(
        ports=(port,), silent=(port,)
    )
    cfg(layout).write_text("# another\n")
    assert published_facts(layout, config, registry).lags
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "haproxy").unlink()
    assert not published_facts(layout, config, registry).is_installed
    assert "haproxy is not installed" in checker("publish", "--dry-run")[2]


@pytest.mark.parametrize(
    ("listening", "wanted", "clash"),
    [
        pytest.param("127.0.0.1", "0.0.0.0", True, id="ours is a wildcard"),
        pytest.param("0.0.0.0", "203.0.113.7", True, id="theirs is a wildcard"),
        pytest.param("203.0.113.8", "203.0.113.7", False, id="two addresses"),
        pytest.param("203.0.113.7", "203.0.113.7", True, id="the same"),
        pytest.param("::", "203.0.113.7", True, id="theirs may be dual"),
        pytest.param("::1", "0.0.0.0", False, id="ours is of the other family"),
        pytest.param("::1", "::", True, id="ours is a wildcard of IPv6"),
        pytest.param("0.0.0.0", "::", False, id="wildcards of both families"),
    ],
)
def test_listeners_conflict_only_with_the_same_addresses(
    listening: str, wanted: str, clash: bool
) -> None:
    assert overlaps(Listener(address=listening, port=Port(25), uid=0, inode=1), [wanted]) is clash
