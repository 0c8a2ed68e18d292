"""The verbs `node rekey`, `disable`, `enable`, `rename` and `expire`, without a daemon."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.client import operator_name
from checker.model import Event, EventKind, Status, Tunnel
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from tests.checker.cli.homes import COMMAND, Run, key_lines, registered, registry_events
from tests.programs import require
from tests.strategies import NOW, free_port, node, public_key


def test_a_disabled_node_keeps_everything_but_its_line(edit: Run, home: Layout) -> None:
    before = registered(home)

    assert edit("disable", "office")[:2] == (ExitCode.OK, "office: disabled\n")
    assert registered(home) == replace(before, enabled=False)
    assert key_lines(home) == []
    assert "disabled" in edit("list")[1]
    assert edit("disable", "office")[:2] == (ExitCode.OK, "office: nothing to change\n")

    assert edit("enable", "office")[0] == ExitCode.OK
    after = registered(home)
    assert after == replace(before, key_since=after.key_since)
    assert after.key_since >= before.added_at
    assert len(key_lines(home)) == 1
    assert [(event.text, event.actor) for event in registry_events(home)] == [
        ("disabled", operator_name()),
        ("enabled", operator_name()),
    ]


def test_a_disabled_node_says_why_until_it_is_enabled(edit: Run, home: Layout) -> None:
    path = home.nodes / "office.why"
    assert "cannot be written" in edit("disable", "office", "--why", "a\x1b[31mb")[2]
    dry = edit("disable", "office", "--why", "stolen", "--dry-run")[1]
    assert dry.startswith("would change office: disabled: stolen\nwould end the tunnel on port ")
    assert not path.exists()

    assert edit("disable", "office", "--why", " stolen ")[:2] == (
        ExitCode.OK,
        "office: disabled: stolen\n",
    )
    assert "state     disabled: stolen" in edit("show", "office")[1]
    assert path.stat().st_mode & 0o777 == 0o644

    edit("rename", "office", "lobby")
    assert "state     disabled: stolen" in edit("show", "lobby")[1]
    assert not path.exists()
    edit("enable", "lobby")
    assert not list(home.nodes.glob("*.why"))
    edit("disable", "lobby", "--why", "sold")
    edit("remove", "lobby")
    assert not list(home.nodes.glob("*.why"))


def test_several_nodes_are_disabled_for_one_reason(edit: Run, home: Layout) -> None:
    with locked(home):
        add(home, node("shed", 2, ports=(free_port(),)), COMMAND)

    code, out, _ = edit("disable", "office", "shed", "--why", "lease is over", "--yes")

    assert (code, out) == (
        ExitCode.OK,
        "office: disabled: lease is over\nshed: disabled: lease is over\n",
    )
    assert [path.read_text() for path in sorted(home.nodes.glob("*.why"))] == [
        "lease is over\n"
    ] * 2


def test_a_new_key_and_the_old_one_are_both_valid_until_the_new_one_is_used(
    edit: Run, home: Layout, tmp_path: Path
) -> None:
    (tmp_path / "new.pub").write_text(public_key(2))

    code, out, _ = edit("rekey", "office", "--public-key", "new.pub")

    assert (code, out) == (
        ExitCode.OK,
        "office: a new key waits; the present one stays until a tunnel with the new one beats\n",
    )
    assert registered(home).public_keys == (public_key(1), public_key(2))
    old, new = key_lines(home)
    assert (public_key(1) in old, "--key new" in old) == (True, False)
    assert (public_key(2) in new, "--key new --node office" in new) == (True, True)
    assert f"next key  {public_key(2)}" in edit("show", "office")[1]


def test_a_key_that_is_replaced_at_once_leaves_one_line(
    edit: Run, home: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")

    code, out, _ = edit("rekey", "office", "--now", "--key-type", "rsa", "--keep-key")

    assert (code, out.splitlines()[0]) == (ExitCode.OK, "office: its key was replaced")
    assert registered(home).public_key.startswith("ssh-rsa ")
    assert len(key_lines(home)) == 1
    handed, kept = tmp_path / "office.key", home.nodes / "office.key"
    assert handed.read_bytes() == kept.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (handed, kept)] == [0o600, 0o600]
    size = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(kept)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    ).stdout
    assert size.startswith("3072 ")
    assert json.loads(edit("show", "office", "--json")[1])["node"]["key_kept"] is True

    edit("rename", "office", "lobby")
    assert (home.nodes / "lobby.key").exists()
    assert not kept.exists()
    edit("remove", "lobby", "--yes")
    assert list(home.nodes.glob("*.key")) == []


def test_a_new_key_that_is_not_kept_removes_the_kept_old_one(
    edit: Run, home: Layout, tmp_path: Path
) -> None:
    kept = home.nodes / "office.key"
    kept.write_text("old")
    (tmp_path / "new.pub").write_text(public_key(2))

    edit("rekey", "office", "--public-key", "new.pub")

    assert not kept.exists()


def test_a_key_file_that_exists_is_not_overwritten_and_nothing_changes(
    edit: Run, home: Layout, tmp_path: Path
) -> None:
    require("ssh-keygen")
    before = registered(home)
    (tmp_path / "office.toml").write_text("in use")
    home.host_key.with_name(f"{home.host_key.name}.pub").write_text(public_key(9))

    code, out, err = edit(
        "rekey", "office", "--keep-key", "--client-config", "office.toml", "--gateway", "gw:22"
    )

    assert (code, out) == (ExitCode.USAGE, "")
    assert "exists already, and may be in use" in err
    assert registered(home) == before
    assert (tmp_path / "office.toml").read_text() == "in use"
    assert not (home.nodes / "office.key").exists()


def test_a_new_key_file_gets_a_name_of_its_own(edit: Run, tmp_path: Path) -> None:
    require("ssh-keygen")
    (tmp_path / "office.key").write_text("in use")

    said = [edit("rekey", "office", "--now")[:2] for _ in range(2)]

    assert [(code, out.splitlines()[-1]) for code, out in said] == [
        (ExitCode.OK, f"wrote office-{number}.key") for number in (2, 3)
    ]
    assert (tmp_path / "office.key").read_text() == "in use"


def test_a_renamed_node_keeps_key_ports_and_history(edit: Run, home: Layout) -> None:
    before = registered(home)
    port = before.forwards[0].port
    with closing(open_store(home.state)) as store:
        events = [Event(at=NOW, kind=EventKind.KILL, text="earlier", node=before.name)]
        store.write(
            Batch(
                tunnels=[Tunnel(node=before.name, port=port, status=Status.UP, kills=3)],
                events=events,
            )
        )

    assert edit("rename", "office", "lobby")[0] == ExitCode.OK

    after = registered(home, "lobby")
    assert (after.public_key, [f.port for f in after.forwards]) == (
        before.public_key,
        [f.port for f in before.forwards],
    )
    assert [line.endswith("reversi:lobby") for line in key_lines(home)] == [True]
    with closing(open_reader(home.state)) as state:
        assert [(tunnel.node, tunnel.kills) for tunnel in state.tunnels()] == [("lobby", 3)]
        assert [event.text for event in state.events(node=after.name)] == [
            "earlier",
            "renamed from office to lobby",
        ]


def test_a_disabled_node_with_a_broken_file_stays_disabled(edit: Run, home: Layout) -> None:
    path = home.nodes / "office.toml"
    path.write_bytes(path.read_bytes() + b"oops")

    code, out, _ = edit("disable", "office", "--yes")

    assert code == ExitCode.OK
    assert "stay rejected when its file is repaired" in out
    assert not any("reversi:office" in line for line in key_lines(home))
    path.write_bytes(path.read_bytes().removesuffix(b"oops"))
    assert not registered(home).enabled


def test_disabling_a_broken_node_reports_a_copy_that_becomes_valid(edit: Run, home: Layout) -> None:
    path = home.nodes / "office.toml"
    copy = path.with_name("office-old.toml")
    copy.write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes() + b"oops")

    assert (
        f"{copy} is valid from now on, and lets its node in"
        in edit("disable", "office", "--yes")[2]
    )


def test_a_waiting_key_can_be_made_the_only_one(edit: Run, home: Layout, tmp_path: Path) -> None:
    (tmp_path / "new.pub").write_text(public_key(2))
    edit("rekey", "office", "--public-key", "new.pub")
    assert "old key still valid since 20" in edit("show", "office")[1]

    code, out, _ = edit("rekey", "office", "--now")

    assert (code, out) == (ExitCode.OK, "office: the new key is the only one now\n")
    assert registered(home).public_keys == (public_key(2),)
    assert [path.name for path in tmp_path.glob("*.key")] == []


def test_a_day_of_expiry_is_set_and_removed(edit: Run, home: Layout) -> None:
    edit("expire", "office", "2099-12-31")
    assert 'expiry-time="20991231"' in key_lines(home)[0]
    assert "until 2099-12-31" in edit("list")[1]
    edit("expire", "office", "2001-01-01")
    assert "expired 2001-01-01" in edit("list")[1]
    edit("expire", "office", "never")
    assert "expiry-time" not in key_lines(home)[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("rename", "office", "b"), "node b is registered already", id="name"),
        pytest.param(("move", "office", "OWN", "20099"), "port 20099 belongs to node b", id="port"),
        pytest.param(
            ("rekey", "office", "--public-key", "b.pub"),
            "that public key belongs to node b",
            id="key",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "b-next.pub"),
            "that public key belongs to node b",
            id="a key that waits",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "office.pub"),
            "node office has that key already",
            id="its own key",
        ),
        pytest.param(
            ("rekey", "office", "--public-key", "b.pub", "--keep-key"),
            "--public-key gives a key",
            id="keep what is not known",
        ),
        pytest.param(("rekey", "nosuch"), "there is no node 'nosuch'", id="unknown node"),
        pytest.param(
            ("rename", "office", "check"), "a word of the protocol", id="a word of the protocol"
        ),
        pytest.param(
            ("expire", "office", "2026-02-30"), "is not a day; write YYYY-MM-DD", id="no such day"
        ),
        pytest.param(
            ("expire", "office", "tomorrow"), "is not a day; write YYYY-MM-DD", id="no day"
        ),
        pytest.param(
            ("move", "office", "20500"), "which forward of node office?", id="which forward"
        ),
        pytest.param(
            ("move", "office", "1", "2", "3"), "move takes one port, or two", id="three ports"
        ),
        pytest.param(("move", "office", "1", "2"), "node office has no port 1", id="not its port"),
        pytest.param(("set", "office"), "nothing to set; give --target", id="nothing"),
        pytest.param(
            ("set", "office", "--forward", "OWN", "--deadline", "soon"),
            "--deadline 'soon' is out of bounds",
            id="deadline",
        ),
        pytest.param(
            ("set", "office", "--forward", "OWN", "--target", "x"),
            "--target 'x' is not HOST:PORT",
            id="target",
        ),
    ],
)
def test_an_invalid_change_is_refused_and_changes_nothing(
    edit: Run, home: Layout, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    with locked(home):
        add(home, replace(node("b", 2, (20099,)), next_key=public_key(3)), COMMAND)
    for name, number in (("office", 1), ("b", 2), ("b-next", 3)):
        (tmp_path / f"{name}.pub").write_text(public_key(number))
    before = (read_registry(home.nodes), home.authorized_keys.read_bytes())

    code, out, err = edit(
        *(str(registered(home).forwards[0].port) if word == "OWN" else word for word in words)
    )

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("reversi-checker: error: ")
    assert says in err
    assert (read_registry(home.nodes), home.authorized_keys.read_bytes()) == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(edit: Run, home: Layout) -> None:
    before = (read_registry(home.nodes), home.authorized_keys.read_bytes())
    port = registered(home).forwards[0].port

    code, out, err = edit("disable", "office", "--dry-run")

    assert (code, err) == (ExitCode.OK, "")
    assert out.startswith(f"would change office: disabled\nwould end the tunnel on port {port}\n")
    assert (read_registry(home.nodes), home.authorized_keys.read_bytes()) == before
    assert not home.state.exists()


def test_an_event_that_cannot_be_written_undoes_nothing(edit: Run, home: Layout) -> None:
    home.state.mkdir()

    code, out, err = edit("disable", "office")

    assert (code, out) == (ExitCode.OK, "office: disabled\n")
    assert "reversi-checker: warning: done, but the event could not be written: " in err
    assert not registered(home).enabled


def test_events_name_the_user_behind_sudo(
    edit: Run, home: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")

    edit("expire", "office", "2099-01-01")

    assert [event.actor for event in registry_events(home)] == [
        "alice" if os.geteuid() == 0 else operator_name()
    ]


def test_key_lines_of_others_stay_as_they_are(edit: Run, home: Layout) -> None:
    others = b"# the admin's\r\nssh-rsa AAAA admin \xff\n"
    home.authorized_keys.write_bytes(others + home.authorized_keys.read_bytes())
    home.authorized_keys.chmod(0o640)

    for words in (
        ("disable", "office"),
        ("enable", "office"),
        ("rename", "office", "x"),
        ("expire", "x", "2099-01-01"),
    ):
        assert edit(*words)[0] == ExitCode.OK
        assert home.authorized_keys.read_bytes().startswith(others)
    edit("remove", "x")

    assert home.authorized_keys.read_bytes() == others
    assert stat.S_IMODE(home.authorized_keys.stat().st_mode) == 0o640
