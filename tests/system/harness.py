"""A whole gateway under a temporary home: a real sshd, the real daemon, and registered nodes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from checker.config.layout import home_layout
from checker.model import parse_forward
from checker.sshd.private import sshd_config
from tests.host_keys import put_rsa_host_key
from tests.programs import run_program
from tests.system.accounts import Account, Mode
from tests.system.clients import Connection, Device
from tests.system.ports import accepts, accepts_inside, free_block, free_port
from tests.system.processes import below_us, end_all, end_one, still_there
from tests.system.seen import Seen
from tests.system.services import Service
from tests.system.waiting import until

FOREGROUND = {"up", "serve"}
"""Commands that do not end by themselves."""
FAST = "probe_every_s = 5\ndeadline_s = 1\nstrike_gap_s = 0.5\n"


class Gateway(Seen):
    """One gateway; `close` ends all that it started, and fails if anything is left."""

    def __init__(
        self,
        mode: Mode,
        *,
        policy: str = FAST,
        inside: tuple[str, ...] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.mode = mode
        self.inside = inside
        self.host = host
        self.folder = Path(tempfile.mkdtemp(prefix="reversi-gateway-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o755)
        if not mode.runner.is_me:
            os.chown(self.folder, mode.runner.uid, mode.runner.gid)
            os.chown(self.home, mode.runner.uid, mode.runner.gid)
        self.layout = home_layout(self.home)
        self.put_rsa_host_key()
        block, claim = free_block()
        self.ports = iter(block)
        self.claims = [claim]
        self.ssh_port = free_port()
        address = f"[{host}]" if ":" in host else host
        ports = f"{block.start}-{block.stop - 1}"
        self.policy = (
            f'tunnel_user = "{mode.tunnel.name}"\ngateway = ["{address}:{self.ssh_port}"]\nports ='
            f' "{ports}"\n{policy}'
        )
        self.write_policy(self.policy)
        self.daemon: subprocess.Popen[str] | None = None
        self.sshd: subprocess.Popen[bytes] | None = None
        self.connections: list[Connection] = []
        self.services: list[Service] = []
        self.others: list[subprocess.Popen[str]] = []
        self.names = 0
        self.seen: set[psutil.Process] = set()

    def put_rsa_host_key(self) -> None:
        """Give the gateway the RSA host key of all tests."""
        for file in put_rsa_host_key(self.layout):
            if not self.mode.runner.is_me:
                os.chown(file, self.mode.runner.uid, self.mode.runner.gid)

    def write_policy(self, text: str) -> None:
        """Write `reversi.toml` for the next start."""
        self.layout.config.write_text(text, encoding="utf-8")

    def words(self, *arguments: str) -> list[str]:
        return [*self.inside, *self.mode.install.words, "--home", str(self.home), *arguments]

    def spawn_options(self) -> dict[str, Any]:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            "env": {**environment, "HOME": str(self.folder)},
            "cwd": self.folder,
            **self.mode.runner.spawn_options(),
        }

    def run(
        self, *arguments: str, within_s: float = 200.0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run one command of `reversi-checker` as the user who runs the gateway."""
        warm = self.mode.warm
        if warm and not (self.inside or options or FOREGROUND.intersection(arguments)):
            words = ["--home", str(self.home), *arguments]
            return warm.run(words, self.spawn_options(), within_s=within_s)
        settings = {**self.spawn_options(), **options}
        return run_program(self.words(*arguments), timeout=within_s, **settings)

    def ok(self, *arguments: str) -> str:
        """Run a command that must succeed; return its output."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> str:
        """Start sshd and daemon with `up`; return its ready line."""
        return self.start("up", "--ssh-port", str(self.ssh_port), "--listen", self.host)

    def serve(self) -> str:
        """Start only the daemon."""
        return self.start("serve")

    def start(self, *arguments: str) -> str:
        """Start a daemon, and wait for its ready line."""
        log = (self.folder / "daemon.log").open("ab")
        with log:
            self.daemon = subprocess.Popen(
                self.words(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                **self.spawn_options(),
            )
        assert self.daemon.stdout is not None
        os.set_blocking(self.daemon.stdout.fileno(), False)
        heard = ""

        def line() -> str:
            nonlocal heard
            assert self.daemon is not None
            assert self.daemon.stdout is not None
            heard += self.daemon.stdout.readline() or ""
            assert self.daemon.poll() is None or heard, (
                f"it ended with {self.daemon.returncode}: {self.log()}"
            )
            return heard if heard.endswith("\n") else ""

        ready = until(line, "the ready line")
        assert ready.startswith("ready"), ready
        return ready

    def log(self) -> str:
        """What the daemons and sshd wrote to stderr."""
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def start_sshd(
        self, *, program: str = "sshd", log_level: str = "ERROR", more: str = ""
    ) -> None:
        """Start the sshd that `up` would start, for a daemon that comes and goes beside it.

        `more` is put at the start of its configuration.
        """
        if not self.layout.host_key.exists():
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.layout.host_key)]
            subprocess.run(words, check=True, **self.spawn_options())
        config = self.folder / "sshd_config"
        text = sshd_config(
            self.layout, user=self.mode.tunnel.name, listen=self.host, port=self.ssh_port
        )
        config.write_text(
            more + text.replace("LogLevel INFO", f"LogLevel {log_level}"), encoding="utf-8"
        )
        config.chmod(0o644)
        if self.mode.is_privileged:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self.folder / "daemon.log").open("ab") as log:
            found = shutil.which(program) or program
            words = [*self.inside, found, "-D", "-e", "-f", str(config)]
            self.sshd = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.spawn_options()
            )
        until(lambda: accepts_inside(self.inside, self.ssh_port, self.host), "sshd listens")

    def stop_sshd(self) -> None:
        """Stop sshd and all its sessions, as a restart with KillMode=control-group does."""
        assert self.sshd is not None
        self.remember()
        sessions = psutil.Process(self.sshd.pid).children(recursive=True)
        self.sshd.terminate()
        self.sshd.wait()
        end_all(sessions)

    def stop(self) -> None:
        """Stop the daemon as an admin does."""
        assert self.daemon is not None
        self.remember()
        self.daemon.terminate()
        assert self.daemon.wait(150) == 0, self.log()
        self.close_output()

    def kill_daemon(self) -> None:
        """Kill the daemon."""
        assert self.daemon is not None
        self.remember()
        self.daemon.kill()
        self.daemon.wait()
        self.close_output()

    def close_output(self) -> None:
        if self.daemon is not None and self.daemon.stdout is not None:
            self.daemon.stdout.close()

    def service(self, banner: bytes = b"SSH-2.0-target\r\n") -> Service:
        """Start a target for a forward; it is closed with the gateway."""
        self.services.append(Service(banner))
        return self.services[-1]

    def port(self) -> int:
        """A free gateway port of this gateway's range."""
        return next(port for port in self.ports if not accepts(port))

    def add(self, *forwards: str, name: str = "", options: Sequence[str] = ()) -> Device:
        """Register a node with forwards `TARGET[,EXPECT]`, and write the files of its client."""
        self.names += 1
        name = name or f"node{self.names}"
        ports = tuple(self.port() for _ in forwards)
        asked = [
            word
            for port, forward in zip(ports, forwards, strict=True)
            for word in ("--forward", f"{port}={forward}")
        ]
        config = self.folder / f"{name}.toml"
        self.ok("node", "add", name, *asked, "--client-config", str(config), *options)
        return Device(
            node=name,
            ports=ports,
            targets=tuple(str(parse_forward(forward).target) for forward in forwards),
            user=self.mode.tunnel.name,
            host=self.host,
            ssh_port=self.ssh_port,
            host_key=self.layout.host_key.with_suffix(".pub").read_text(encoding="ascii").rstrip(),
            config=config,
        )

    def connect(self, device: Device, *request: str, options: Sequence[str] = ()) -> Connection:
        """Open the device's tunnel; by default it registers with `hold`."""
        self.connections.append(device.connect(*request, options=options))
        return self.connections[-1]

    def connect_unheard(self, device: Device) -> Connection:
        """Open the device's tunnel without any request to the checker."""
        self.connections.append(device.connect_unheard())
        return self.connections[-1]

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of `reversi-checker` in the background; it ends with the gateway."""
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "text": True,
            **self.spawn_options(),
        }
        self.others.append(subprocess.Popen(self.words(*arguments), **options))
        return self.others[-1]

    def python_as(self, account: Account, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program as a user of the machine; it ends with the gateway."""
        words = [self.mode.install.python, "-c", script, *arguments]
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "text": True,
            "cwd": "/",
        }
        self.others.append(subprocess.Popen(words, **options, **account.spawn_options()))
        return self.others[-1]

    def remember(self) -> None:
        """Note all processes that belong to this gateway, so that `close` can check that they are
        gone.
        """
        started = (
            self.daemon,
            self.sshd,
            *(connection.process for connection in self.connections),
        )
        # else its PID may be another's
        roots = {one.pid for one in started if one is not None and one.poll() is None}
        self.seen |= below_us(roots, word=str(self.home))

    def close(self) -> None:
        """End everything, remove everything, and fail if a process outlived it."""
        self.remember()
        for connection in self.connections:
            connection.close()
        for started in (self.daemon, self.sshd):
            if started is not None:
                end_one(started)
        for other in self.others:
            other.kill()
            other.wait()
            assert other.stdout is not None
            other.stdout.close()
        for service in self.services:
            service.close()
        self.close_output()
        for claim in self.claims:
            claim.close()
        _, left = psutil.wait_procs(
            [process for process in self.seen if still_there(process)], timeout=200
        )
        names = [f"{process.pid} {process.name()}" for process in left]
        end_all(left)
        shutil.rmtree(self.folder)
        assert not names, f"left behind: {names}"


@contextmanager
def gateway_at(mode: Mode, **options: Any) -> Iterator[Gateway]:
    """A gateway for the block, not yet started."""
    gateway = Gateway(mode, **options)
    try:
        yield gateway
    finally:
        gateway.close()
