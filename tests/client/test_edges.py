"""Small edges of the client: target complaints, systemd, the command line, foreign text."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from client import cli
from client.config import Address
from client.errors import GatewayUnreachable, NoConfig
from client.login import login_options, printable, reason_of
from client.notify import Notifier
from client.run import Runner, moment
from client.targets import Complaints
from client.words import State, Tick, View
from tests.client import samples

TARGET = Address(host="10.0.0.9", port=80)
DOWN = View(
    state=State.CONNECTING,
    gateway=None,
    listening=frozenset(),
    denied=frozenset(),
    verdict_s=None,
    error="away",
)
UP = replace(DOWN, state=State.UP, gateway=Address(host="gw", port=22), error="")


def test_a_failing_target_is_logged_every_ten_minutes_and_its_return_once() -> None:
    complaints = Complaints()

    said = [complaints.failed(TARGET, "refused", float(second)) for second in range(0, 1300, 10)]

    assert [second * 10 for second, text in enumerate(said) if text] == [0, 600, 1200]
    assert said[0] == "target 10.0.0.9:80 cannot be reached: refused; the tunnel stays up"
    assert complaints.reached(TARGET) == "target 10.0.0.9:80 can be reached again"
    assert complaints.reached(TARGET) == ""
    assert complaints.failed(TARGET, "refused", 1301.0)


def test_systemd_gets_ready_only_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.setblocking(False)
        notifier = Notifier(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}, os.getpid()
        )
        heard = []
        for view in (DOWN, UP, UP, DOWN, UP, replace(DOWN, state=State.STOPPED)):
            notifier.show(view)
        while True:
            try:
                heard.append(supervisor.recv(4096).decode())
            except BlockingIOError:
                break

    assert heard == [
        "STATUS=connecting: away",
        "READY=1\nSTATUS=up via gw:22",
        "STATUS=connecting: away",
        "STATUS=up via gw:22",
        "STOPPING=1\nSTATUS=stopped: away",
    ]
    assert notifier.watchdog_s == 15.0


def test_systemd_is_asked_for_more_time_during_a_slow_login(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.setblocking(False)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}, os.getpid())
        heard = []
        for view in (
            DOWN,
            replace(DOWN, slow=True),
            replace(UP, slow=True),
            replace(DOWN, slow=True),
        ):
            notifier.show(view)
            heard.append(supervisor.recv(4096).decode().splitlines())

    assert [any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in lines) for lines in heard] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="no systemd"),
        pytest.param({"NOTIFY_SOCKET": "/nowhere/at/all"}, id="gone"),
        pytest.param(
            {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
            id="another process's watchdog",
        ),
        pytest.param({"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "soon"}, id="no number"),
    ],
)
def test_without_a_supervisor_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ, 77)

    notifier.show(UP)
    notifier.sign_of_life()

    assert notifier.watchdog_s is None


def test_foreign_text_becomes_one_short_printable_line() -> None:
    assert printable("no\nsuch \x1b[31mport" + "x" * 300) == "no such ?[31mport" + "x" * 183


def test_an_error_without_words_is_named() -> None:
    assert reason_of(OSError()) == "OSError"
    assert reason_of(ConnectionRefusedError(111, "Connection refused")) == "connection refused"
    assert (
        reason_of(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
        == "connection refused"
    )
    assert (
        reason_of(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        == "name or service not known"
    )


def write_config(home: Path, key: str = "") -> Path:
    path = home / "office.toml"
    path.write_text(samples.TEXT)
    (home / "office.key").write_text(key)
    (home / "office.key").chmod(0o600)
    return path


def test_an_invalid_private_key_is_reported_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--config", str(write_config(tmp_path, "rubbish"))]) == 2

    assert "office.key is not a private key" in capsys.readouterr().err


def test_an_invalid_host_key_is_reported_in_one_sentence(tmp_path: Path) -> None:
    config = replace(samples.config(write_config(tmp_path)), host_keys=("ssh-ed25519 AAAA",))

    with pytest.raises(Exception, match="host_key has an item that is not a public key"):
        login_options(config)


def test_run_refuses_a_bad_key_file_before_it_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(tmp_path)
    (tmp_path / "office.key").chmod(0o644)

    assert cli.main(["run", "--config", str(path)]) == 2

    error = capsys.readouterr().err
    assert error.startswith("reversi-client: error: ")
    assert error.count("\n") == 1


def test_a_missing_configuration_names_the_default_files(
    isolated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "SYSTEM_CONFIG", isolated / "etc" / "client.toml")

    assert cli.main(["status"]) == 2

    assert (
        f"no configuration at {isolated}/.config/reversi/client.toml or {isolated}/etc/client.toml"
        in capsys.readouterr().err
    )


def test_the_default_configuration_is_found(
    isolated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = isolated / ".config" / "reversi"
    place.mkdir(parents=True)
    (place / "client.toml").write_text(samples.TEXT)

    assert cli.main(["status"]) == 1

    assert capsys.readouterr().out.startswith("office: no client has written ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(NoConfig(()), 2, id="usage"),
        pytest.param(GatewayUnreachable("office", ("away",)), 3, id="unreachable"),
        pytest.param(KeyboardInterrupt(), 130, id="interrupted"),
        pytest.param(ZeroDivisionError(), 70, id="bug"),
    ],
)
def test_each_error_has_its_exit_status(error: BaseException, code: int) -> None:
    assert cli.exit_code(error) == code
    assert "\n" not in cli.explain(error)


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_each_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])

    assert caught.value.code == 0
    assert f"example: reversi-client {command} " in capsys.readouterr().out


def test_status_does_not_load_asyncssh(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    code = (
        f"import sys; from client.cli import main; main(['status', '--config', {str(path)!r}]);"
        " sys.exit('asyncssh' in sys.modules)"
    )

    assert (
        subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=200, check=False
        ).returncode
        == 0
    )


def test_the_client_loads_only_four_small_modules_of_the_checker() -> None:
    code = (
        "import sys, client.cli, client.run, client.check, client.report; print(*sorted(m for m in"
        " sys.modules if m[:8] == 'checker.'))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=True
    ).stdout

    assert loaded.split() == [
        f"checker.{name}" for name in ("arguments", "journal", "nearest", "wire")
    ]


async def test_a_clock_jump_is_noticed_before_the_next_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = Runner(samples.config())
    now = moment()
    runner.machine.handle(Tick(), now)
    pause_s = runner.machine.due_s - now.monotonic_s
    assert pause_s > 1.0

    monkeypatch.setattr("client.run.CLOCK_EVERY_S", 0.01)
    monkeypatch.setattr("client.run.moment", lambda: replace(moment(), wall_s=now.wall_s + 3600.0))
    async with asyncio.timeout(0.9 * pause_s):
        event = await runner.next_event()

    assert event == Tick()
