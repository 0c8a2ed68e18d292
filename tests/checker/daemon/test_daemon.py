"""A daemon's life: what it starts with, what it takes over, and how it ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.control.client import Control, DaemonAbsent, ask
from checker.daemon.startup import (
    DaemonRuns,
    lock_home,
)
from checker.model import (
    Aim,
    Port,
    Verb,
)
from checker.registry.snapshot import copied_nodes
from tests.checker.daemon.running import WITHIN_S, events, start, wait_until
from tests.strategies import OFFICE, PORT

pytestmark = pytest.mark.usefixtures("no_blocked_loop")


def test_a_daemon_answers_acts_and_ends_cleanly(
    layout: Layout, daemon: subprocess.Popen[str], own: Port
) -> None:
    assert Control(layout=layout).daemon_pid() == daemon.pid
    (probed,) = Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=own)])
    assert (probed.done, probed.sentence) == (True, "down: nobody listens")
    assert (layout.run / "office").read_text() == "1\n"

    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(WITHIN_S) == 0

    assert not layout.socket.exists()
    assert "the daemon stopped" in events(layout)
    with pytest.raises(
        DaemonAbsent, match=r"no daemon answers at .*; start it with: reversi-checker serve"
    ):
        ask(layout, {"verb": "ping"})
    assert Control(layout=layout).daemon_pid() is None


def test_a_second_daemon_on_one_home_is_refused(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    with start(layout) as second:
        out, err = second.communicate(timeout=WITHIN_S)

    assert (second.returncode, out) == (2, "")
    assert err.startswith(
        f"reversi-checker: error: a daemon (process {daemon.pid}) already serves {layout.home}"
    )
    assert Control(layout=layout).daemon_pid() == daemon.pid


def test_a_run_directory_that_somebody_removed_is_made_again(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    wait_until((layout.run / OFFICE).exists)

    shutil.rmtree(layout.run)

    wait_until((layout.run / "_sweep").exists)
    with pytest.raises(DaemonRuns):
        lock_home(layout)
    Control(layout=layout).act(Verb.PROBE, [Aim(node=OFFICE, port=PORT)])
    wait_until(lambda: copied_nodes(layout) is not None)


def test_what_was_left_in_the_spool_is_taken_over(
    layout: Layout, daemon: subprocess.Popen[str]
) -> None:
    row: dict[str, Any] = {
        "at": 1.0,
        "kind": "hold",
        "text": "left behind",
        "node": None,
        "port": None,
        "actor": "x",
    }
    (layout.spool / "left").write_text(
        json.dumps({"event": row})
        + "\n"
        + json.dumps({"event": {**row, "at": float("nan")}})
        + "\n"
    )

    wait_until(lambda: "left behind" in events(layout))


def test_under_nohup_the_end_of_the_login_does_not_end_the_daemon(layout: Layout) -> None:
    with start(layout, "signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        process.terminate()
        process.communicate(timeout=WITHIN_S)

    ignored = next(
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:")
    )
    assert ignored >> signal.SIGHUP - 1 & 1
