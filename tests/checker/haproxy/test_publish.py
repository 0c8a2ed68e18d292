"""`publish` and `unpublish` on a home: what they refuse, what they write, what they leave; HAProxy
is a script that says yes or no.
"""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from checker.cli.main import run
from checker.config.layout import SYSTEM, Layout, home_layout
from checker.config.settings import Config
from checker.haproxy import program as proxy_module
from checker.haproxy.config_text import HEAD
from checker.haproxy.program import (
    SYSTEM_RELOAD,
    HaproxyMissing,
    ReloadFailed,
    every_address,
    find_haproxy,
    proxy_of,
    reload,
)
from checker.haproxy.publish import PortInUse, RegistryBroken, overlaps, refuse_taken, wanted_file
from checker.model import Listener, NodeName, Port
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from tests.programs import require
from tests.strategies import free_port, node

ERROR = "reversi-checker: error: "
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home with `mail` (two forwards) and `shop` (one), whose HAProxy is never reloaded."""
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node("mail", 1, ports=(20010, 20011)), COMMAND)
        add(made, node("shop", 2, ports=(20012,)), COMMAND)
    made.config.write_text('publish_on = ["127.0.0.1"]\n', encoding="utf-8")
    return made


@pytest.fixture
def checker(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command on the test's home: exit code, stdout, stderr."""

    def one(*words: str) -> tuple[int, str, str]:
        code = int(run(["--home", str(layout.home), *words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


@pytest.fixture
def haproxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A program that stands in for HAProxy: what it does, in sh."""
    monkeypatch.setattr(proxy_module, "PLACES", str(tmp_path))

    def does(body: str) -> None:
        program = tmp_path / "haproxy"
        program.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
        program.chmod(0o755)

    does("exit 0")
    return does


def cfg(layout: Layout) -> Path:
    return layout.config.with_name("haproxy.cfg")


def published(layout: Layout, name: str) -> list[str]:
    return [
        str(one)
        for forward in read_registry(layout.nodes).nodes[NodeName(name)].forwards
        for one in forward.published
    ]


@pytest.mark.usefixtures("haproxy")
def test_a_publication_stands_in_the_registry_and_in_haproxys_file(
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
def test_a_port_alone_or_a_node_with_one_forward_names_it(layout: Layout, checker: Run) -> None:
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
            "sni 'a b' is not a host's name",
            id="no name",
        ),
        pytest.param(
            ("publish", "--port", "443"), "publish needs NODE:PORT beside --port", id="no forward"
        ),
        pytest.param(
            ("publish", "shop", "--port", "20010"),
            "port 20010 is where the tunnel of node mail listens",
            id="a tunnel's",
        ),
        pytest.param(("unpublish", "shop"), "shop:20012 is not published so", id="not published"),
    ],
)
@pytest.mark.usefixtures("haproxy")
def test_what_can_not_be_published_is_told(
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
def test_a_port_in_use_is_refused_until_it_is_ours(layout: Layout, checker: Run) -> None:
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
def test_a_reload_that_fails_brings_the_old_file_back_and_is_tried_with_it(
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
def test_a_reload_after_which_nobody_listens_failed(
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
        f"haproxy was reloaded, but does not listen on port {port}: is it told of {cfg(layout)}?"
        in err
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
def test_an_edit_by_hand_is_followed_when_asked(layout: Layout, checker: Run) -> None:
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


@pytest.mark.parametrize("command", ["false", "no-such-program", "'"])
def test_a_command_that_does_not_reload_is_told(command: str) -> None:
    with pytest.raises(ReloadFailed, match="haproxy can not be reloaded with"):
        reload(command)


def test_an_installed_gateway_reloads_the_service_and_a_home_nothing(layout: Layout) -> None:
    config = Config(tunnel_user="reversi")

    assert proxy_of(SYSTEM, config).reload == SYSTEM_RELOAD
    assert str(proxy_of(SYSTEM, config).path) == "/etc/reversi/haproxy.cfg"
    assert proxy_of(layout, config).reload == ""
    assert (
        proxy_of(
            layout, Config(tunnel_user="reversi", haproxy_reload="service haproxy reload")
        ).reload
        == "service haproxy reload"
    )


def test_all_addresses_are_of_the_families_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    here = psutil.net_if_addrs()
    ipv4 = {
        link: [one for one in found if one.family is not socket.AF_INET6]
        for link, found in here.items()
    }
    ipv6 = SimpleNamespace(family=socket.AF_INET6)

    monkeypatch.setattr(psutil, "net_if_addrs", lambda: ipv4)
    assert every_address() == ("0.0.0.0",)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {**ipv4, "lo": [ipv6]})
    assert every_address() == ("0.0.0.0", "::")


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
def test_listeners_are_in_the_way_of_the_same_addresses_alone(
    listening: str, wanted: str, clash: bool
) -> None:
    assert overlaps(Listener(address=listening, port=Port(25), uid=0, inode=1), [wanted]) is clash


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
def test_ports_of_haproxy_are_no_tunnels_and_are_shown(layout: Layout, checker: Run) -> None:
    require("ssh-keygen")
    port = free_port()
    checker("publish", "mail:20010", "--port", str(port))

    code, _, err = checker("node", "add", "club", "--forward", f"{port}=a:1")

    assert code == 2
    assert f"port {port} is published for node mail, so HAProxy listens there" in err
    code, _, err = checker("node", "add", "club", "--forward", "1023=a:1", "--public")
    assert code == 2
    assert "port 1023 can not be public by itself" in err
    assert f"published port {port} -> 20010\n" in checker("node", "show", "mail")[1]
    forwards = json.loads(checker("node", "show", "mail", "--json")[1])["node"]["forwards"]
    assert [forward["published"] for forward in forwards] == [
        [{"port": port, "sni": "", "send_proxy": False}],
        [],
    ]


@pytest.mark.usefixtures("haproxy")
def test_what_becomes_of_a_node_becomes_of_its_ports(layout: Layout, checker: Run) -> None:
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


def test_a_change_of_nodes_stands_whatever_haproxy_says(
    layout: Layout, checker: Run, haproxy: Callable[[str], None]
) -> None:
    checker("publish", "shop", "--port", str(free_port()))
    checker("publish", "mail:20010", "--port", str(free_port()))
    haproxy("exit 1")

    code, _, err = checker("node", "remove", "shop")

    assert code == 0
    assert "reversi-checker: warning: haproxy keeps its old configuration: haproxy refuses " in err
    assert list(read_registry(layout.nodes).nodes) == ["mail"]


@pytest.mark.parametrize(
    ("said", "loopback"),
    [
        pytest.param("addressfamily inet6", "::1", id="IPv6 only"),
        pytest.param("AddressFamily inet6", "::1", id="as OpenSSH 10.5 says it"),
        pytest.param("addressfamily any", "127.0.0.1", id="both"),
        pytest.param("addressfamily inet", "127.0.0.1", id="IPv4 only"),
        pytest.param("", "127.0.0.1", id="it does not tell"),
    ],
)
def test_visitors_are_led_to_the_loopback_where_the_machines_sshd_listens(
    said: str, loopback: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = tmp_path / "sshd"
    sshd.write_text(f'#!/bin/sh\necho "port 22"\necho "{said}"\n')
    sshd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert proxy_of(SYSTEM, Config(tunnel_user="reversi")).loopback == loopback
