"""Public keys and key lines: what sshd reads in a line, and that foreign lines stay."""

from __future__ import annotations

import base64
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checker.model import MOST_PORTS, InvalidValue, Node, NodeName, parse_public_key
from checker.registry.key_lines import GateCommand, merge, render_lines
from tests.checker.registry.node_strategies import nodes as nodes_of_any_kind
from tests.programs import require
from tests.strategies import node, public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/reversi/gate.py", home="/srv/gate")
places = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1, max_size=30
).map(lambda text: f"/{text}")
commands = st.builds(GateCommand, python=places, gate=places, home=places | st.just(""))


def read_options(line: str) -> tuple[dict[str, list[str]], str]:
    r"""Options and the rest of a key line, by sshd's rules: inside quotes, \" is a quote and
    nothing else is special (sshd(8)).
    """
    options: dict[str, list[str]] = {}
    at = 0
    while True:
        name = ""
        while line[at] not in '=, "':
            name, at = name + line[at], at + 1
        value = ""
        if line[at] == "=":
            assert line[at + 1] == '"'
            at += 2
            while line[at] != '"':
                at += line.startswith('\\"', at)
                value, at = value + line[at], at + 1
            at += 1
        options.setdefault(name, []).append(value)
        if line[at] == " ":
            return options, line[at + 1 :]
        assert line[at] == ","
        at += 1


def after_exec(command: str) -> list[str]:
    """The words that start the gate."""
    return shlex.split(command[command.rindex("; exec ") + len("; exec ") :])


@given(commands)
@example(GateCommand(python="/a b/py", gate="/q\"uo'te\\", home='/back\\"slash $(reboot) `x` %h'))
def test_sshd_reads_a_key_line_as_it_was_meant(command: GateCommand) -> None:
    office = node(ports=(20010, 20011))

    options, rest = read_options(*render_lines(office, command))

    assert list(options) == ["restrict", "port-forwarding", "permitlisten", "command"]
    assert options["permitlisten"] == [
        *("localhost:20010", "localhost:20011"),
        *("127.0.0.1:20010", "[::1]:20010", "127.0.0.1:20011", "[::1]:20011"),
    ]
    assert after_exec(options["command"][0]) == command.words(office.name)
    assert rest == f"{office.public_key} reversi:office"


@given(commands)
@settings(max_examples=30, deadline=None)
def test_the_gate_command_reaches_its_program_unchanged_through_a_real_shell(
    command: GateCommand,
) -> None:
    words = command.words(NodeName("office"))
    through = shlex.join(words)
    line = command.render(NodeName("office"))
    bare, gate = (
        line.removeprefix(f"[ -x {shlex.quote(command.python)} ] || exec /bin/sh ").removesuffix(
            through
        ),
        through,
    )

    said = [
        subprocess.run(
            ["/bin/sh", "-c", rf"/usr/bin/printf '%s\0' {one}"],
            capture_output=True,
            check=True,
            timeout=200,
        )
        for one in (bare.removesuffix("; exec "), gate)
    ]

    script = command.gate.rpartition("/")[0] + "/bare.sh"
    assert said[0].stdout.decode().split("\0")[:-1] == [script, command.python, *words[4:]]
    assert said[1].stdout.decode().split("\0")[:-1] == words


def test_a_key_line_starts_the_gate_only_if_its_interpreter_is_there(tmp_path: Path) -> None:
    (tmp_path / "bare.sh").write_text('printf "bare %s\\n" "$*"\n')
    command = GateCommand(python=str(tmp_path / "python3"), gate=str(tmp_path / "gate.py"), home="")
    line = command.render(NodeName("office"), "new")

    def said() -> str:
        return subprocess.run(
            ["/bin/sh", "-c", line], capture_output=True, text=True, check=False, timeout=200
        ).stdout

    Path(command.python).symlink_to(tmp_path / "gone")
    without = said()
    (tmp_path / "gone").write_text('#!/bin/sh\nprintf "gate %s\\n" "$*"\n')
    (tmp_path / "gone").chmod(0o755)

    assert without == f"bare {command.python} --key new --node office\n"
    assert said() == f"gate -I -S {command.gate} --key new --node office\n"


def test_a_line_never_has_more_ports_than_sshd_takes() -> None:
    many = node(ports=tuple(range(20000, 20000 + MOST_PORTS // 3 + 1)))

    (line,) = render_lines(many, COMMAND)

    permits = read_options(line)[0]["permitlisten"]
    assert permits == [f"localhost:{port}" for port in many.ports]


def test_a_node_without_forwards_may_forward_nothing() -> None:
    options, _ = read_options(*render_lines(node(ports=()), COMMAND))

    assert list(options) == ["restrict", "command"]


@given(nodes_of_any_kind(), commands)
def test_each_key_of_a_node_has_a_line_with_all_that_it_may(
    one: Node, command: GateCommand
) -> None:
    lines = render_lines(one, command)

    assert len(lines) == (len(one.public_keys) if one.enabled else 0)
    listens = [
        f"{host}:{f.port}"
        for f in one.forwards
        for host in (["localhost", "*"] if f.public else ["localhost"])
    ]
    listens += [
        f"{host}:{f.port}" for f in one.forwards for host in ("127.0.0.1", "[::1]") if not f.public
    ]
    for line, key in zip(lines, one.public_keys, strict=False):
        options, rest = read_options(line)
        assert rest == f"{key} reversi:{one.name}"
        assert options.get("permitlisten", []) == listens
        assert ("port-forwarding" in options) is bool(listens)
        assert options.get("expiry-time", []) == (
            [one.expires.replace("-", "")] if one.expires else []
        )
        assert after_exec(options["command"][0]) == command.words(
            one.name, "new" if key == one.next_key else ""
        )


@given(nodes_of_any_kind(), commands)
def test_all_lines_of_a_node_go_with_it(one: Node, command: GateCommand) -> None:
    assert merge(merge(b"# theirs", [one], command), [], command) == b"# theirs\n"


def test_openssh_takes_a_hostile_line_for_one_key(tmp_path: Path) -> None:
    require("ssh-keygen")
    path = tmp_path / "authorized_keys"
    path.write_bytes(merge(b"", [node()], replace(COMMAND, home='/q"uo\'te\\" b')))

    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    assert listed.stdout.count("\n") == 1
    assert "reversi:office (ED25519)" in listed.stdout


foreign = st.binary(max_size=80).filter(lambda raw: b" reversi:" not in raw)
nodes = st.lists(st.integers(1, 9), unique=True, max_size=4).map(
    lambda numbers: [node(f"n{n}", n, (20000 + n,)) for n in sorted(numbers)]
)


@given(foreign, nodes, commands)
def test_foreign_lines_stay_byte_for_byte_and_merging_twice_is_merging_once(
    present: bytes, ours: list[Node], command: GateCommand
) -> None:
    merged = merge(present, ours, command)

    assert merged.startswith(present)
    assert merged[len(present) :].lstrip(b"\n").decode() == "".join(
        f"{line}\n" for one in ours for line in render_lines(one, command)
    )
    assert merge(merged, ours, command) == merged


@given(foreign, nodes, nodes)
def test_only_the_lines_of_removed_nodes_go(
    present: bytes, before: list[Node], after: list[Node]
) -> None:
    assert merge(merge(present, before, COMMAND), after, COMMAND) == merge(present, after, COMMAND)


def test_a_last_line_without_a_newline_gets_one() -> None:
    assert merge(b"ssh-rsa AAAA admin", [node()], COMMAND).startswith(
        b"ssh-rsa AAAA admin\nrestrict,"
    )
    assert merge(b"ssh-rsa AAAA admin\r", [node()], COMMAND).startswith(
        b"ssh-rsa AAAA admin\r\nrestrict,"
    )


def test_the_line_of_a_kept_node_stays() -> None:
    lines = merge(b"", [node("a", 1), node("b", 2)], COMMAND)

    kept = merge(lines, [], COMMAND, keep={NodeName("a")})

    assert kept.decode().splitlines() == [*render_lines(node("a", 1), COMMAND)]


def test_a_home_that_is_not_utf8_is_written_as_it_is() -> None:
    line = merge(b"", [node()], replace(COMMAND, home="/srv/\udcff"))

    assert b"/srv/\xff" in line


def test_a_public_key_loses_its_comment() -> None:
    assert parse_public_key(f"  {public_key()} me@home\n") == public_key()


def test_comments_and_empty_lines_beside_a_key_are_passed_over() -> None:
    assert parse_public_key(f"\n# my key\n{public_key()} me@home\n\n") == public_key()


def test_two_keys_in_one_file_are_refused() -> None:
    with pytest.raises(InvalidValue, match="there are 2 lines, and a node has one key"):
        parse_public_key(f"{public_key(1)} a\n{public_key(2)} b\n")


def test_a_key_written_in_two_ways_is_one_key() -> None:
    kind, encoded = public_key().split()
    blob = base64.b64decode(encoded) + b"\0"
    canonical = base64.b64encode(blob).decode()
    assert canonical.endswith("==")
    sloppy = canonical[:-3] + chr(ord(canonical[-3]) + 1) + "=="

    assert base64.b64decode(sloppy) == blob
    assert parse_public_key(f"{kind} {sloppy}") == parse_public_key(f"{kind} {canonical}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("ssh-ed25519", id="one word"),
        pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----", id="a private key"),
        pytest.param("ssh-dss AAAA", id="a type that sshd no longer accepts"),
        pytest.param("ssh-ed25519 !!!", id="not base64"),
        pytest.param("ssh-ed25519 ключ", id="not ASCII"),
        pytest.param("ssh-ed25519 AAA", id="half a quantum"),
        pytest.param("ssh-ed25519 AAAA", id="too short for a length"),
        pytest.param("ssh-rsa " + public_key().split()[1], id="another type inside"),
        pytest.param(public_key()[:40], id="cut off"),
        pytest.param('command="x" ' + public_key(), id="options before it"),
    ],
)
def test_text_that_is_not_a_public_key_is_invalid(text: str) -> None:
    with pytest.raises(InvalidValue, match="public key"):
        parse_public_key(text)


@given(st.text(st.characters()) | st.text().map(lambda text: f"ssh-ed25519 {text}"))
def test_any_text_is_a_public_key_or_invalid(text: str) -> None:
    try:
        assert parse_public_key(text).startswith(("ssh-", "ecdsa-", "sk-"))
    except InvalidValue:
        return
