"""The sshd program: where it is, its version, and what it says about a configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from checker.config.files import make_readable_folder
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
"""A connection that hardly any `Match` line names."""
ANSWERS_WITHIN_S = 20


class SshdSilent(CheckerError):
    """sshd did not print its settings."""

    def __init__(self, config: Path, why: str) -> None:
        super().__init__(f"sshd does not accept {config}: {why}; see: sshd -t -f {config}")


def find_sshd() -> str:
    """Return the absolute path of sshd, which does not start by a relative one. Raises
    SshdMissing.
    """
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:{SSHD_PLACES}")
    if found is None:
        raise SshdMissing
    return os.path.abspath(found)  # noqa: PTH100 - a link stays one


def lacks_log_verbose(sshd: str) -> bool:
    """Return whether sshd is older than 8.5, which introduced LogVerbose; False if it does not
    print its version.
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
    """Run sshd only to get an answer. Raises SshdMissing, CheckerError."""
    if os.geteuid() == 0:
        # only sshd's own service makes it, and sshd tests nothing without it
        make_readable_folder(PRIVILEGE_SEPARATION)
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
        raise CheckerError(f"sshd cannot be asked for its settings: {error}") from error


def version() -> tuple[int, int] | None:
    """Return sshd's version; one older than 9.2 rejects -V, but prints its version all the same.
    Raises SshdMissing.
    """
    return version_in(ask_sshd("-V").stderr)


def complaint(config: Path, *options: str) -> str:
    """Return what `sshd -t` rejects in the configuration; empty if sshd would start."""
    return trouble(ask_sshd("-t", "-f", str(config), *options))


def trouble(asked: subprocess.CompletedProcess[str]) -> str:
    """Return what sshd said as it failed, on one line; empty if it did not fail."""
    said = [line.strip("@ \r") for line in asked.stderr.split("\n")]
    return (
        ("; ".join(filter(None, said)) or f"exit status {asked.returncode}")
        if asked.returncode
        else ""
    )


def as_user(user: str) -> tuple[str, str]:
    """Return the words that make `sshd -T` answer for the user."""
    return PLAIN.words(user)


def effective(config: Path, user: str, connection: Connection = PLAIN) -> dict[str, str]:
    """Return the settings that hold for a connection of the user, by lower-case keyword. Raises
    SshdSilent.
    """
    asked = ask_sshd("-T", "-f", str(config), *connection.words(user))
    if asked.returncode:
        raise SshdSilent(config, trouble(asked))
    return settings(asked.stdout)
