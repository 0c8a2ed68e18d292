"""What the machine's sshd says of itself: which options it knows, and what would hold for a user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.model import CheckerError
from checker.sshd import PRIVILEGE_SEPARATION, find_sshd
from checker.system.lockdown import differences, drop_in, redirected, settings, unknown_options, version_in
from checker.system.plan import DROP_IN, Refused

MAIN = Path("/etc/ssh/sshd_config")
ANSWERS_WITHIN_S = 20


class SshdSilent(CheckerError):
    """sshd did not tell its settings."""

    def __init__(self, config: Path, why: str) -> None:
        super().__init__(f"sshd does not accept {config}: {why}; see: sshd -t -f {config}")


def ask_sshd(*words: str) -> subprocess.CompletedProcess[str]:
    """One run of sshd that only answers. Raises SshdMissing, CheckerError."""
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)  # only sshd's own service makes it, and sshd tests nothing without
    try:
        return subprocess.run(
            [find_sshd(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=ANSWERS_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckerError(f"sshd can not be asked for its settings: {error}") from error


def version() -> tuple[int, int] | None:
    """Raises SshdMissing. One older than 9.2 does not know -V, and tells its version all the same."""
    return version_in(ask_sshd("-V").stderr)


def complaint(config: Path) -> str:
    """What `sshd -t` has against the configuration; empty where it would start."""
    return trouble(ask_sshd("-t", "-f", str(config)))


def trouble(asked: subprocess.CompletedProcess[str]) -> str:
    """What sshd said as it failed, on one line; empty where it did not."""
    said = [line.strip("@ \r") for line in asked.stderr.split("\n")]
    return ("; ".join(filter(None, said)) or f"exit status {asked.returncode}") if asked.returncode else ""


def as_user(user: str) -> tuple[str, str]:
    """The words that have `sshd -T` answer for the user."""
    return "-C", f"user={user},host=localhost,addr=127.0.0.1"


def effective(config: Path, user: str) -> dict[str, str]:
    """The settings that hold for the user, by lower-case keyword. Raises SshdSilent."""
    asked = ask_sshd("-T", "-f", str(config), *as_user(user))
    if asked.returncode:
        raise SshdSilent(config, trouble(asked))
    return settings(asked.stdout)


def probe_unknown(user: str) -> frozenset[str]:
    """Which of our options this sshd does not know. Raises Refused where it has another complaint."""
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
                raise Refused(f"sshd would not start: {said}" if unknown else f"sshd does not start as it is: {said}")
            unknown |= more


@contextmanager
def candidate(content: bytes) -> Iterator[Path]:
    """The whole configuration of sshd as it would be with this drop-in, in a directory of its own. Raises Refused, CheckerError."""
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        inside = Path(folder)
        try:
            for other in DROP_IN.parent.glob("*"):
                if other.is_file() and other != DROP_IN:
                    shutil.copy(other, inside / other.name)
            (inside / DROP_IN.name).write_bytes(content)
            main = redirected(MAIN.read_text(encoding="utf-8", errors="surrogateescape"), DROP_IN, inside)
        except OSError as error:
            raise CheckerError(f"{error.filename} can not be read ({error.strerror}); is openssh-server installed?") from error
        if main is None:
            raise Refused(f"{MAIN} does not read {DROP_IN.parent}; put this as its first line: Include {DROP_IN.parent}/*.conf")
        whole = inside / "main"
        whole.write_text(main, encoding="utf-8", errors="surrogateescape")
        yield whole


def rehearse(content: bytes, user: str) -> dict[str, str]:
    """The settings that would hold for the user with this drop-in. Raises Refused where sshd would not start, or they are not tight."""
    with candidate(content) as whole:
        said = complaint(whole).replace(str(whole), str(MAIN)).replace(str(whole.parent), str(DROP_IN.parent))
        if said:
            raise Refused(f"with {DROP_IN} sshd would not start: {said}")
        found = effective(whole, user)
    wrong = differences(found)
    if wrong:
        raise Refused(
            f"with {DROP_IN} sshd would still say for {user}: {'; '.join(wrong)}. "
            f"Another Match block comes first: look through {MAIN} and {DROP_IN.parent}"
        )
    return found
