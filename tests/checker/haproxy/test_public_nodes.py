"""Commands for nodes whose ports are public, by themselves or through HAProxy."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.haproxy.config_text import HEAD
from checker.model import NodeName
from checker.registry.reading import read_registry
from tests.checker.haproxy.conftest import Run
from tests.checker.haproxy.places import cfg
from tests.host_keys import put_rsa_host_key
from tests.programs import require
from tests.strategies import free_port


@pytest.fixture(autouse=True)
def rsa_host_key(layout: Layout) -> None:
    put_rsa_host_key(layout)


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(("--forward", "20021=b:2,public"), id="in the forward"),
        pytest.param(("--forward", "20021=b:2", "--public"), id="by the released option"),
    ],
)
def test_only_the_named_forward_is_public(
    layout: Layout, checker: Run, tmp_path: Path, public: tuple[str, ...]
) -> None:
    require("ssh-keygen")
    config = tmp_path / "club.toml"
    words = ("--forward", "20020=a:1", *public, "--forward", "20022=c:3")

    code, _, err = checker(
        "node", "add", "club", *words, "--gateway", "gw:22", "--client-config", str(config)
    )

    assert code == 0, err
    assert [
        forward.public for forward in read_registry(layout.nodes).nodes[NodeName("club")].forwards
    ] == [False, True, False]
    assert [
        forward.get("public")
        for forward in tomllib.loads(config.read_text(encoding="utf-8"))["forward"]
    ] == [None, True, None]
    assert (
        "forward   20021 -> b:2, expecting open, on all addresses\n"
        in checker("node", "show", "club")[1]
    )


def test_public_before_any_forward_is_refused(checker: Run) -> None:
    code, _, err = checker("node", "add", "club", "--public", "--forward", "a:1")

    assert code == 2
    assert "write --forward HOST:PORT,public" in err


@pytest.mark.usefixtures("haproxy")
def test_ports_of_haproxy_are_shown_and_no_tunnel_gets_them(layout: Layout, checker: Run) -> None:
    require("ssh-keygen")
    port = free_port()
    checker("publish", "mail:20010", "--port", str(port))

    code, _, err = checker("node", "add", "club", "--forward", f"{port}=a:1")

    assert code == 2
    assert f"port {port} is published for node mail, so HAProxy listens there" in err
    code, _, err = checker("node", "add", "club", "--forward", "1023=a:1", "--public")
    assert code == 2
    assert "port 1023 cannot be public by itself" in err
    assert f"published port {port} -> 20010\n" in checker("node", "show", "mail")[1]
    forwards = json.loads(checker("node", "show", "mail", "--json")[1])["node"]["forwards"]
    assert [forward["published"] for forward in forwards] == [
        [{"port": port, "sni": "", "send_proxy": False}],
        [],
    ]


@pytest.mark.usefixtures("haproxy")
def test_a_change_of_a_node_reaches_its_public_ports(layout: Layout, checker: Run) -> None:
    port = free_port()
    checker("publish", "shop", "--port", str(port))
    line = f"frontend reversi-{port}"

    for words, there in (
        (("disable", "shop"), False),
        (("enable", "shop"), True),
        (("move", "shop", "20500", "--now"), True),
    ):
        code, _, err = checker("node", *words)
        assert code == 0, err
        assert f"wrote {cfg(layout)}" in err
        assert (line in cfg(layout).read_text(encoding="ascii")) is there
    assert "server tunnel 127.0.0.1:20500" in cfg(layout).read_text(encoding="ascii")

    assert checker("node", "remove", "shop")[0] == 0
    assert cfg(layout).read_text(encoding="ascii") == HEAD


def test_a_change_of_nodes_is_kept_whatever_haproxy_says(
    layout: Layout, checker: Run, haproxy: Callable[[str], None]
) -> None:
    checker("publish", "shop", "--port", str(free_port()))
    checker("publish", "mail:20010", "--port", str(free_port()))
    haproxy("exit 1")

    code, _, err = checker("node", "remove", "shop")

    assert code == 0
    assert "reversi-checker: warning: haproxy keeps its old configuration: haproxy refuses " in err
    assert list(read_registry(layout.nodes).nodes) == ["mail"]
