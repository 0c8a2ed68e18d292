"""Arbitrary bytes for the gate, the daemon's socket and the spool."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checker.control.client import Control
from checker.state.spool import FILE, collect
from checker.wire import MALFORMED
from tests.attack.thief import as_runner
from tests.system.accounts import Mode
from tests.system.harness import Gateway, gateway_at

pytestmark = pytest.mark.sshd
STATUSES = (0, MALFORMED, 69, 75, 77)
REAL = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
FEW = settings(REAL, max_examples=5)
near_requests = st.lists(
    st.sampled_from(
        [
            "check",
            "claim",
            "hold",
            "version",
            "office",
            "20010",
            "-1",
            "65536",
            "x",
            "",
            "\n",
            "--node",
            "\x1b",
            "é",
        ]
    )
    | st.text(st.characters(exclude_characters="\0"), max_size=8),
    max_size=6,
).map(lambda words: " ".join(words).encode("utf-8", "surrogatepass"))
requests = near_requests | st.binary(max_size=300).map(lambda text: text.replace(b"\0", b" "))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
names = json_values | st.just("office")
aims = st.lists(
    st.fixed_dictionaries({"node": names, "port": json_values, "pid": json_values}) | json_values,
    max_size=2,
)
verbs = st.sampled_from(["kill", "reset", "probe", "ping", "reload", "reject"]) | json_values
messages = (
    st.binary(max_size=300)
    | st.lists(
        st.binary(max_size=20) | st.sampled_from([b"gate", b"office", b"check"]), max_size=6
    ).map(b"\0".join)
    | requests.map(lambda request: b"gate\0office\x00127.0.0.1 1\0" + request)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"verb": verbs, "aims": aims | json_values, "operator": json_values, "events": json_values}
    ).map(lambda request: json.dumps(request).encode())
)


@pytest.fixture(scope="module")
def office(usual: Mode) -> Iterator[Gateway]:
    """A daemon without a rate limit, with the node `office`."""
    with gateway_at(
        usual, policy="deadline_s = 0.5\nstrike_gap_s = 0.5\nrequests_a_minute = 1000000\n"
    ) as found:
        found.serve()
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(found.layout.host_key)],
            check=True,
            capture_output=True,
        )
        found.add("127.0.0.1:9", name="office")
        yield found


def through_the_gate(gateway: Gateway, request: bytes) -> tuple[int, bytes, bytes]:
    """Run the forced command of the key line as the tunnel user, without an sshd above it.

    Return exit status, stdout and stderr.
    """
    line = gateway.layout.authorized_keys.read_text(encoding="ascii")
    words = shlex.split(line.rpartition("; exec ")[2].partition('"')[0])
    options = {**gateway.mode.tunnel.spawn_options(), "cwd": "/"}
    environment = {b"SSH_ORIGINAL_COMMAND": request, b"PATH": os.fsencode(os.environ["PATH"])}
    done = subprocess.run(
        words,
        capture_output=True,
        check=False,
        timeout=200,
        stdin=subprocess.DEVNULL,
        env=environment,
        **options,
    )
    return done.returncode, done.stdout, done.stderr


def assert_one_answer(request_bytes: bytes, answer: tuple[int, bytes, bytes]) -> None:
    """Check for one line, a documented exit status, and at most one sentence on stderr. A refused
    `hold` prints no number, only that sentence.
    """
    status, out, err = answer
    assert status in STATUSES
    is_silent = status != 0 and request_bytes.startswith(b"hold ") and out == b""
    assert is_silent or (out.endswith(b"\n") and out.count(b"\n") == 1)
    assert b"Traceback" not in err
    assert err.count(b"\n") <= 1
    assert err.isascii()
    assert status == 0 or ((is_silent or out == b"0\n") and err.startswith(b"reversi: "))


@given(request_bytes=requests)
@example(request_bytes=b"x" * 130_000)
@example(request_bytes=b"check\xff")
@example(request_bytes=b"check \xc3\xa9")
@example(request_bytes=b"hold " + b"a" * 64)
@REAL
def test_the_gate_gives_one_answer_to_any_bytes(office: Gateway, request_bytes: bytes) -> None:
    assert_one_answer(request_bytes, through_the_gate(office, request_bytes))


@given(message=messages)
@example(message=b"gate\0office\0\0hold x")
@REAL
def test_the_daemon_answers_any_message_once(office: Gateway, message: bytes) -> None:
    answer = as_runner(office, message)

    if message.startswith(b"gate\0"):
        acknowledged, status, text, complaint, rest = answer.split(b"\n")
        assert (acknowledged, rest) == (b".", b"")
        assert int(status) in STATUSES
        assert not complaint or text == b"0" or (text == b"" and b"\0hold " in message)
    else:
        assert json.loads(answer)["schema"] == 1


def test_after_all_messages_the_daemon_lives_and_logged_no_trouble(office: Gateway) -> None:
    assert Control(layout=office.layout).daemon_pid() is not None
    assert "Traceback" not in office.log()
    assert "Unhandled" not in office.log()


@given(request_bytes=requests)
@example(request_bytes=b"hold x")
@FEW
def test_without_a_daemon_the_gate_also_gives_one_answer(
    alone: Gateway, request_bytes: bytes
) -> None:
    assert_one_answer(request_bytes, through_the_gate(alone, request_bytes))


@pytest.fixture(scope="module")
def alone(office: Gateway) -> Gateway:
    """The same gateway after its daemon stopped."""
    office.stop()
    return office


@given(
    st.lists(
        st.binary(max_size=80)
        | json_values.map(lambda value: json.dumps({"event": value}).encode()),
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_in_the_spool_are_taken_or_dropped(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / FILE).write_bytes(b"\n".join(lines))

    collect(tmp_path, os.geteuid())

    assert list(tmp_path.iterdir()) == []
