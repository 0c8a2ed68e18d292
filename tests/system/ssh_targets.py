"""Real SSH servers behind a forward: sshd and dropbear, whose host key a test replaces."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.programs import require
from tests.system.ports import accepts, free_port
from tests.system.waiting import until


class SshTarget:
    """An SSH server on a device, with one host key; it says in its log when it exchanges keys."""

    programs: ClassVar[tuple[str, ...]] = ("sshd", "ssh-keygen")

    def __init__(self) -> None:
        require(*self.programs)
        self.folder = Path(tempfile.mkdtemp(prefix="reversi-target-"))
        self.port = int(free_port())
        self.process: subprocess.Popen[bytes] | None = None
        self.replace_key()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.folder / "host_key"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def exchanges(self) -> int:
        """How often somebody exchanged keys with it."""
        return len(re.findall(r"kex: host key algorithm", self.log))

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        words = ["ssh-keygen", "-lf", str(self.key_file.with_suffix(".pub"))]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return said.split()[1]

    @property
    def public_key(self) -> str:
        """TYPE BASE64."""
        return " ".join(self.key_file.with_suffix(".pub").read_text().split()[:2])

    def make_key(self) -> None:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key_file)]
        subprocess.run(words, check=True)

    def words(self) -> list[str]:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        settings = ("ListenAddress=127.0.0.1", "PidFile=none", "LogLevel=DEBUG1", "UsePAM=no")
        given = [word for setting in settings for word in ("-o", setting)]
        place = ["-D", "-e", "-f", "/dev/null", "-p", str(self.port), "-h", str(self.key_file)]
        return [shutil.which("sshd") or "sshd", *place, *given]

    def replace_key(self) -> None:
        """Start it with a new host key."""
        self.stop()
        for file in (self.key_file, self.key_file.with_suffix(".pub")):
            file.unlink(missing_ok=True)
        self.make_key()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.words(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(lambda: accepts(self.port), "it listens")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class Dropbear(SshTarget):
    """One with only an RSA key, as builds for small flash have it."""

    programs: ClassVar[tuple[str, ...]] = ("dropbear", "dropbearkey", "ssh-keygen")

    def make_key(self) -> None:
        words = ["dropbearkey", "-t", "rsa", "-s", "2048", "-f", str(self.key_file)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        line = next(line for line in said.splitlines() if line.startswith("ssh-rsa "))
        self.key_file.with_suffix(".pub").write_text(f"{line}\n")

    def words(self) -> list[str]:
        place = ["-F", "-E", "-p", self.target, "-P", str(self.folder / "pid")]
        return [shutil.which("dropbear") or "dropbear", *place, "-r", str(self.key_file)]
