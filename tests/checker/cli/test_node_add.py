"""The verb `node add`; tests/checker/haproxy/test_publish.py has public forwards."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.registry.reading import read_registry
from tests.checker.cli.homes import ERROR, MAIN, Run, key_lines, registry_events
from tests.host_keys import put_rsa_host_key
from tests.programs import require
from tests.strategies import public_key


@pytest.fixture(autouse=True)
def rsa_host_key(request: pytest.FixtureRequest, layout: Layout) -> None:
    if "leaves_no_trace" not in request.node.name:
        put_rsa_host_key(layout)


def test_a_taken_name_port_or_key_is_refused(checker: Run, office: Layout, tmp_path: Path) -> None:
    require("ssh-keygen")
    keys = {}
    for number in (1, 2):
        keys[number] = tmp_path / f"{number}.pub"
        keys[number].write_text(public_key(number))

    for words, says in (
        (
            ("office", "--forward", "x:1", "--public-key", str(keys[2])),
            "node office is registered already",
        ),
        (
            ("b", "--forward", "20010=x:1", "--public-key", str(keys[2])),
            "port 20010 belongs to node office",
        ),
        (
            ("b", "--forward", "x:1", "--public-key", str(keys[1])),
            "that public key belongs to node office",
        ),
        (
            ("b", "--forward", "20011=x:1", "--forward", "20011=x:2", "--public-key", str(keys[2])),
            "node b asks for port 20011 twice",
        ),
    ):
        code, out, err = checker("node", "add", *words)
        assert (code, out) == (ExitCode.USAGE, "")
        assert err.startswith(ERROR)
        assert says in err

    assert list(read_registry(office.nodes).nodes) == ["office"]


def test_a_node_is_added_with_a_key_and_all_that_its_client_needs(
    checker: Run, layout: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    config = tmp_path / "office.toml"
    words = (
        "office",
        "--forward",
        "127.0.0.1:22,banner:SSH-2.0",
        "--forward",
        "20500=nas:443,tls",
        "--gateway",
        "gw:22",
        "--deadline",
        "2",
    )

    code, out, err = checker("node", "add", *words, "--client-config", str(config), "--json")

    assert (code, err) == (ExitCode.OK, "")
    document = json.loads(out)
    assert [forward["port"] for forward in document["node"]["forwards"]] == [20000, 20500]
    assert document["files"] == [f"{config}.key", str(config)]
    for path in (config, Path(f"{config}.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "reversi:office" in layout.authorized_keys.read_text()

    again = checker(
        "node", "add", "b", "--forward", "x:1", "--gateway", "gw:22", "--client-config", str(config)
    )
    assert again[0] == ExitCode.USAGE
    assert again[2].startswith(f"{ERROR}{config}.key: exists already, and may be in use; ")
    assert list(read_registry(layout.nodes).nodes) == ["office"]


def test_a_public_key_may_come_from_stdin(
    checker: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("ssh-keygen")
    monkeypatch.setattr(sys, "stdin", io.StringIO(public_key(5)))

    assert (
        checker("node", "add", "office", "--forward", "127.0.0.1:22", "--public-key", "-")[0]
        == ExitCode.OK
    )
    assert read_registry(layout.nodes).node("office").public_key == public_key(5)


def test_a_key_made_elsewhere_belongs_beside_the_client_file(checker: Run, tmp_path: Path) -> None:
    public, client = tmp_path / "own.pub", tmp_path / "office.toml"
    public.write_text(f"{public_key(1)}\n")
    words = (
        "--public-key",
        str(public),
        "--client-config",
        str(client),
        "--gateway",
        "gw.example.org:22",
    )

    code, out, _ = checker("node", "add", "office", "--forward", "127.0.0.1:22", *words)

    assert code == ExitCode.OK
    assert out.splitlines()[1:] == [
        f"wrote {client}",
        "put the private key of --public-key beside it on the device, as office.toml.key",
    ]


def test_a_port_that_no_tunnel_can_bind_is_warned_about_with_the_way_out(
    checker: Run, layout: Layout
) -> None:
    layout.config.parent.mkdir(parents=True, exist_ok=True)
    layout.config.write_text('tunnel_user = "nobody"\n', encoding="ascii")
    key = layout.config.with_name("key.pub")
    key.write_text(public_key(), encoding="ascii")

    code, _, added = checker(
        "node", "add", "mail", "--forward", "25=10.0.0.5:25,banner:220", "--public-key", str(key)
    )
    _, _, again = checker("node", "set", "mail", "--target", "10.0.0.6:25")
    _, _, moved = checker("node", "move", "mail", "25", "587")

    assert code == ExitCode.OK
    assert "reversi-checker publish mail:PORT --port 25" in added
    assert "publish" not in again
    assert "reversi-checker publish mail:PORT --port 587" in moved


def test_nodes_added_at_the_same_time_get_different_ports(home: Layout, tmp_path: Path) -> None:
    adding = []
    for number in range(2, 6):
        (tmp_path / f"{number}.pub").write_text(public_key(number))
        words = [
            "node",
            "add",
            f"n{number}",
            "--forward",
            "x:1",
            "--public-key",
            str(tmp_path / f"{number}.pub"),
        ]
        adding.append(
            subprocess.Popen(
                [sys.executable, "-c", MAIN, "--home", str(home.home), *words],
                stdout=subprocess.DEVNULL,
            )
        )

    assert [process.wait(150) for process in adding] == [0] * 4
    registry = read_registry(home.nodes)
    ports = [
        forward.port
        for name in ("n2", "n3", "n4", "n5")
        for forward in registry.node(name).forwards
    ]
    assert sorted(ports) == [20000, 20001, 20002, 20003]
    assert len(key_lines(home)) == 5
    assert len(registry_events(home)) == 4


@pytest.mark.parametrize("more", [(), ("--client-config", "b.toml", "--gateway", "gw:22")])
def test_a_dry_run_shows_what_would_be_registered_and_leaves_no_trace(
    checker: Run,
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
) -> None:
    require("ssh-keygen")
    monkeypatch.chdir(tmp_path)
    words = ("node", "add", "b", "--forward", "nas:443,tls", *more, "--dry-run")

    code, out, err = checker(*words)
    as_json = json.loads(checker(*words, "--json")[1])

    assert (code, err) == (ExitCode.OK, "")
    files = ["b.toml.key", "b.toml"] if more else ["b.key"]
    assert out.splitlines() == [
        "would register b: port 20000 -> nas:443, expecting tls",
        *(f"would write {name}" for name in files),
    ]
    assert (as_json["dry_run"], as_json["files"]) == (True, files)
    assert (as_json["node"]["public_key"], as_json["node"]["name"]) == (None, "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("office", "--forward", "x:1,http"), "is registered already", id="name"),
        pytest.param(("b", "--forward", "20010=x:1,http"), "belongs to node office", id="port"),
        pytest.param(
            ("b", "--forward", "x:1,http", "--public-key", "1.pub"),
            "belongs to node office",
            id="key",
        ),
        pytest.param(
            ("c", "--forward", "x:1,http", "--client-config", "c", "--gateway", "g:1"),
            "exists already",
            id="file",
        ),
    ],
)
def test_a_dry_run_refuses_what_would_be_refused(
    checker: Run,
    office: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    says: str,
) -> None:
    require("ssh-keygen")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.pub").write_text(public_key(1))
    (tmp_path / "c").write_text("in use")

    code, out, err = checker("node", "add", *words, "--dry-run")

    assert (code, out) == (ExitCode.USAGE, "")
    assert says in err


@pytest.mark.parametrize(
    ("forwards", "says"),
    [
        pytest.param(
            ("127.0.0.1:22",),
            "office: no response is expected on port 20000 (`open`), so a tunnel that hangs is not"
            " noticed; port 22 usually answers with banner:SSH-2.0: run: reversi-checker node set"
            " office --expect banner:SSH-2.0\n",
            id="a known port",
        ),
        pytest.param(
            ("nas:80", "nas:9999", "nas:22,banner:SSH-2.0"),
            "port 20000, 20001 (`open`), so a tunnel that hangs is not noticed; port 80 usually"
            " answers with http: run: reversi-checker node set office --forward 20000 --expect"
            " http;"
            " if nas:9999 answers with something, run: reversi-checker node set office --forward"
            " 20001 --expect ...\n",
            id="several",
        ),
        pytest.param(("nas:80,open",), "", id="open as asked for"),
        pytest.param(("nas:80,http",), "", id="a response"),
    ],
)
def test_what_open_cannot_see_is_said_once(
    checker: Run, layout: Layout, tmp_path: Path, forwards: tuple[str, ...], says: str
) -> None:
    (tmp_path / "own.pub").write_text(public_key())
    asked = [word for forward in forwards for word in ("--forward", forward)]

    code, _, err = checker(
        "node", "add", "office", *asked, "--public-key", str(tmp_path / "own.pub")
    )

    assert code == ExitCode.OK
    assert err.endswith(says)
    assert err.count("\n") == bool(says)
