"""The README's first and second example as a reader types them; the third is in test_publish."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from checker.model import NodeName
from checker.registry.reading import read_registry
from tests.bundles import SHELLS, Box, applets
from tests.programs import require, run_program
from tests.system.box_server import BoxServer, ssh_config
from tests.system.harness import Gateway
from tests.system.ports import accepts, free_port
from tests.system.shell.stand_ins import CRONTAB, program
from tests.system.waiting import LONG_S, until

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[2]
NEIGHBOUR = "127.0.0.2"
"""Another machine of the device's LAN."""
COMMANDS = """
sudo() {{ "$@"; }}
reversi-checker() {{ {checker} "$@"; }}
reversi-client() {{ {client} "$@"; }}
ssh() {{ command ssh -F {config} "$@"; }}
"""


def example(number: int) -> list[str]:
    """The lines that a reader types in one of the README's examples."""
    text = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .partition("\n## Three examples\n")[2]
        .partition("\n## ")[0]
    )
    part = text.partition(f"\n**{number}. ")[2].partition(f"\n**{number + 1}. ")[0]
    return [
        line.removeprefix("    ").partition("  # ")[0]
        for line in part.splitlines()
        if line.startswith("    ")
    ]


class Typed:
    """A terminal on the gateway, where this checkout's commands are installed."""

    def __init__(self, gateway: Gateway, config: Path, here: Mapping[str, str]) -> None:
        self.folder = config.parent
        self.here = here
        checker = shlex.join(gateway.words())
        client = f"env PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -m client"
        self.setup = COMMANDS.format(
            checker=checker, client=client, config=shlex.quote(str(config))
        )

    def words(self, *lines: str) -> list[str]:
        text = "\n".join(lines)
        for there, this in self.here.items():
            text = text.replace(there, this)
        return ["bash", "-c", f"{self.setup}\n{text}"]

    def run(self, *lines: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run the lines, and wait for them; return what they print."""
        done = run_program(self.words(*lines), cwd=self.folder)
        assert done.returncode in codes, done.stderr
        return done.stdout

    @contextmanager
    def goes_on(self, line: str) -> Iterator[None]:
        """Run the line during the block."""
        process = subprocess.Popen(
            self.words(line), cwd=self.folder, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


class Page(BaseHTTPRequestHandler):
    """A router's own web page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the router's page")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


@pytest.fixture
def router_page() -> Iterator[int]:
    """The port of a web server on the neighbour."""
    server = ThreadingHTTPServer((NEIGHBOUR, 0), Page)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(port: int) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=LONG_S) as page:
        return bytes(page.read())


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A device with busybox's programs and shell, and dropbear's client."""
    require("dbclient", "dropbearkey")
    programs = tmp_path / "a box" / "programs"
    made = Box(tmp_path / "a box", SHELLS["ash"], path=[programs, applets(tmp_path / "busybox")])
    programs.mkdir()
    for name, real in (("dbclient", "dbclient"), ("dropbearkey", "dropbearkey"), ("sh", "busybox")):
        (programs / name).symlink_to(shutil.which(real) or real)
    program(programs, "crontab", CRONTAB)
    (programs / "crontab.txt").write_text("")
    yield made
    made.close()


def test_the_first_example_reaches_a_lan(
    gateway: Gateway, box: Box, router_page: int, tmp_path: Path
) -> None:
    add, run, jump, page = example(1)
    first, second, local = (
        str(port) for port in (gateway.port(), next(gateway.ports), free_port())
    )
    with (
        closing(BoxServer(tmp_path / "machine", box)) as machine,
        closing(BoxServer(tmp_path / "admins")) as admins,
    ):
        here = {
            "20010": first,
            "20011": second,
            "8080": local,
            "127.0.0.1:22,": f"127.0.0.1:{machine.port},",
            "you@": f"{admins.user}@",
            "192.168.1.1:80": f"{NEIGHBOUR}:{router_page}",
            "root@": f"{machine.user}@",
        }
        entries = [admins.entry("gateway.example.org"), machine.entry("127.0.0.1", port=int(first))]
        typed = Typed(gateway, ssh_config(tmp_path / "ssh_config", entries), here)
        typed.run(add)
        with typed.goes_on(run):
            until(lambda: gateway.run("status", "cabin").returncode == 0, "both forwards are up")

            assert typed.run(f'{jump} \'printf "%s\\n" "$BOX"\'') == f"{box.folder}\n"
            with typed.goes_on(page):
                until(lambda: accepts(int(local)), "ssh listens")
                assert fetched(int(local)) == b"the router's page"
    gateway.ok("node", "remove", "cabin", "--yes")


def test_the_first_example_with_a_bundle(
    gateway: Gateway, box: Box, router_page: int, tmp_path: Path
) -> None:
    add, *_ = example(1)
    first, second = (str(port) for port in (gateway.port(), next(gateway.ports)))
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        here = {
            "20010": first,
            "20011": second,
            "127.0.0.1:22,": f"127.0.0.1:{machine.port},",
            "192.168.1.1:80": f"{NEIGHBOUR}:{router_page}",
        }
        typed = Typed(
            gateway,
            ssh_config(tmp_path / "ssh_config", [machine.entry("*", port=int(first))]),
            here,
        )
        typed.run(add, f"reversi-client build cabin --home {shlex.quote(str(gateway.home))}")
        box.start(adapted(tmp_path / "cabin.sh", box))

        until(lambda: gateway.run("status", "cabin").returncode == 0, "both forwards are up")

        assert fetched(int(second)) == b"the router's page"
        assert (
            typed.run(f'ssh -p {first} {machine.user}@127.0.0.1 \'printf "%s\\n" "$BOX"\'')
            == f"{box.folder}\n"
        )
        assert box.stop() == 0
    gateway.ok("node", "remove", "cabin", "--yes")


def adapted(file: Path, box: Box) -> Path:
    """A bundle with the root directory of its device filled in."""
    text = file.read_text(encoding="ascii")
    for name, value in {"ROOT": str(box.root), "STARTED_BY": "cron"}.items():
        text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={shlex.quote(value)}", text)
        assert count == 1
    file.write_text(text, encoding="ascii")
    return file


def test_the_second_example_brings_a_box_up(gateway: Gateway, box: Box, tmp_path: Path) -> None:
    *loop, bring, status = example(2)
    assert [line.split()[0] for line in loop] == ["for", "sudo", "sudo", "done"]
    with closing(BoxServer(tmp_path / "roof-1", box)) as machine:
        here = {
            "127.0.0.1:22,": f"127.0.0.1:{machine.port},",
            "root@": f"{machine.user}@",
            "reversi-client build $box": (
                f"reversi-client build $box --home {shlex.quote(str(gateway.home))}"
            ),
        }
        typed = Typed(
            gateway, ssh_config(tmp_path / "ssh_config", [machine.entry("192.168.1.1")]), here
        )
        typed.run(*loop)
        adapted(tmp_path / "roof-1.sh", box)

        typed.run(bring)

        until(lambda: gateway.run("status", "roof-1").returncode == 0, "roof-1 is up")
        assert (box.installed / "roof-1.sh").stat().st_size < 16 * 1024
        rows = {
            line.split()[0]: line
            for line in typed.run(status, codes=(1,)).splitlines()
            if line.startswith("roof-")
        }
        assert [name for name, row in rows.items() if " up " in row] == ["roof-1"]
        assert set(rows) == {"roof-1", "roof-2", "roof-3"}
        port = read_registry(gateway.layout.nodes).node(NodeName("roof-1")).forwards[0].port
        through = ssh_config(tmp_path / "through", [machine.entry("127.0.0.1", port=port)])
        asked = f"ssh {machine.user}@127.0.0.1 'sh roof-1.sh status'"
        device = Typed(gateway, through, {})
        until(
            lambda: device.run(asked, codes=(0, 1)).startswith("roof-1: up for"),
            "the device says so, too",
        )
        assert (box.folder / "roof-1.sh").stat().st_mode & 0o777 == 0o600
        assert box.sh(box.folder / "roof-1.sh", "uninstall").returncode == 0
        box.await_nothing_left()
    for node in ("roof-1", "roof-2", "roof-3"):
        gateway.ok("node", "remove", node, "--yes")
