"""An admin's own computer: another home directory for the user of the tests, and stock ssh."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.programs import require, run_program
from tests.system.box_server import BoxServer

IN_OTHER_HOME = 'mount --bind "$1" "$2" && cd "$2" && exec bash -c "$3"'


class Laptop:
    """A home with `Include config.d/*` in its ssh configuration.

    ssh takes the home from the password file, so the directory is mounted in its place, for each
    command in a mount namespace of its own.
    """

    def __init__(
        self,
        folder: Path,
        keys: Sequence[BoxServer],
        hosts: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`keys`: servers whose keys the admin has; `hosts`: blocks of ssh_config."""
        if os.geteuid() != 0:
            pytest.skip("a mount namespace needs root")
        require("unshare", "mount", "ssh", "bash")
        self.folder = folder
        self.home = pwd.getpwuid(os.geteuid()).pw_dir
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, **(environment or {})}
        self.ssh = folder / ".ssh"
        (self.ssh / "config.d").mkdir(parents=True)
        self.ssh.chmod(0o700)
        identities = "".join(f'  IdentityFile "{server.folder}/key"\n' for server in keys)
        (self.ssh / "config").write_text(
            f"Include config.d/*\n{hosts}Host *\n{identities}  IdentitiesOnly yes\n"
            "  BatchMode yes\n  StrictHostKeyChecking accept-new\n",
            encoding="ascii",
        )

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as the admin types it."""
        words = ["unshare", "--mount", "sh", "-c", IN_OTHER_HOME, "laptop"]
        return run_program(
            [*words, str(self.folder), self.home, line],
            timeout=300,
            start_new_session=True,
            env=self.environment,
        )

    def type(self, line: str) -> str:
        """Run a line that must succeed; return its output."""
        done = self.typed(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def options(self, host: str) -> dict[str, str]:
        """What ssh would do for a host, by keyword in lower case."""
        pairs = (line.partition(" ") for line in self.type(f"ssh -G {host}").splitlines())
        return {keyword: value for keyword, _, value in pairs}
