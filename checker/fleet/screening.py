"""Sort out what cannot be taken before the registry is locked.

Whoever may bring entries can bring 100,000 forged ones, and must keep nobody else from changing a
node meanwhile. What is left is decided under the lock. A signature counts only if ssh-keygen says
so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from checker.config.files import present_file
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.sealing import signers_file
from checker.fleet.card_files import card_path
from checker.fleet.cards import Card
from checker.fleet.sealed import Sealed
from checker.model import InvalidValue
from checker.registry.entries import Entry, rev_of
from checker.registry.entry_files import entry_path
from checker.signatures import is_signed_by

if TYPE_CHECKING:
    from checker.control.quick_proof import Signers

FEW = 50
"""Of so many, ssh-keygen verifies each at once; of more, those first that may count."""
MOST_SHOWN = 20
"""Of those that do not count, so many come before the desk, which says why."""
MOST_SLOW = 200
"""Wrong signatures that only ssh-keygen can tell; with more, the rest waits for another batch."""


@dataclass(kw_only=True)
class Proofs:
    """Which signatures count on a gateway; each is verified once."""

    layout: Layout
    known: dict[tuple[Sealed, str], bool] = field(default_factory=dict)

    def is_proven(self, sealed: Sealed, signer: str) -> bool:
        """Return whether this signer may sign, and did. Raises CheckerError."""
        if (sealed, signer) not in self.known:
            allowed = signers_file(self.layout)
            proof = is_signed_by(sealed.text, sealed.signature, signer, allowed)
            self.known[sealed, signer] = proof
        return self.known[sealed, signer]


@dataclass(kw_only=True)
class Screen:
    """What came in one batch, sorted."""

    proofs: Proofs
    is_signing: bool
    kept: list[Sealed] = field(default_factory=list)
    left: int = 0
    """Those that do not count, besides the first."""
    bad: int = 0
    slow: int = 0
    signers: Signers | None = None
    """Set if they are many."""

    def sort(self, many: Iterable[Sealed]) -> None:
        """Raises CheckerError."""
        different = list(dict.fromkeys(many))
        if not self.is_signing:
            self.kept = different
            return
        if len(different) > FEW:
            from checker.control.quick_proof import Signers  # slow to load

            self.signers = Signers.read(signers_file(self.proofs.layout))
        for sealed in different:
            if self.may_count(sealed):
                self.kept.append(sealed)
            else:
                self.bad += 1
                self.kept += [sealed] if self.bad <= MOST_SHOWN else []
        self.left = max(0, self.bad - MOST_SHOWN)

    def may_count(self, sealed: Sealed) -> bool:
        """Return whether it is ours already, or newer and signed."""
        try:
            found = sealed.parsed()
            present = present_file(path_of(self.proofs.layout, found)) or b""
        except (InvalidValue, ConfigError):
            return False
        if present == sealed.text:
            return True
        return rev_of(sealed.text) >= rev_of(present) and self.is_proven(sealed, signer_of(found))

    def is_proven(self, sealed: Sealed, signer: str) -> bool:
        if not sealed.signature or self.slow >= MOST_SLOW:
            return False
        if self.signers and not self.signers.may_have_signed(sealed.text, sealed.signature, signer):
            return False
        if self.proofs.is_proven(sealed, signer):
            return True
        self.slow += 1
        return False


def path_of(layout: Layout, found: Entry | Card) -> Path:
    """Return where a gateway keeps it."""
    return (
        card_path(layout, found.id) if isinstance(found, Card) else entry_path(layout, found.name)
    )


def signer_of(found: Entry | Card) -> str:
    return found.changed_by if isinstance(found, Card) else found.head.changed_by
