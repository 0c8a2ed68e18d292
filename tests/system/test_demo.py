"""The demo as a newcomer runs it: it shows all that it promises, and leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.programs import require
from tests.reversi_tui.console.tmux import LEFT, is_running, tmux
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
CHECKOUT = Path(__file__).parents[2]
DEADLINE_S = 180.0
STARTING = "starting a gateway and its nodes"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One of the two demos."""

    options: tuple[str, ...]
    programs: tuple[str, ...]
    """What it needs besides the programs that both need."""
    fault: str
    """What it says when it does to a node or a gateway what everything before leads up to."""
    unseen: str
    """What it says of a status that it did not see in time."""


ALONE = Scene(
    options=(),
    programs=(),
    fault="freezing freezer now",
    unseen="freezer was not seen",
)
FLEET = Scene(
    options=("--fleet",),
    programs=("nats-server", "dbclient"),
    fault="killing gw2 now",
    unseen="annex was not seen",
)


class Demo:
    """A running demo, with every process that it was seen to start."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.home = folder / "tmp"
        self.home.mkdir()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", *arguments],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "TMPDIR": str(self.home),
                    "HOME": str(folder),
                },
            )
        self.seen: set[psutil.Process] = set()

    def follow(self, until: str = "", within_s: float = DEADLINE_S) -> int | None:
        """Wait until the log contains this, or the demo ends; return its exit status."""
        end = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < end:
            self.seen.update(psutil.Process(self.process.pid).children(recursive=True))
            if until and until in self.log.read_text():
                return None
            time.sleep(0.3)
        return self.process.poll()

    def leftovers(self) -> list[str]:
        """What the demo left behind: processes, after a moment to end, and files."""
        _, alive = psutil.wait_procs(list(self.seen), timeout=DEADLINE_S)
        return [str(process) for process in alive] + [str(path) for path in self.home.rglob("*")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    require("sshd", "ssh-keygen", "openssl", "setpriv")
    return tmp_path


def test_the_headless_demo_shows_every_status_and_leaves_nothing(folder: Path) -> None:
    demo = Demo(folder, "--headless", "240")
    try:
        status = demo.follow(within_s=400)
    finally:
        demo.process.kill()
    told = demo.log.read_text()

    assert status == 0, told
    assert all(word in told for word in ("refused", "wrong", "down", "freezing freezer now")), told
    assert len(demo.seen) > 20
    assert not demo.leftovers()


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        pytest.param(signal.SIGTERM, "freezing freezer now", id="SIGTERM while a node is frozen"),
        pytest.param(signal.SIGINT, STARTING, id="SIGINT while it starts"),
        pytest.param(signal.SIGHUP, STARTING, id="SIGHUP while it starts"),
    ],
)
def test_a_signal_leaves_nothing(folder: Path, number: signal.Signals, moment: str) -> None:
    demo = Demo(folder, "--headless", "240")
    try:
        demo.follow(until=moment)
        while not demo.seen and demo.process.poll() is None:
            demo.follow(within_s=0.1)
        demo.process.send_signal(number)
        status = demo.follow()
    finally:
        demo.process.kill()

    assert status == 128 + number, demo.log.read_text()
    assert demo.seen
    assert not demo.leftovers()


@pytest.fixture(params=[ALONE, FLEET], ids=["one gateway", "fleet"])
def scene(request: pytest.FixtureRequest, folder: Path) -> Scene:
    """Each of the two demos."""
    found: Scene = request.param
    require(*found.programs)
    return found


def test_a_demo_that_runs_out_of_time_names_what_it_did_not_see(folder: Path, scene: Scene) -> None:
    demo = Demo(folder, *scene.options, "--headless", "0.1")
    try:
        status = demo.follow()
    finally:
        demo.process.kill()

    assert status == 1
    assert scene.unseen in demo.log.read_text()
    assert not demo.leftovers()


def test_no_process_outlives_a_demo_that_was_killed(folder: Path, scene: Scene) -> None:
    demo = Demo(folder, *scene.options, "--headless", "240")
    try:
        demo.follow(until=scene.fault, within_s=400)
    finally:
        demo.process.kill()
        demo.process.wait()

    assert scene.fault in demo.log.read_text()
    assert demo.seen
    _, alive = psutil.wait_procs(list(demo.seen), timeout=DEADLINE_S)
    assert not alive


def test_a_fleet_loses_a_gateway_and_its_nodes_appear_at_the_others(folder: Path) -> None:
    require(*FLEET.programs)
    demo = Demo(folder, "--fleet", "--headless", "240")
    try:
        status = demo.follow(within_s=400)
    finally:
        demo.process.kill()
    told = demo.log.read_text()

    assert status == 0, told
    assert "killing gw2 now" in told
    assert "gw2 unreachable" in told
    assert len(demo.seen) > 40
    assert not demo.leftovers()


def rows_of(shown: list[str]) -> list[list[str]]:
    """The words of each row that is up."""
    words = [line.split() for line in shown]
    return [row for row in words if "up" in row and any(":" in word for word in row)]


def test_the_console_shows_each_node_at_its_gateway_and_leaving_removes_all(
    folder: Path,
) -> None:
    require("tmux", *FLEET.programs)
    home = folder / "home"
    home.mkdir()
    inside = f"cd {CHECKOUT} && exec {sys.executable} -m demo --fleet"
    places = {"TMPDIR": str(home), "HOME": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    with tmux(folder, ["sh", "-c", inside], environ=places) as terminal:
        lines = terminal.until(lambda shown: len(rows_of(shown)) == 12, "all nodes up")
        started = psutil.Process(terminal.server).children(recursive=True)
        terminal.press("q")
        until(lambda: f"{LEFT} 0" in terminal.text(), "the demo's end")
        shell = int(terminal.tell("display", "-p", "#{pane_pid}"))
        alive = [
            one for one in started if one.is_running() and is_running(one.pid) and one.pid != shell
        ]

    held = [sum(id_ in row for row in rows_of(lines)) for id_ in ("gw1", "gw2", "gw3")]
    assert held == [4, 4, 4]
    assert not alive
    assert not [*home.iterdir()]


def test_without_a_terminal_the_demo_says_what_to_do(folder: Path) -> None:
    demo = Demo(folder)
    try:
        status = demo.follow()
    finally:
        demo.process.kill()

    assert status == 2
    assert "--headless" in demo.log.read_text()
