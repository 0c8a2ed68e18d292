"""Verify what lies in the bucket before root is troubled with it."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.quick_proof import is_proven
from checker.fleet.cards import Card
from checker.fleet.sealed import Sealed
from checker.model import CheckerError, InvalidValue
from checker.registry.bucket_values import NODE, Value
from checker.registry.entries import TOMBSTONE_KEPT_S, Entry, parse_entry
from checker.signatures import SIGNERS, AllowedKey, allowed_keys, is_signed_by

MOST_SLOW = 200
"""In one comparison, each of which starts a process."""


class Prover:
    """Verifies values."""

    def __init__(self, layout: Layout, *, is_signing: bool) -> None:
        self.layout, self.is_signing = layout, is_signing
        self.allowed: tuple[AllowedKey, ...] = ()
        self.slow = 0

    def begin(self) -> None:
        """Begin a comparison."""
        self.slow = 0
        try:
            self.allowed = allowed_keys(self.layout.fleet / SIGNERS)
        except ConfigError:
            self.allowed = ()

    def proof(self, value: Value) -> bool | None:
        """Return whether a value is of its name, and signed by who may; None: not known yet."""
        assert value.key is not None
        try:
            found = Sealed(text=value.text).parsed()
        except InvalidValue:
            return False
        is_node = value.key.kind == NODE
        if name_of(found) != value.key.name or isinstance(found, Entry) != is_node:
            return False
        if not self.is_signing:
            return True
        signer = found.changed_by if isinstance(found, Card) else found.head.changed_by
        quick = is_proven(value.text, value.signature, signer, self.allowed)
        return self.slow_proof(value, signer) if quick is None else quick

    def slow_proof(self, value: Value, signer: str) -> bool | None:
        self.slow += 1
        if self.slow > MOST_SLOW:
            return None
        try:
            return is_signed_by(value.text, value.signature, signer, self.layout.fleet / SIGNERS)
        except CheckerError:
            return None


def is_forgotten(text: bytes, now: float) -> bool:
    """Return whether it is about a node that was removed so long ago that no gateway remembers
    it.
    """
    if b"\nremoved = true\n" not in text:
        return False
    try:
        return now - parse_entry(text).head.changed_at > TOMBSTONE_KEPT_S
    except InvalidValue:
        return False


def name_of(found: Entry | Card) -> str:
    return found.id if isinstance(found, Card) else found.name
