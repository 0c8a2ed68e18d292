"""Who has an enrolment's key, and asks with it as often and as strangely as he can."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, closing

import asyncssh
import psutil
import pytest

from checker.control.client import Control
from checker.model import MOST_APPLICANTS, NAME_PATTERN, fingerprint
from checker.registry.reading import read_registry
from checker.state.store import read_applicants
from checker.tunnels.rate_limits import TOLD_A_MINUTE
from checker.wire import MALFORMED, NOT_YOURS, TRY_LATER, Asked, Enrol, render_enrol
from tests.attack.test_flood import SLOW, Other
from tests.attack.thief import as_runner, say
from tests.gate_message import gate_message
from tests.strategies import padded, public_key, rsa_key
from tests.system.accounts import Account, Mode
from tests.system.clients import Device
from tests.system.enrolling import enrolment_at, request_of
from tests.system.harness import Gateway, gateway_at
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
NOBODY = Account(name="nobody", uid=65534, gid=65534)
FAR = "203.0.113.9"
"""An address from which nobody floods."""
HOSTILE = (
    *(
        "$(id)",
        "`id`",
        "a;reboot",
        "'",
        '"',
        "\\",
        "*",
        "?",
        "+crowd",
        "-oProxyCommand=id",
        "~root",
    ),
    *("..", "../../../etc/passwd", "/etc/shadow", ".lock", "x=1", "[node]", "#x", "%h", "<b>"),
    *(
        "office",
        "OFFICE",
        "Office.",
        "office-2",
        "office.toml",
        "office.key",
        "office.next",
        "barn",
    ),
    *("github.com", "localhost", "office.20011", "127.0.0.1", "gw.example.org"),
    *("check", "hold", "null", "路由器", "оffice", "é" * 64, "a" * 64, "-2", "enrol:", "SHA256:x"),
)
UNPRINTABLE = ("a\x1b[2J", "a\nb", "a\x7fb", "a\u202eb", "a\u200bb", "a\x85b", "a\tb", "")
MEDDLE = """
import json, os, socket, sys
folder, path, print_ = sys.argv[1:]
found = []
for name in ("crowd.toml", "crowd.key"):
    try:
        open(f"{folder}/{name}", "a").close()
        found.append(name)
    except OSError:
        pass
for what, try_ in (
    ("made a file", lambda: open(f"{folder}/mine.toml", "w")),
    ("removed a file", lambda: os.remove(f"{folder}/crowd.toml")),
    ("read the key", lambda: open(f"{folder}/crowd.key").read()),
):
    try:
        try_()
        found.append(what)
    except OSError:
        pass
for verb in ("reject", "accept", "enrol"):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.sendall(json.dumps({"verb": verb, "fingerprints": [print_], "operator": "x"}).encode())
    peer.shutdown(socket.SHUT_WR)
    if "error" not in json.loads(peer.makefile().read()):
        found.append(verb)
print(found, flush=True)
"""


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    """Its first ports are for devices of enrolments: nothing listens there."""
    with gateway_at(usual, policy=SLOW) as found:
        found.write_policy(
            re.sub('(?m)^ports = ("[0-9-]+")$', r'ports = ["10000-10199", \1]', found.policy)
        )
        found.up()
        yield found


@pytest.fixture(scope="module")
def other(gateway: Gateway) -> Iterator[Other]:
    """A node whose tunnel must live all the time."""
    found = Other(gateway)
    yield found
    found.goes_on()


@pytest.fixture(scope="module")
def bundle(gateway: Gateway, other: Other) -> Iterator[Device]:
    """The key of the enrolment `crowd`; no file of a node ever changes because of it."""
    gateway.add("127.0.0.1:9", name="office")
    gateway.add("127.0.0.1:9", name="barn", options=("--public-key", key_file(gateway)))
    device = enrolment_at(gateway, "crowd")
    before = registered(gateway)
    yield device
    now = registered(gateway)
    assert {name: now[name] for name in before} == before


def key_file(gateway: Gateway) -> str:
    path = gateway.folder / "barn.pub"
    path.write_text(f"{rsa_key(2048)}\n")
    return str(path)


def registered(gateway: Gateway) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in gateway.layout.nodes.glob("*.toml")}


def ask(
    gateway: Gateway, command: str, address: str = FAR, enrolment: str = "crowd"
) -> tuple[int, str]:
    """Hand a request to the daemon, as the gate does for a login from this address; return the exit
    status and the answer.
    """
    asked = Asked(node=f"+{enrolment}", peer=f"{address} 40000", command=command)
    _, status, answer, _ = as_runner(gateway, gate_message(asked)).decode().split("\n")[:4]
    return int(status), answer


def enrol(gateway: Gateway, number: int, name: str, address: str = FAR) -> tuple[int, str]:
    return ask(gateway, render_enrol(Enrol(name, public_key(number))), address)


def events_about(gateway: Gateway) -> int:
    return sum(event.actor == "enrolment crowd" for event in gateway.events())


def names(gateway: Gateway) -> dict[str, str]:
    """The names of those that wait, by what they call themselves."""
    return {one.said: one.name for one in read_applicants(gateway.layout.state)}


def test_hostile_names_are_names_of_new_nodes_and_harm_no_terminal(
    gateway: Gateway, bundle: Device
) -> None:
    for number, word in enumerate(HOSTILE):
        status, answer = enrol(gateway, 3000 + number, word, f"192.0.2.{number}")
        assert (status, answer[:12]) == (0, "enrol: wait "), word
    for word in UNPRINTABLE:
        assert enrol(gateway, 2999, word)[0] == MALFORMED, word
    until(lambda: {*HOSTILE} == {*names(gateway)}, "all are kept")
    found = names(gateway)
    assert len({*found.values()}) == len(HOSTILE)
    assert not {"office", "barn", "check", "hold"} & {*found.values()}
    assert all(NAME_PATTERN.match(name) for name in found.values())
    assert found["OFFICE"] != found["Office."] != found["office"]

    shown = gateway.ok("node", "pending")
    assert shown.isascii()
    assert shown.replace("\n", "").isprintable()
    lines = gateway.run("node", "accept", "--filter", "peer:192.0.2.*", "--dry-run").stdout
    assert lines.isascii()
    assert lines.replace("\n", "").isprintable()
    words = [f"{one.name}@{one.fingerprint}" for one in read_applicants(gateway.layout.state)]
    gateway.ok("node", "accept", *words)

    registry = read_registry(gateway.layout.nodes)
    assert {*found.values()} < {*registry.nodes}
    assert not registry.broken
    key_file = gateway.layout.authorized_keys.read_text().splitlines()
    assert all(re.fullmatch(r"restrict,.* reversi:[+a-z0-9.-]+", line) for line in key_file)
    hosts = gateway.ok("ssh-config", "--names").splitlines()
    assert len(hosts) > len(HOSTILE)
    assert not [host for host in hosts if "." in host or host == "localhost"]


def test_a_registered_key_under_any_name_changes_nothing(gateway: Gateway, bundle: Device) -> None:
    key = rsa_key(2048)
    before = {path.name: path.read_bytes() for path in gateway.layout.nodes.iterdir()}
    keys = gateway.layout.authorized_keys.read_bytes()

    for public in (key, padded(key), padded(key, 2)):
        for name in ("barn", "aaa", "office"):
            assert ask(gateway, render_enrol(Enrol(name, public)))[0] == NOT_YOURS

    assert {path.name: path.read_bytes() for path in gateway.layout.nodes.iterdir()} == before
    assert gateway.layout.authorized_keys.read_bytes() == keys


def test_the_host_keys_of_another_node_pin_nothing_there(gateway: Gateway, bundle: Device) -> None:
    """They are pinned at the new node, which cannot prove them; the other's lines stay."""
    assert ask(gateway, render_enrol(Enrol("twin", public_key(91), (public_key(500),))))[0] == 0
    victim = ask(gateway, render_enrol(Enrol("victim", public_key(92), (public_key(500),))))
    assert victim[0] == 0
    until(lambda: {"twin", "victim"} <= {*names(gateway)}, "both are kept")
    prints = [fingerprint(public_key(number)) for number in (91, 92)]
    gateway.ok("node", "accept", f"victim@{prints[1]}")
    before = known_hosts(gateway, "victim")

    gateway.ok("node", "accept", f"twin@{prints[0]}")

    assert known_hosts(gateway, "victim") == before
    assert len(before) == 1
    assert len(known_hosts(gateway, "twin")) == 1


def known_hosts(gateway: Gateway, name: str) -> list[str]:
    """The lines by which ssh knows a node."""
    return [line for line in gateway.ok("known-hosts").splitlines() if name in line.split()[0]]


def test_other_accounts_neither_write_enrolments_nor_answer_devices(
    gateway: Gateway, bundle: Device
) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("only root can run a program as another user")
    assert enrol(gateway, 95, "waits")[0] == 0
    print_ = fingerprint(public_key(95))

    for account in (gateway.mode.tunnel, NOBODY):
        words = (str(gateway.layout.enrolments), str(gateway.layout.socket), print_)
        process = gateway.python_as(account, MEDDLE, *words)
        assert process.stdout is not None
        assert process.stdout.readline() == "[]\n"
        for verb in ("accept", "reject"):
            done = subprocess.run(
                gateway.words("node", verb, f"waits@{print_}"),
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                timeout=200,
                **account.spawn_options(),
            )
            assert done.returncode != 0
            assert "Traceback" not in done.stderr
            assert "waits" not in read_registry(gateway.layout.nodes).nodes
    assert enrol(gateway, 95, "waits")[1].startswith("enrol: wait ")


async def test_logins_with_the_key_from_many_addresses_keep_nobody_out(
    gateway: Gateway, bundle: Device, other: Other
) -> None:
    known = asyncssh.import_known_hosts(f"[{bundle.host}]:{bundle.ssh_port} {bundle.host_key}\n")

    async with AsyncExitStack() as stack:
        with ExitStack() as half_open:
            for number in range(40):
                peer = half_open.enter_context(closing(socket.socket()))
                peer.bind((f"127.0.9.{number + 1}", 0))
                peer.connect((bundle.host, bundle.ssh_port))
            connections = [
                await stack.enter_async_context(
                    asyncssh.connect(
                        bundle.host,
                        bundle.ssh_port,
                        local_addr=(f"127.0.8.{number}", 0),
                        username=bundle.user,
                        client_keys=[str(bundle.key)],
                        known_hosts=known,
                        config=None,
                        agent_path=None,
                    )
                )
                for number in range(1, 5)
            ]
            answers = [await say(one, request_of(96, "roof")) for one in connections]
            await asyncio.to_thread(other.goes_on)
            assert {status for status, _, _ in answers} == {0}
            assert len({answer.split()[-1] for _, answer, _ in answers}) == 1
    (one,) = until(
        lambda: [one for one in read_applicants(gateway.layout.state) if one.said == "roof"],
        "the applicant is kept, once",
    )
    assert one.peer == "127.0.8.1"


def test_all_places_are_taken_and_the_fleet_does_not_notice(
    gateway: Gateway, bundle: Device, other: Other
) -> None:
    assert gateway.daemon is not None
    pid = Control(layout=gateway.layout).daemon_pid()
    assert pid is not None
    process, told, began = psutil.Process(pid), events_about(gateway), time.monotonic()
    before = process.memory_info().rss
    long = render_enrol(Enrol("x", public_key(97), tuple(map(public_key, range(600, 800)))))
    assert ask(gateway, long)[0] == MALFORMED
    assert ask(gateway, long[: long.rindex(" ssh-", 0, 4096)])[0] == 0

    statuses = [
        enrol(gateway, 10_000 + 12 * host + turn, "office", f"198.51.{host}.1")[0]
        for host in range(110)
        for turn in range(11)
    ]
    same = {enrol(gateway, 10_000, f"name-{turn}", f"198.51.{turn}.1")[1] for turn in range(50)}

    assert {*statuses} == {0, TRY_LATER}
    assert statuses[:11] == [0] * 10 + [TRY_LATER]
    assert len(same) == 1
    other.goes_on()
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    gateway.await_up(device)
    assert enrol(gateway, 98, "late")[0] == TRY_LATER
    until(lambda: len(read_applicants(gateway.layout.state)) == MOST_APPLICANTS, "as many are kept")
    assert process.memory_info().rss - before < 64 << 20
    assert sum(path.stat().st_size for path in gateway.layout.state.parent.glob("state.db*")) < (
        16 << 20
    )
    minutes = (time.monotonic() - began) / 60
    assert events_about(gateway) - told <= TOLD_A_MINUTE * (4 + minutes)

    filtered = gateway.run("node", "reject", "--filter", "peer:198.51.7.1", "--yes")
    assert filtered.returncode == 0, filtered.stderr
    assert filtered.stdout.count(": rejected\n") == 10
    assert enrol(gateway, 98, "late")[0] == 0
    assert enrol(gateway, 10_000 + 12 * 7, "office", "198.51.7.1")[1] == "enrol: rejected"
    gateway.ok("enrol", "end", "crowd", "--yes")
    until(lambda: not read_applicants(gateway.layout.state), "all are forgotten")
