"""Which host keys sshd names and offers, and which of them a device can pin. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.model import fingerprint

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)
"""The types that devices can pin, in the order in which we list them."""
ALGORITHMS: Mapping[str, Sequence[str]] = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}
"""The algorithms by which sshd offers a type; of other types, the one with the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeySettings:
    """What `sshd -T` says about host keys."""

    files: tuple[Path, ...] = ()
    algorithms: frozenset[str] = frozenset()
    """Empty: every algorithm is allowed."""
    has_agent: bool = False
    """Whether an agent may have the private keys."""


def host_key_settings(said: str) -> HostKeySettings:
    """Parse the output of `sshd -T`. Source: sshd_config(5), HostKey and HostKeyAlgorithms."""
    pairs = [line.strip().partition(" ") for line in said.splitlines()]
    return HostKeySettings(
        files=tuple(Path(value) for key, _, value in pairs if key.lower() == "hostkey"),
        algorithms=frozenset(
            name
            for key, _, value in pairs
            if key.lower() == "hostkeyalgorithms"
            for name in value.split(",")
        ),
        has_agent=any(
            key.lower() == "hostkeyagent" and value.lower() not in ("", "none")
            for key, _, value in pairs
        ),
    )


def to_pin(keys: Iterable[str], algorithms: Collection[str] = ()) -> tuple[str, ...]:
    """Return the keys (`TYPE BASE64`) that a device can pin: known types that sshd may offer, by
    type, and those of one type in sshd's order.
    """
    found = dict.fromkeys(key for key in keys if is_offered(kind_of(key), algorithms))
    return tuple(sorted(found, key=lambda key: KINDS.index(kind_of(key))))


def is_offered(kind: str, algorithms: Collection[str]) -> bool:
    names = ALGORITHMS.get(kind, (kind,))
    return kind in KINDS and (not algorithms or any(name in algorithms for name in names))


def offered(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that sshd proves to a client: of several of one type, only the first.
    Source: sshd.c, get_hostkey_by_type.
    """
    first: dict[str, str] = {}
    for key in keys:
        first.setdefault(kind_of(key), key)
    return tuple(first.values())


def kind_of(key: str) -> str:
    return key.partition(" ")[0]


def as_pin(key: str) -> str:
    """Return `TYPE FINGERPRINT` of a key, as `ssh-keyscan | ssh-keygen -lf -` names it."""
    return f"{kind_of(key)} {fingerprint(key)}"
