"""The sshd program: where it is, its version, and what it says about a configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from checker.model import CheckerError
from checker.sshd.lockdown import settings, version_in
from checker.sshd.match_lines import Connection

SSHD_PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
PRIVILEGE_SEPARATION = Path("/run/sshd")


class SshdMissing(CheckerError):
    """OpenSSH's server is not installed."""

    def __init__(self) -> None:
        super().__init__("sshd is not installed; as root, run: apt-get install openssh-server")


MAIN = Path("/etc/ssh/sshd_config")
PLAIN = Connection()
"""One that hardly any `Match` line names."""
ANSWERS_WITHIN_S = 20


class SshdSilent(CheckerError):
    """sshd did not tell its settings."""

    def __init__(self, config: Path, why: str) -> None:
        super().__init__(f"sshd does not accept {config}: {why}; see: sshd -t -f {config}")


def find_sshd() -> str:
    """The absolute path of sshd, without which it does not start. Raises SshdMissing."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:{SSHD_PLACES}")
    if found is None:
        raise SshdMissing
    return os.path.abspath(found)  # noqa: PTH100 - a link stays one


def lacks_log_verbose(sshd: str) -> bool:
    """Whether it is older than 8.5, which brought LogVerbose. One that does not tell is taken for
    newer.
    """
    try:
        said = subprocess.run(
            [sshd, "-V"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=2,
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return False
    return (version_in(said) or (8, 5)) < (8, 5)


def ask_sshd(*words: str) -> subprocess.CompletedProcess[str]:
    """One run of sshd that only answers. Raises SshdMissing, CheckerError."""
    if os.geteuid() == 0:
        # only sshd's own service makes it, and sshd tests nothing without
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    try:
        return subprocess.run(
            [find_sshd(), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWERS_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckerError(f"sshd can not be asked for its settings: {error}") from error


def version() -> tuple[int, int] | None:
    """Raises SshdMissing. One older than 9.2 does not know -V, and tells its version all the
    same.
    """
    return version_in(ask_sshd("-V").stderr)


def complaint(config: Path) -> str:
    """What `sshd -t` has against the configuration; empty where it would start."""
    return trouble(ask_sshd("-t", "-f", str(config)))


def trouble(asked: subprocess.CompletedProcess[str]) -> str:
    """What sshd said as it failed, on one line; empty where it did not."""
    said = [line.strip("@ \r") for line in asked.stderr.split("\n")]
    return (
        ("; ".join(filter(None, said)) or f"exit status {asked.returncode}")
        if asked.returncode
        else ""
    )


def as_user(user: str) -> tuple[str, str]:
    """The words that have `sshd -T` answer for the user."""
    return PLAIN.words(user)


def effective(config: Path, user: str, connection: Connection = PLAIN) -> dict[str, str]:
    """The settings that hold for the user on a connection, by lower-case keyword. Raises
    SshdSilent.
    """
    asked = ask_sshd("-T", "-f", str(config), *connection.words(user))
    if asked.returncode:
        raise SshdSilent(config, trouble(asked))
    return settings(asked.stdout)
