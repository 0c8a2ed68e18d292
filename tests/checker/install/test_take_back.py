"""How `uninstall` ends processes; its other steps run in tests/system/test_install.py."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace

from checker.install.take_back import end_sessions, send
from checker.linux.processes import read_process


def test_a_signal_reaches_only_the_process_that_was_seen() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        process = read_process(sleeper.pid)
        assert process is not None

        send(replace(process.id, start_ticks=process.id.start_ticks + 1), signal.SIGKILL)
        assert sleeper.poll() is None
        send(process.id, signal.SIGTERM)

        assert sleeper.wait(150) == -signal.SIGTERM
    send(process.id, signal.SIGTERM)


def test_no_session_of_root_or_of_a_missing_user_is_ended() -> None:
    assert end_sessions("root") == 0
    assert end_sessions("no-such-user") == 0
