"""Public ports: a real HAProxy before a real sshd, TLS by name, and who may listen for all."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from checker.haproxy.program import FileRefused, Proxy, put_live
from checker.linux.sockets import read_listeners
from checker.model import Port, Status
from tests.bundles import SHELLS, Box
from tests.certificates import make_certificate
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts, free_port
from tests.system.publishing import (
    Greeter,
    HaProxy,
    mail_greeter,
    said_by,
    tls_greeter,
    tls_said_by,
)
from tests.system.refused import assert_refused
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
PATIENT = "probe_every_s = 5\ndeadline_s = 5\n"
"""Nothing hangs here; a busy machine must not make a tunnel look hung."""
ROOT = Path(__file__).parents[2]
Keep = Callable[[Greeter], Greeter]


@pytest.fixture(scope="module")
def public_gateway(usual: Mode) -> Iterator[tuple[Gateway, HaProxy]]:
    """A gateway, and a HAProxy before it that listens only on the loopback."""
    require("haproxy", "openssl")
    with gateway_at(usual, policy=f'{PATIENT}publish_on = ["127.0.0.1"]\n') as gateway:
        assert "nothing is published yet" in gateway.ok("publish")
        with closing(HaProxy(gateway)) as haproxy:
            gateway.write_policy(f'{gateway.policy}haproxy_reload = "{haproxy.reload}"\n')
            gateway.up()
            yield gateway, haproxy


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Services of one test."""
    with ExitStack() as stack:
        yield lambda greeter: stack.enter_context(closing(greeter))


def connected(gateway: Gateway, *forwards: str, name: str = "") -> Device:
    """A node whose tunnel is open and whose first forward is up."""
    device = gateway.add(*forwards, name=name)
    gateway.connect(device)
    gateway.await_up(device)
    return device


def await_tls(port: int, name: str | None, greeting: bytes) -> None:
    """Wait until a visitor who asks for that name gets this greeting.

    A reload lasts longer than its command, and may reset visitors meanwhile.
    """
    until(lambda: tls_said_by(port, name) == greeting, f"{name} says {greeting!r}")


def test_two_nodes_share_one_port_by_name(
    public_gateway: tuple[Gateway, HaProxy], keep: Keep, tmp_path: Path
) -> None:
    gateway, _ = public_gateway
    certificate = make_certificate(tmp_path)
    mail = connected(gateway, f"127.0.0.1:{keep(tls_greeter(certificate, b'mail')).port},tls")
    shop = connected(gateway, f"127.0.0.1:{keep(tls_greeter(certificate, b'shop')).port},tls")
    port = free_port()

    gateway.ok(
        "publish", f"{mail.node}:{mail.ports[0]}", "--port", str(port), "--sni", "mail.example.org"
    )
    gateway.ok("publish", shop.node, "--port", str(port), "--sni", "Shop.example.org")

    await_tls(port, "shop.example.org", b"shop")
    await_tls(port, "mail.example.org", b"mail")
    await_tls(port, "MAIL.example.org", b"mail")
    assert tls_said_by(port, "other.example.org") == b""
    assert tls_said_by(port, None) == b""

    rest = connected(gateway, f"127.0.0.1:{keep(tls_greeter(certificate, b'rest')).port},tls")
    gateway.ok("publish", rest.node, "--port", str(port))

    await_tls(port, "other.example.org", b"rest")
    await_tls(port, None, b"rest")
    await_tls(port, "shop.example.org", b"shop")

    gateway.ok("unpublish", shop.node, "--sni", "shop.example.org")
    gateway.ok("unpublish", rest.node)

    until(lambda: tls_said_by(port, "shop.example.org") == b"", "the name leads nowhere")
    await_tls(port, "mail.example.org", b"mail")
    assert f"published port {port} for mail.example.org -> {mail.ports[0]}\n" in gateway.ok(
        "node", "show", mail.node
    )
    assert "published" not in gateway.ok("node", "show", shop.node)

    gateway.ok("unpublish", mail.node)

    until(lambda: not accepts(port), "nobody listens on the public port")


def test_a_mail_server_learns_each_visitors_address_and_is_probed_by_the_proxy_protocol(
    public_gateway: tuple[Gateway, HaProxy], keep: Keep
) -> None:
    gateway, _ = public_gateway
    heard: list[bytes] = []
    device = gateway.add(f"127.0.0.1:{keep(mail_greeter(heard)).port},banner:220")
    port = free_port()

    gateway.ok("publish", device.node, "--port", str(port), "--send-proxy")
    # a server that waits for a PROXY line does not answer a probe without one
    gateway.connect(device)

    gateway.await_status(device, Status.UP)
    heard.clear()
    until(lambda: said_by(port) == b"220 mail.example.org ESMTP\r\n", "a visitor is greeted")
    assert any(
        line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ") and line.endswith(b" %d\r\n" % port)
        for line in heard
    )

    gateway.ok("node", "remove", device.node, "--yes")

    until(lambda: not accepts(port), "nobody listens on the public port")


def test_a_visitor_waits_while_the_tunnel_reconnects(
    public_gateway: tuple[Gateway, HaProxy],
) -> None:
    gateway, _ = public_gateway
    device = gateway.add(gateway.service(b"220 late\r\n").target)
    port = free_port()
    gateway.ok("publish", device.node, "--port", str(port))

    with socket.create_connection(("127.0.0.1", port), timeout=200) as visitor:
        gateway.connect(device)

        assert visitor.recv(100) == b"220 late\r\n"
    gateway.ok("unpublish", device.node)


def test_a_file_that_haproxy_rejects_is_not_installed(
    public_gateway: tuple[Gateway, HaProxy],
) -> None:
    gateway, haproxy = public_gateway
    device = connected(gateway, gateway.service(b"SSH-2.0-one\r\n").target)
    port = free_port()
    gateway.ok("publish", device.node, "--port", str(port))
    live = haproxy.path.read_bytes()
    proxy = Proxy(path=haproxy.path, addresses=("127.0.0.1",), reload=haproxy.reload)

    with pytest.raises(FileRefused, match=r"so the old one stays: .*unknown proxy mode 'tpc'"):
        put_live(proxy, live.replace(b"mode tcp", b"mode tpc"), live, {Port(port): ()})

    assert haproxy.path.read_bytes() == live
    assert not list(gateway.home.glob("*.new"))
    until(lambda: said_by(port) == b"SSH-2.0-one\r\n", "a visitor is greeted as before")
    gateway.ok("unpublish", device.node)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        pytest.param(
            "sh -c 'echo no unit >&2; exit 5'", "cannot be reloaded with", id="the reload fails"
        ),
        pytest.param("true", "does not listen on port", id="haproxy does not load our file"),
        pytest.param("not-a-program", "cannot be reloaded with", id="no such program"),
    ],
)
def test_a_failed_reload_restores_the_old_file(
    public_gateway: tuple[Gateway, HaProxy], command: str, says: str
) -> None:
    gateway, haproxy = public_gateway
    device = gateway.add(gateway.service().target)
    live = haproxy.path.read_bytes()
    gateway.write_policy(f'{gateway.policy}haproxy_reload = "{command}"\n')

    refused = gateway.run("publish", device.node, "--port", str(free_port()))

    gateway.write_policy(f'{gateway.policy}haproxy_reload = "{haproxy.reload}"\n')
    assert_refused(refused, 2, says, "the old configuration is back")
    assert haproxy.path.read_bytes() == live
    assert "published" not in gateway.ok("node", "show", device.node)


def test_a_port_of_another_service_is_not_published(
    public_gateway: tuple[Gateway, HaProxy],
) -> None:
    gateway, _ = public_gateway
    device = gateway.add(gateway.service().target)

    with closing(Stranger(0, banner="web")) as other:
        refused = gateway.run("publish", device.node, "--port", str(other.port))

        assert_refused(refused, 2, f"port {other.port} is in use by process {other.process.pid}")


def test_a_public_forward_is_reached_from_anywhere_and_no_other_key_can_have_one(
    public_gateway: tuple[Gateway, HaProxy],
) -> None:
    gateway, _ = public_gateway
    target = gateway.service(b"SSH-2.0-public\r\n").target
    device, other = gateway.add(target, options=("--public",)), gateway.add(target)

    port, own = device.ports[0], other.ports[0]
    for asked in (
        f"*:{own}",
        f"0.0.0.0:{own}",
        f"[::]:{own}",
        f"127.0.0.2:{own}",
        f"*:{port}",
        f"127.0.0.2:{port}",
    ):
        refused = other.ask("check", options=("-T", "-R", f"{asked}:{other.targets[0]}"))
        assert refused.returncode == 255, asked
        assert "remote port forwarding failed" in refused.stderr
        assert not accepts(own)

    require("dbclient", "dropbearconvert")
    session = None
    # as each bundle asks; the second takes the port over
    for client in (device.dbclient, device.ssh):
        words = client("-T", "-R", f"*:{port}:{device.targets[0]}")
        assert device.verdict("claim", "first") == 0
        gateway.connections.append(Connection([*words, "hold", "first"]))
        session = gateway.await_up(device, after=session)
        assert "0.0.0.0" in {listener.address for listener in read_listeners()[Port(port)]}

    assert said_by(port, "127.0.0.2") == b"SSH-2.0-public\r\n"


def test_the_python_client_asks_for_all_addresses_if_its_file_says_so(
    public_gateway: tuple[Gateway, HaProxy],
) -> None:
    gateway, _ = public_gateway
    device = gateway.add(gateway.service().target, options=("--public",))

    gateway.connections.append(
        Connection([sys.executable, "-m", "client", "run", "--config", str(device.config)])
    )
    gateway.await_up(device)

    assert "0.0.0.0" in {listener.address for listener in read_listeners()[Port(device.ports[0])]}


def third_example() -> list[str]:
    """The commands of the README's third example, as a reader types them."""
    text = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .partition("**3. A mail server's 25 and 443")[2]
        .partition("\n## ")[0]
    )
    lines = [
        line.partition("#")[0].strip() for line in text.splitlines() if line.startswith("    ")
    ]
    return [line.removeprefix("sudo ") for line in lines]


def build(gateway: Gateway, *words: str) -> None:
    """Run `reversi-client` in the gateway's folder."""
    subprocess.run(
        [sys.executable, "-m", "client", *words, "--home", str(gateway.home)],
        check=True,
        capture_output=True,
        cwd=gateway.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_the_readmes_mail_server_comes_back(
    public_gateway: tuple[Gateway, HaProxy], keep: Keep, tmp_path: Path
) -> None:
    gateway, _ = public_gateway
    heard: list[bytes] = []
    mail, web = keep(mail_greeter(heard)), keep(tls_greeter(make_certificate(tmp_path), b"webmail"))
    first, second, smtp, https = (
        str(port) for port in (gateway.port(), gateway.port(), free_port(), free_port())
    )
    here = {
        "20025": first,
        "20443": second,
        "--port 25": f"--port {smtp}",
        "--port 443": f"--port {https}",
        "10.0.0.5:10025": f"127.0.0.1:{mail.port}",
        "10.0.0.5:443": f"127.0.0.1:{web.port}",
    }
    guide = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")

    with closing(Box(tmp_path / "router", SHELLS["dash"], path=["/usr/bin", "/bin"])) as router:
        for command in third_example():
            assert command in guide or "node show" in command
            for there, this in here.items():
                whole = rf"{re.escape(there)}\b"  # a port may begin with another one
                command = re.sub(whole, this, command)  # noqa: PLW2901 - for this machine
            program, *words = command.split()
            if program == "reversi-checker":
                gateway.ok(*words)
                continue
            assert program == "reversi-client"
            build(gateway, *words)
            text = re.sub(
                r"(?m)^ROOT=.*$",
                f"ROOT='{router.root}'",
                (gateway.folder / "mail.sh").read_text(encoding="ascii"),
            )
            router.start(router.write(text, "mail.sh"))

        until(
            lambda: said_by(int(smtp)) == b"220 mail.example.org ESMTP\r\n",
            "the mail server answers",
        )
        until(
            lambda: tls_said_by(int(https), "mail.example.org") == b"webmail",
            "the web mail answers",
        )
        assert any(line.endswith(f" {smtp}\r\n".encode()) for line in heard)
        until(lambda: gateway.run("status", "mail").returncode == 0, "both forwards are up")
        assert router.stop() == 0
    gateway.ok("node", "remove", "mail")
