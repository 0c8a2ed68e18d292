"""OpenWRT's files and systemd units: the nodes that they describe, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import SHARED_KEY
from checker.registry.imported import FileRead, Found
from checker.registry.tunnel_files import read_tunnel_file

CASES = Path(__file__).parents[2] / "data" / "tunnels"
SERVER = "config server 'office'\n\toption user 'a'\n\toption hostname gw\n"
TUNNEL = (
    "config tunnelR\n\toption server office\n\toption remoteport 20010\n"
    "\toption localaddress nas\n\toption localport 80\n"
)


def read(text: str, stem: str = "file") -> FileRead:
    found = read_tunnel_file(text.encode(), stem=stem, added_at=7)
    assert found is not None
    return found


def only(text: str, stem: str = "file") -> Found:
    (found,) = read(text, stem).found
    return found


def notes(text: str) -> str:
    return "; ".join(note.text for note in only(text).notes)


def unit(line: str) -> str:
    return f"[Unit]\nDescription=x\n[Service]\nExecStart={line}\nRestart=always\n[Install]\na=b\n"


@pytest.mark.parametrize("path", sorted(CASES.iterdir()), ids=lambda path: path.stem)
def test_a_file_as_its_package_has_it_is_one_node(path: Path) -> None:
    found = read_tunnel_file(path.read_bytes(), stem=path.stem, added_at=7)

    assert found is not None
    assert found.problems == ()
    (one,) = found.found
    assert one.node.public_key == SHARED_KEY
    assert one.login is not None
    assert one.login.host == "gateway.example.org"
    assert one.left_out


@pytest.mark.parametrize("text", ["", "nodename:office\n", "config:server\n", "# [Service]\n"])
def test_other_files_are_left_to_others(text: str) -> None:
    assert read_tunnel_file(text.encode(), stem="x", added_at=7) is None


def test_a_windows_editor_changes_nothing() -> None:
    assert only(f"\ufeff{SERVER}{TUNNEL}".replace("\n", "\r\n")) == only(SERVER + TUNNEL)


def test_a_tunnel_without_an_address_asks_for_all_of_them() -> None:
    one = only(SERVER + TUNNEL)

    assert one.node.forwards[0].public
    assert "port 20010 is asked for on all addresses" in notes(SERVER + TUNNEL)


def test_tunnels_of_other_kinds_and_options_are_left_out_and_said() -> None:
    local = "config tunnelL mail\n\toption server office\n\toption localport 25\n"

    one = only(f"{SERVER}\toption Compression yes\n{TUNNEL}{local}")

    assert one.left_out == ("Compression yes", "tunnelL mail (-L)")
    assert "left out: Compression yes, tunnelL mail (-L)" in one.notes[-1].text


def test_the_admin_may_name_the_node_of_a_file_that_gives_no_name() -> None:
    content = (SERVER + TUNNEL).replace("office", "_").encode()

    found = read_tunnel_file(content, stem="x", added_at=7, name="lobby")

    assert found is not None
    assert [one.node.name for one in found.found] == ["lobby"]


def test_each_server_is_a_node_and_a_faulty_tunnel_costs_no_other() -> None:
    other = SERVER.replace("office", "attic") + TUNNEL.replace("office", "attic").replace(
        "20010", "20011"
    )
    faulty = TUNNEL.replace("20010", "0")

    found = read(SERVER + TUNNEL + faulty + other)

    assert [(one.node.name, one.node.ports) for one in found.found] == [
        ("office", (20010,)),
        ("attic", (20011,)),
    ]
    assert "is not taken: -R '0' is not a port" in found.found[0].notes[0].text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(SERVER, "no tunnel with -R", id="server-without-tunnel"),
        pytest.param(SERVER + TUNNEL.replace("20010", "x"), "not a port", id="no-port"),
        pytest.param("config autossh\n\toption enabled 1\n", "no tunnel with -R", id="no-command"),
        pytest.param("config autossh\n\toption ssh '-R 1", "does not end", id="quote"),
        pytest.param(
            "config autossh\n\toption ssh '-p x -R 1:a:2 b'\n", "not a port", id="login-port"
        ),
        pytest.param(unit("/usr/bin/sleep 1"), "no tunnel with -R", id="another-program"),
        pytest.param(unit("/usr/bin/ssh -N gw"), "no tunnel with -R", id="no-forward"),
        pytest.param(unit("/usr/bin/ssh -R $PORT:a:2 gw"), "uses $PORT", id="variable"),
        pytest.param(unit("ssh 'a"), "does not end", id="unit-quote"),
        pytest.param(unit("sh -c 'ssh \"a'"), "does not end", id="script-quote"),
        pytest.param((SERVER + TUNNEL).replace("office", "_"), "add --name NAME", id="name"),
    ],
)
def test_a_file_without_a_usable_tunnel_says_why(text: str, says: str) -> None:
    found = read(text)

    assert found.found == ()
    assert says in found.problems[0].text


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/ssh -N -R 20010:nas:80 a@gw",
        "-+/usr/bin/autossh -M 0 -N \\\n  -R 20010:nas:80 a@gw",
        "/usr/bin/env AUTOSSH_GATETIME=0 autossh -M0 -R 20010:nas:80 a@gw",
        "/bin/sh -c 'exec ssh -N -R 20010:nas:80 a@gw'",
        "/bin/sh -c 'while true; do ssh -N -R 20010:nas:80 a@gw; sleep 5; done'",
        "sshpass -f p ssh -R 20010:nas:80 a@gw",
        'ssh -R ${PORT}:nas:80 $WHO\nEnvironment=PORT=20010 "WHO=a@gw"',
    ],
)
def test_a_unit_starts_ssh_in_many_ways(line: str) -> None:
    one = only(unit(line), "tunnel@Office_1")

    assert (one.node.name, one.node.ports) == ("tunnel-office-1", (20010,))
    assert one.login is not None
    assert (one.login.user, one.login.host) == ("a", "gw")
    assert "Restart=always" in one.left_out
    assert "Description=x" not in one.left_out


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        pytest.param(unit("autossh -M 20000 -R 1:a:2 b"), True, id="unit"),
        pytest.param(unit("autossh -M 0 -R 1:a:2 b"), False, id="unit-without"),
        pytest.param("config autossh\n option ssh '-R 1:a:2 b'\n", True, id="openwrts-default"),
        pytest.param(
            "config autossh\n option ssh '-R 1:a:2 b'\n option monitorport 0\n", False, id="off"
        ),
    ],
)
def test_the_port_through_which_autossh_tests_itself_is_said(text: str, is_said: bool) -> None:
    assert ("set its monitor port (-M) to 0" in notes(text)) is is_said


def test_a_tunnel_that_is_switched_off_is_said() -> None:
    assert "switched off" in notes(f"{SERVER}\toption enabled 0\n{TUNNEL}")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("optoin user 'a'\n", 4, "is not understood", id="typing-error"),
        pytest.param(
            "config tunnelR x\n\toption server attic\n", 4, "names no server", id="server"
        ),
        pytest.param("config wifi x\n", 4, "is of another package", id="section"),
    ],
)
def test_lines_of_a_uci_file_that_mean_nothing_are_named(text: str, line: int, says: str) -> None:
    found = read(SERVER + text + TUNNEL)

    assert [one.node.ports for one in found.found] == [(20010,)]
    ((at, why),) = [(one.line, one.text) for one in found.problems]
    assert at == line
    assert says in why


def test_a_line_of_a_unit_without_a_value_is_named() -> None:
    found = read(unit("ssh -R 20010:nas:80 gw\nRestart always"))

    assert [(one.line, one.text) for one in found.problems] == [
        (5, "'Restart always' is not KEY=VALUE")
    ]
    assert len(found.found) == 1


words = st.sampled_from(
    ["config", "server", "tunnelR", "autossh", "option", "list", "ssh", "'", "\n", "[Service]\n",
     "ExecStart=", "-R", "1:a:2", "\\\n", "$X", "sh -c", "office", "remoteport", " "]
) | st.text(max_size=6)  # fmt: skip


@given(st.lists(words, max_size=30).map(" ".join), st.text(max_size=8))
def test_reading_never_fails_whatever_the_file_contains(text: str, stem: str) -> None:
    for head in ("config server x\n", "[Service]\n"):
        content = (head + text).encode("utf-8", "surrogatepass")
        found = read_tunnel_file(content, stem=stem, added_at=0)

        assert found is not None
        assert found.found or found.problems
