"""An sshd beside the gateway's own: it outlives the daemon, and can be restarted without it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from asyncio.subprocess import Process
from pathlib import Path

import psutil

from bench.setting import Gateway, until
from checker.sshd.private import free_port
from checker.sshd.program import find_sshd
from checker.sshd.sessions import sessions_below
from demo.processes import send, start


class OwnSshd:
    """An sshd with the gateway's configuration, at another port."""

    def __init__(self, server: Gateway, *, key_file: Path | None = None) -> None:
        """`key_file`: the file that has all keys; None: sshd reads them as the gateway's does."""
        self.server, self.key_file = server, key_file
        self.port = free_port(server.listen, 0)
        self.process: Process | None = None

    @property
    def root(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def config(self) -> str:
        """Return the configuration of the gateway's own sshd, with what differs."""
        text = (self.server.layout.run / "_sshd_config").read_text(encoding="utf-8")
        text = re.sub(r"(?m)^Port .*$", f"Port {self.port}", text)
        if self.key_file is not None:
            text = re.sub(r"(?m)^AuthorizedKeysCommand.*\n", "", text)
            text = re.sub(
                r"(?m)^AuthorizedKeysFile .*$", f"AuthorizedKeysFile {self.key_file}", text
            )
        return text

    async def start(self) -> None:
        """Start it, and wait until it listens. Raises DemoFailed."""
        home = self.server.home
        path = home / f"own_sshd_{self.port}"
        path.write_text(self.config(), encoding="utf-8")
        self.process = await start(
            [*self.server.inside, find_sshd(), "-D", "-e", "-f", str(path)],
            log=home / "own_sshd.log",
            env=self.server.env,
        )
        self.server.clients.append(self.process)
        await until(self.is_listening)

    def is_listening(self) -> bool:
        """Return whether its port is open; without a connection, which would cost it a login."""
        # its own table: it may be in another namespace than we
        assert self.process is not None
        table = Path(f"/proc/{self.process.pid}/net/tcp").read_text(encoding="ascii")
        return f":{self.port:04X} 00000000:0000 0A" in table

    async def stop(self) -> None:
        """End it and all its sessions at once, as if the machine lost power."""
        assert self.process is not None
        sessions = sessions_below(self.process.pid)
        send(self.process, signal.SIGKILL)
        for session in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        await self.process.wait()
        self.server.clients.remove(self.process)
