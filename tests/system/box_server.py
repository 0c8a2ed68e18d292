"""An SSH server that a test starts: on a device to run commands, or on a gateway for its admins."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bundles import Box
from tests.programs import require
from tests.system.accounts import me
from tests.system.ports import accepts, free_port
from tests.system.processes import end_all, with_descendants
from tests.system.waiting import until

SESSION = """#!/bin/sh
cd {folder} && exec env -i {variables} /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""


class BoxServer:
    """A real sshd that runs as the user of the tests and accepts a newly made key."""

    def __init__(
        self,
        folder: Path,
        box: Box | None = None,
        *,
        host: str = "127.0.0.1",
        more: Sequence[str] = (),
    ) -> None:
        """`more`: lines for its configuration."""
        require("sshd", "ssh", "ssh-keygen")
        folder.mkdir()
        self.folder = folder
        self.user = me().name
        self.port = free_port()
        for name in ("host", "key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
            )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        words = [
            shutil.which("sshd") or "sshd",
            "-D",
            "-e",
            "-f",
            str(self.configure(box, host, more)),
        ]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: accepts(self.port, host), "the SSH server listens")

    def configure(self, box: Box | None, host: str, more: Sequence[str]) -> Path:
        """Write its configuration; on a device, sessions get only the device's directory, PATH and
        mark.
        """
        lines = [
            f"Port {self.port}",
            f"ListenAddress {host}",
            f'HostKey "{self.folder}/host"',
            f'AuthorizedKeysFile "{self.folder}/key.pub"',
            "StrictModes no",
            "PidFile none",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            *more,
        ]
        if box is not None:
            session = self.folder / "session"
            variables = shlex.join(f"{name}={value}" for name, value in box.environment.items())
            session.write_text(
                SESSION.format(folder=shlex.quote(str(box.folder)), variables=variables),
                encoding="utf-8",
            )
            lines.append(f"ForceCommand /bin/sh {shlex.quote(str(session))}")
        config = self.folder / "sshd_config"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return config

    def entry(self, host: str, *, port: int | None = None) -> str:
        """Lines of ssh_config that name this server, at its own port or at another."""
        known = self.folder / "known_hosts"
        known.write_text(
            f"{self.folder.name} {(self.folder / 'host.pub').read_text(encoding='ascii')}",
            encoding="ascii",
        )
        return (
            f"Host {host}\n  HostName 127.0.0.1\n  Port {port or self.port}\n  IdentityFile"
            f' "{self.folder}/key"\n  HostKeyAlias {self.folder.name}\n  UserKnownHostsFile'
            f' "{known}"\n  GlobalKnownHostsFile none\n'
        )

    def close(self) -> None:
        end_all(list(with_descendants(self.process.pid)))
        self.process.wait()


def ssh_config(path: Path, entries: Sequence[str]) -> Path:
    """Write a file in place of an admin's ~/.ssh/config."""
    path.write_text(
        "".join(entries) + "Host *\n  BatchMode yes\n  IdentitiesOnly yes\n  LogLevel ERROR\n",
        encoding="utf-8",
    )
    return path
