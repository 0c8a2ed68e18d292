"""Sending by Apprise, by a command, and calling the heartbeat, against servers of our own."""

from __future__ import annotations

import importlib.util
import json
import logging
import socket
import sys
import threading
from pathlib import Path

import pytest

from checker.alerts.courier import Couriers
from checker.alerts.heartbeat import call
from checker.alerts.settings import Settings
from checker.alerts.telling import News
from checker.alerts.ways import CommandWay, LibraryMissing, Reasons, Way, open_ways, shown
from checker.alerts.words import Kind, Message, trial_message
from checker.config.toml_file import ConfigError
from checker.model import CheckerError
from tests.checker.alerts.receivers import Inbox, mail_server
from tests.system.waiting import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the library's plugins
FILE = Path("/etc/reversi/alerts.toml")
SECRET = "s3cretTopic"
MESSAGE = Message(
    title="gw: office is down",
    body="office has been down for 4 min: nobody listens\nshop <b>too</b> \\n",
    kind=Kind.FAILURE,
    document={"schema": 1, "down": [{"node": "office"}]},
)


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def way_of(*urls: str) -> Way:
    (way,) = open_ways(FILE, Settings(send=urls))
    return way


def test_a_mail_arrives_with_title_and_text() -> None:
    with mail_server() as box:
        way = way_of(f"mailto://127.0.0.1:{box.port}?from=gw@example.org&to=admin@example.org")

        assert way.send(MESSAGE) == ""

    (letter,) = box.letters
    assert letter["Subject"] == MESSAGE.title
    assert letter["To"] == "admin@example.org"
    assert "office has been down for 4 min" in str(letter)


def test_ntfy_and_json_get_the_message(inbox: Inbox) -> None:
    found = open_ways(
        FILE,
        Settings(
            send=(f"ntfy://localhost:{inbox.port}/{SECRET}", f"json://localhost:{inbox.port}/in")
        ),
    )

    assert [way.send(MESSAGE) for way in found] == ["", ""]

    inbox.wait_for(2)
    (_, _, ntfy), (_, path, body) = inbox.requests
    assert json.loads(ntfy)["topic"] == SECRET
    assert json.loads(ntfy)["message"] == MESSAGE.body
    assert path == "/in"
    assert json.loads(body)["type"] == "failure"


def test_why_a_message_was_not_taken_is_said_without_secrets(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.status = 403
    refused, absent = open_ways(
        FILE,
        Settings(
            send=(
                f"ntfy://user:{SECRET}@localhost:{inbox.port}/{SECRET}",
                f"json://user:{SECRET}@127.0.0.1:{closed_port()}/{SECRET}",
            )
        ),
    )

    with caplog.at_level(logging.DEBUG):
        assert refused.send(MESSAGE) == "HTTP status 403"
        assert absent.send(MESSAGE) == "connection refused"

    assert refused.name == "ntfy://localhost"
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mailtos://me:pw@example.org?to=x", "mailtos://example.org"),
        ("ntfy://secret-topic", "ntfy://..."),
        ("ntfys://tk_secret@ntfy.example.org/topic", "ntfys://ntfy.example.org"),
        ("json://localhost/x", "json://localhost"),
        ("tgram://123456:token.with.dots/chat", "tgram://..."),
        ("discord://id.secret/token", "discord://..."),
        ("slack://A/B/C", "slack://..."),
        ("ntfy://[broken", "ntfy://..."),
    ],
)
def test_of_a_url_only_scheme_and_server_are_shown(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_url_that_the_library_does_not_know_is_named_without_secrets() -> None:
    with pytest.raises(ConfigError) as caught:
        open_ways(FILE, Settings(send=("json://localhost/x", f"bogus://{SECRET}")))

    assert "entry 2, bogus://..." in str(caught.value)
    assert SECRET not in str(caught.value)


def test_without_the_library_a_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(LibraryMissing, match="-m pip install apprise"):
        open_ways(FILE, Settings(send=("json://localhost/x",)))
    (only,) = open_ways(FILE, Settings(command=("/bin/true",)))
    assert only.name == "command true"
    assert issubclass(LibraryMissing, CheckerError)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("Failed to send: Unauthorized, error=401.", "HTTP status 401"),
        ("SMTPAuthenticationError(535, b'no')", "SMTP status 535"),
        ("Max retries exceeded with url: /secret [Errno 111] Connection refused", "refused"),
        ("Failed to resolve: Name or service not known", "its name cannot be resolved"),
        ("Read timed out.", "no answer in time"),
        ("bot secret:token is unhappy", "the service did not accept it"),
    ],
)
def test_only_known_words_of_the_library_are_passed_on(text: str, clause: str) -> None:
    reasons = Reasons()

    reasons.emit(logging.makeLogRecord({"msg": text, "thread": reasons.thread}))

    assert clause in reasons.clause()
    assert "secret" not in reasons.clause()


def test_a_command_gets_the_message_as_json(tmp_path: Path) -> None:
    out = tmp_path / "message.json"
    way = CommandWay(["/bin/sh", "-c", f"cat > {out}; printf noise"])

    assert way.send(MESSAGE) == ""

    assert json.loads(out.read_text()) == {
        "schema": 1,
        "down": [{"node": "office"}],
        "title": MESSAGE.title,
        "body": MESSAGE.body,
    }


def test_a_command_may_fail_or_not_read_or_not_exist() -> None:
    large = Message(title="t", body="x" * 200_000, kind=Kind.INFO, document={})

    assert CommandWay(["/bin/sh", "-c", "exit 3"]).send(large) == "exit status 3"
    assert CommandWay(["/bin/true"]).send(large) == ""
    assert "cannot be started (No such file" in CommandWay(["/nowhere/x"]).send(MESSAGE)


def test_a_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    way = CommandWay(["/bin/sh", "-c", f'sleep 1000 & printf "%s" $! > {pid}; wait'], within_s=3.0)

    assert way.send(MESSAGE) == "it did not end within 3 s"

    child = Path("/proc", pid.read_text(), "cmdline")
    until(lambda: not child.exists() or b"sleep" not in child.read_bytes(), "it ended")


def test_the_same_way_has_the_same_key_and_another_another() -> None:
    words = ["/bin/true", "a"]

    assert CommandWay(words).key == CommandWay(words).key
    assert CommandWay(words).key != CommandWay(["/bin/true a"]).key


def test_a_server_that_does_not_speak_http_is_not_a_bug_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            channel, _ = server.accept()
            with channel:
                channel.recv(65536)
                channel.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert call(f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}") == "connection lost"
        thread.join()


def test_the_heartbeat_is_one_request(inbox: Inbox) -> None:
    url = f"http://127.0.0.1:{inbox.port}/ping/{SECRET}"

    assert call(url) == ""
    inbox.status = 404
    assert call(url) == "HTTP status 404"
    inbox.wait_for(2)
    assert [request[:2] for request in inbox.requests] == [("GET", f"/ping/{SECRET}")] * 2
    assert call(f"http://127.0.0.1:{closed_port()}/{SECRET}") == "Connection refused"


def test_a_slow_way_does_not_hold_up_another(tmp_path: Path) -> None:
    gate, couriers = tmp_path / "gate", Couriers()
    wait = f"while ! test -e {gate}; do sleep 0.05; done"
    slow, quick = CommandWay(["/bin/sh", "-c", wait]), CommandWay(["/bin/true"])

    couriers.start(slow, MESSAGE, News())
    couriers.start(quick, MESSAGE, News())
    assert couriers.is_busy(slow)
    while not (first := couriers.finished(1.0)):
        pass
    assert [one.way.name for one in first] == ["command true"]
    assert couriers.is_busy(slow)
    assert not couriers.is_stuck(slow)
    gate.touch()
    assert [one.why_not for one in couriers.finished(60.0)] == [""]


def test_a_test_message_says_what_it_is() -> None:
    found = trial_message("gw", 1.0)

    assert found.title == "gw: a test"
    assert found.document["kind"] == "test"


def test_the_library_is_loaded_only_by_what_needs_it() -> None:
    assert sys.modules["checker.alerts.ways"].__dict__.get("apprise") is None
