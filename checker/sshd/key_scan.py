"""Ask addresses which host keys they offer, with ssh-keyscan."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from checker.model import InvalidValue, parse_public_key, parse_target
from checker.sshd.host_keys import kind_of

ANSWERS_WITHIN_S = 3
GIVEN_UP_AFTER_S = 8.0
"""ssh-keyscan's own limit does not include the time to resolve the name."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The host keys of one address."""

    address: str
    """HOST:PORT."""
    keys: tuple[str, ...] = ()
    """`TYPE BASE64` each; empty if no SSH server answered."""

    def strange(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the keys that are not among these."""
        return tuple(key for key in self.keys if key not in known)


def scan_all(addresses: Sequence[str]) -> tuple[Scan, ...]:
    """Scan these addresses at the same time; the answers are in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(scan_one, addresses))


def scan_one(address: str) -> Scan:
    """Ask one address, HOST:PORT."""
    target = parse_target(address)
    words = ["-T", str(ANSWERS_WITHIN_S), "-p", str(target.port), "-t", "ed25519,rsa,ecdsa"]
    try:
        said = subprocess.run(
            ["ssh-keyscan", *words, target.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIVEN_UP_AFTER_S,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Scan(address=address)
    keys = dict.fromkeys(keys_in(said))
    return Scan(address=address, keys=tuple(sorted(keys, key=kind_of)))


def keys_in(said: str) -> Iterator[str]:
    """Parse the output of ssh-keyscan: `HOST TYPE BASE64` lines."""
    for line in said.splitlines():
        try:
            yield parse_public_key(line.partition(" ")[2])
        except InvalidValue:
            continue
