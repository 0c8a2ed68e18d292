"""Broken input gets one sentence and the right exit status, and takes nothing else down."""

from __future__ import annotations

import socket
import subprocess

import pytest

from checker.model import EventKind
from tests.system.harness import Gateway
from tests.system.refused import assert_refused
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(
            "probe_evry_s = 9",
            ("reversi.toml", "unknown key 'probe_evry_s'", "did you mean 'probe_every_s'?"),
            id="unknown-key",
        ),
        pytest.param("strikes = 0", ("reversi.toml", "strikes must be"), id="out-of-bounds"),
        pytest.param(
            "deadline_s = 'soon'",
            ("reversi.toml", "deadline_s must be a number"),
            id="not-a-number",
        ),
        pytest.param("strikes 2", ("reversi.toml", "not valid TOML"), id="not-toml"),
        pytest.param(
            "operators_group = 'no-such-group-here'",
            ("no-such-group-here", "groupadd"),
            id="no-such-group",
        ),
    ],
)
def test_a_bad_setting_is_named(own_gateway: Gateway, line: str, says: tuple[str, ...]) -> None:
    own_gateway.write_policy(f'tunnel_user = "{own_gateway.mode.tunnel.name}"\n{line}\n')

    assert_refused(own_gateway.run("up", "--ssh-port", "0"), 2, *says)


def test_a_tunnel_user_that_does_not_exist_is_named(own_gateway: Gateway) -> None:
    own_gateway.write_policy('tunnel_user = "no-such-user-here"\n')

    assert_refused(own_gateway.run("up", "--ssh-port", "0"), 2, "no-such-user-here", "useradd")


def test_a_taken_ssh_port_is_named(own_gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        assert_refused(own_gateway.run("up", "--ssh-port", port), 2, port, "--ssh-port")


@pytest.mark.parametrize("verb", [("serve",), ("up", "--ssh-port", "0")])
def test_a_second_daemon_is_refused_and_the_first_goes_on(
    gateway: Gateway, verb: tuple[str, ...]
) -> None:
    assert gateway.daemon is not None

    assert_refused(
        gateway.run(*verb), 2, f"process {gateway.daemon.pid}", str(gateway.home), "--home"
    )

    assert gateway.daemon.poll() is None
    assert gateway.add("127.0.0.1:9").verdict("check") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(
            ("node", "add", "Caps", "--forward", "127.0.0.1:22"),
            2,
            "'Caps' cannot name a node",
            id="name",
        ),
        pytest.param(
            ("node", "add", "check", "--forward", "127.0.0.1:22"),
            2,
            "a word of the protocol",
            id="verb-as-name",
        ),
        pytest.param(
            ("node", "add", "fine", "--forward", "nonsense"),
            2,
            "'nonsense' is not HOST:PORT",
            id="forward",
        ),
        pytest.param(
            ("node", "add", "fine", "--forward", "127.0.0.1:22,pop3"),
            2,
            "expect 'pop3' is not known",
            id="expect",
        ),
        pytest.param(
            ("node", "add", "fine", "--forward", "h:1", "--public-key", "/nowhere"),
            2,
            "/nowhere",
            id="key-file",
        ),
        pytest.param(("node", "show", "ghost"), 2, "there is no node 'ghost'", id="show"),
        pytest.param(("node", "remove", "ghost"), 2, "there is no node 'ghost'", id="remove"),
        pytest.param(("kill", "ghost"), 2, "'ghost'", id="kill"),
        pytest.param(("kill", "1"), 2, "1", id="kill-port"),
        pytest.param(("status", "ghost"), 2, "'ghost'", id="status"),
        pytest.param(("log", "--limit", "0"), 2, "--limit 0", id="limit"),
        pytest.param(("up", "--ssh-port", "70000"), 2, "70000", id="ssh-port"),
    ],
)
def test_a_bad_argument_is_named(
    gateway: Gateway, arguments: tuple[str, ...], code: int, says: str
) -> None:
    assert_refused(gateway.run(*arguments), code, says)


def test_a_name_a_port_and_a_key_belong_to_one_node(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9", name="owner")
    public = gateway.folder / "owner.pub"
    public.write_text(
        subprocess.run(
            ["ssh-keygen", "-y", "-f", str(device.key)], check=True, capture_output=True, text=True
        ).stdout
    )
    key = ("--public-key", str(public))

    assert_refused(
        gateway.run("node", "add", "owner", "--forward", "h:1"), 2, "owner is registered already"
    )
    assert_refused(
        gateway.run("node", "add", "thief", "--forward", f"{device.ports[0]}=h:1"),
        2,
        "belongs to node owner",
    )
    assert_refused(
        gateway.run("node", "add", "twin", "--forward", "h:1", *key),
        2,
        "that public key belongs to node owner",
    )


def test_a_broken_node_file_takes_no_other_node_down(gateway: Gateway) -> None:
    good, broken = gateway.add(gateway.service().target), gateway.add(gateway.service().target)
    gateway.connect(good)
    kept = gateway.connect(broken)
    gateway.await_up(good)
    gateway.await_up(broken)
    path = gateway.layout.nodes / f"{broken.node}.toml"
    text = path.read_text(encoding="utf-8")

    path.write_text("public_key = 'half of a ", encoding="utf-8")
    until(
        lambda: [e for e in gateway.events(kind=EventKind.GATEWAY) if str(path) in e.text],
        "an event names the file",
    )
    listed = gateway.run("node", "list")
    gateway.add("127.0.0.1:9")

    assert f"warning: {path}: not valid TOML" in listed.stderr
    assert good.node in listed.stdout
    assert gateway.probe(good) == "up"
    assert kept.lives
    assert f"reversi:{broken.node}\n" in gateway.layout.authorized_keys.read_text(encoding="ascii")
    path.write_text(text, encoding="utf-8")
    until(
        lambda: gateway.run("probe", broken.node).returncode == 0,
        "the mended node is registered again",
    )
