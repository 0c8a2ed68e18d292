"""What the machine's sshd says of itself: which options it knows, and what would hold for a
user.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from checker.model import CheckerError
from checker.sshd import PRIVILEGE_SEPARATION, find_sshd
from checker.system.lockdown import drop_in, settings, unknown_options, version_in
from checker.system.match_lines import Connection
from checker.system.plan import Refused

MAIN = Path("/etc/ssh/sshd_config")
PLAIN = Connection()
"""One that hardly any `Match` line names."""
ANSWERS_WITHIN_S = 20


class SshdSilent(CheckerError):
    """sshd did not tell its settings."""

    def __init__(self, config: Path, why: str) -> None:
        super().__init__(f"sshd does not accept {config}: {why}; see: sshd -t -f {config}")


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


def probe_unknown(user: str) -> frozenset[str]:
    """Which of our options this sshd does not know. Raises Refused where it has another
    complaint.
    """
    unknown: frozenset[str] = frozenset()
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        alone = Path(folder) / "sshd_config"
        while True:  # an older one stops at the first option of a Match block that it does not know
            alone.write_bytes(drop_in(user, unknown))
            said = complaint(alone)
            if not said:
                return unknown
            more = unknown_options(said) - unknown
            if not more:
                raise Refused(
                    f"sshd would not start: {said}"
                    if unknown
                    else f"sshd does not start as it is: {said}"
                )
            unknown |= more
