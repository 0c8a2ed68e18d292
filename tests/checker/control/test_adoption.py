"""Adopting a device of the shared key: checker.control.adoption, by the command line."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import home_layout
from checker.control.adoption import (
    Choice,
    NotSeen,
    host_in,
    targets_in,
    to_be_adopted,
    usual_target,
)
from checker.model import (
    SHARED_KEY,
    CheckerError,
    Expect,
    ExpectKind,
    InvalidValue,
    NodeName,
    Port,
    Target,
    Tunnel,
    Unregistered,
)
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.nodes import Registry, SharedKeyTaken
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_store
from tests.checker.registry.rev_homes import cli, rev, shared_home
from tests.strategies import node, public_key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return shared_home(tmp_path)


def test_adopting_gives_an_imported_node_a_key_and_leaves_the_shared_one(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    public = tmp_path / "a.pub"
    public.write_text(public_key(5))

    done = cli(capsys, home, "node", "adopt", "a", "--public-key", str(public), "--json")

    assert done.code is ExitCode.OK, done.err
    node = json.loads(done.out)["node"]
    assert (node["public_key"], node["next_key"]) == (SHARED_KEY, public_key(5))
    lines = home_layout(home).authorized_keys.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["reversi:a", "reversi:*"]
    assert all('permitlisten="localhost:50010"' in line for line in lines)


def test_a_dry_run_of_an_adoption_changes_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    before = home_layout(home).authorized_keys.read_bytes()

    done = cli(capsys, home, "node", "adopt", "a", "--dry-run")
    as_json = cli(capsys, home, "node", "adopt", "a", "--dry-run", "--json")

    assert done.code is ExitCode.OK, done.err
    assert done.out.startswith("would register a: port 50010 -> ")
    assert done.out.endswith("would write a.key\n")
    shown = json.loads(as_json.out)["node"]
    assert (shown["public_key"], shown["next_key"]) == (SHARED_KEY, None)
    assert home_layout(home).authorized_keys.read_bytes() == before
    assert not (tmp_path / "a.key").exists()
    assert "did you mean 'a1'?" not in cli(capsys, home, "node", "adopt", "zzz").err


@pytest.mark.parametrize(
    ("given", "target"),
    [
        pytest.param("127.0.0.1:22", "127.0.0.1:22", id="the-registered-one"),
        pytest.param("192.168.1.1:8022", "192.168.1.1:8022", id="another"),
        pytest.param("50010=192.168.1.1:8022", "192.168.1.1:8022", id="with-its-port"),
    ],
)
def test_adopting_an_imported_node_takes_the_target_that_the_event_suggests(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path, given: str, target: str
) -> None:
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    public = tmp_path / "a.pub"
    public.write_text(public_key(5))

    done = cli(
        capsys, home, "node", "adopt", "a", "--target", given, "--public-key", str(public), "--json"
    )

    assert done.code is ExitCode.OK, done.err
    (forward,) = json.loads(done.out)["node"]["forwards"]
    assert (forward["port"], forward["target"], forward["expect"]) == (
        50010,
        target,
        "banner:SSH-2.0",
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("nobody",), "no device calls itself 'nobody'", id="never-seen"),
        pytest.param(
            ("a", "--target", "50011=127.0.0.1:80"),
            "does not name one of the node's ports, 50010",
            id="target-of-another-port",
        ),
        pytest.param(
            ("a", "--public-key", "SHARED"),
            "that public key is the shared one",
            id="the-shared-key-itself",
        ),
        pytest.param(("own",), "reversi-checker node rekey own", id="a-key-of-its-own"),
    ],
)
def test_an_adoption_that_is_refused_says_why(
    capsys: pytest.CaptureFixture[str],
    home: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    says: str,
) -> None:
    cli(capsys, home, "node", "import", str(rev(tmp_path, "a")))
    public = tmp_path / "own.pub"
    public.write_text(public_key(5))
    cli(
        capsys, home, "node", "add", "own", "--forward", "127.0.0.1:22", "--public-key", str(public)
    )

    shared = tmp_path / "shared.pub"
    shared.write_text(public_key(9))

    done = cli(
        capsys,
        home,
        "node",
        "adopt",
        *(str(shared) if word == "SHARED" else word for word in words),
    )

    assert done.code is ExitCode.USAGE
    assert says in done.err


def seen(home: Path, *devices: Unregistered) -> None:
    """A gateway that ran, and its state file, which lists these devices."""
    (home / "nodes").mkdir(exist_ok=True)
    store = open_store(home / "state.db")
    store.write(Batch(unregistered=devices))
    store.close()


def device(port: int, expect: Expect, name: str = "office") -> Unregistered:
    return Unregistered(
        node=NodeName(name), port=Port(port), expect=expect, first_at=1.0, last_at=2.0
    )


SSH = Expect(kind=ExpectKind.BANNER, text="SSH-2.0")
WEB = Expect(kind=ExpectKind.BANNER, text="HTTP/1.1")


def test_a_device_that_was_never_seen_cannot_be_adopted(home: Path) -> None:
    with pytest.raises(NotSeen, match="no device calls itself 'office'"):
        to_be_adopted(Choice(), home_layout(home), Registry(), NodeName("office"))


def test_a_device_is_adopted_by_its_own_word(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    seen(home, replace(device(50010, SSH, "office-router-50010"), calls_itself="Office_Router"))
    public = home / "own.pub"
    public.write_text(public_key(5))

    done = cli(capsys, home, "node", "adopt", "Office_Router", "--public-key", str(public))

    assert done.code is ExitCode.OK, done.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert (node.name, node.calls_itself) == ("office-router-50010", "Office_Router")
    assert "Office" not in home_layout(home).authorized_keys.read_text()
    public.write_text(public_key(6))
    again = cli(capsys, home, "node", "adopt", "Office_Router", "--public-key", str(public))
    assert again.code is ExitCode.OK, again.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert node.next_key == public_key(6)


def test_devices_that_call_themselves_the_same_are_adopted_one_by_one(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    word = "NODE_NAME_HERE"
    names = [f"node-name-here-{port}" for port in (50010, 50011)]
    seen(
        home,
        *(
            replace(device(port, SSH, name), calls_itself=word)
            for port, name in zip((50010, 50011), names, strict=True)
        ),
    )

    both = cli(capsys, home, "node", "adopt", word)
    assert both.code is ExitCode.USAGE
    assert f"2 devices call themselves {word}: {', '.join(names)}; name one" in both.err

    public = home / "own.pub"
    public.write_text(public_key(5))
    done = cli(capsys, home, "node", "adopt", names[1], "--public-key", str(public))
    assert done.code is ExitCode.OK, done.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert (node.name, node.ports, node.calls_itself) == (names[1], (50011,), word)


def test_devices_at_different_addresses_are_adopted_one_by_one(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    seen(home, device(50010, SSH), device(50011, SSH))
    with closing(open_store(home / "state.db")) as store:
        peers = {50010: "192.0.2.1", 50011: "192.0.2.2:4000"}
        store.write(
            Batch(
                tunnels=[
                    Tunnel(node=NodeName("office"), port=Port(port), peer=peer)
                    for port, peer in peers.items()
                ]
            )
        )
    public = home / "own.pub"
    public.write_text(public_key(5))
    words = ("node", "adopt", "office", "--public-key", str(public))

    both = cli(capsys, home, *words)
    none = cli(capsys, home, *words, "--port", "50012")
    one = cli(capsys, home, *words, "--port", "50011")
    again = cli(capsys, home, *words, "--port", "50011")

    assert both.code is ExitCode.USAGE
    assert "port 50010 at 192.0.2.1, port 50011 at 192.0.2.2; if they are two" in both.err
    assert "no device of the name office listens on port 50012" in none.err
    assert one.code is ExitCode.OK, one.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert node.ports == (50011,)
    assert "node office is registered, with its ports" in again.err


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:5", "2001:db8::1"),
    ],
)
def test_the_address_of_a_device_is_read_in_each_form(peer: str | None, host: str) -> None:
    assert host_in(peer) == host


def test_a_name_that_two_devices_have_is_not_adopted(home: Path) -> None:
    name = "x-50010"
    seen(home, replace(device(50010, SSH, name), calls_itself="X"), device(50011, SSH, name))

    with pytest.raises(CheckerError, match="stands for devices that call themselves X, x-50010"):
        to_be_adopted(Choice(), home_layout(home), Registry(), NodeName(name))


def test_adopting_keeps_ports_and_expectations(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    seen(home, device(50010, SSH), device(50011, WEB), device(50012, SSH, "other"))
    config = tmp_path / "office.toml"

    done = cli(
        capsys,
        home,
        "node",
        "adopt",
        "office",
        "--target",
        "50011=10.0.0.9:80",
        "--client-config",
        str(config),
        "--gateway",
        "gateway.example.org:22",
    )

    assert done.code is ExitCode.OK, done.err
    node = read_registry(home / "nodes").nodes[NodeName("office")]
    assert [(f.port, str(f.target), f.expect) for f in node.forwards] == [
        (50010, "127.0.0.1:22", SSH),
        (50011, "10.0.0.9:80", WEB),
    ]
    assert node.is_shared
    assert node.next_key is not None
    assert (
        config.with_name("office.toml.key")
        .read_bytes()
        .startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    )
    listed = json.loads(cli(capsys, home, "node", "list", "--json").out)["unregistered"]
    wanted = ("node", "port", "target", "first_at", "last_at")
    assert [tuple(one[key] for key in wanted) for one in listed] == [
        ("other", 50012, None, 1.0, 2.0)
    ]


def test_status_shows_what_is_not_registered(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    seen(home, device(50010, SSH), device(50011, WEB, "other"))

    document = json.loads(cli(capsys, home, "status", "--json", "other").out)
    text = cli(capsys, home, "status").out

    assert [one["node"] for one in document["unregistered"]] == ["other"]
    assert set(document["unregistered"][0]) >= {
        "status",
        "detail",
        "pid",
        "kills",
        "first_at",
        "last_at",
    }
    assert document["tunnels"] == []
    assert [line.split()[:3] for line in text.splitlines()[1:]] == [
        ["office", "50010", "unregistered"],
        ["other", "50011", "unregistered"],
    ]


def test_a_target_that_cannot_be_guessed_must_be_given() -> None:
    assert usual_target(device(50010, SSH).forward) == Target(host="127.0.0.1", port=Port(22))
    with pytest.raises(InvalidValue, match="--target 50011=HOST:PORT"):
        usual_target(device(50011, WEB).forward)


@pytest.mark.parametrize("text", ["50012=127.0.0.1:1", "127.0.0.1:1"])
def test_a_target_must_name_one_of_the_nodes_ports(text: str) -> None:
    with pytest.raises(InvalidValue, match="50010, 50011"):
        targets_in([text], [device(50010, SSH).forward, device(50011, WEB).forward])


def test_no_node_gets_the_shared_key_as_its_own(home: Path) -> None:
    layout = home_layout(home)

    with pytest.raises(SharedKeyTaken, match="node office needs a key of its own"):
        add(layout, node(number=9), gate_command(layout))


@pytest.mark.parametrize("text", ["20010=nas:80,tls", "20010=nas:80,public"])
def test_a_target_with_more_than_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"write \[PORT=\]HOST:PORT"):
        targets_in([text], node(ports=(20010, 20011)).forwards)
