"""The applicants of enrolments in memory, by the fingerprint of their key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.model import Applicant
from checker.state.pending import Pending


class Applicants:
    """All applicants of one gateway."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.by_fingerprint: dict[str, Applicant] = {}

    def load(self, found: Iterable[Applicant]) -> None:
        """Start with these, which are in the state file already."""
        self.by_fingerprint = {one.fingerprint: one for one in found}

    def put(self, one: Applicant) -> None:
        """Keep and write."""
        self.by_fingerprint[one.fingerprint] = self.pending.applicants[one.fingerprint] = one

    def drop(self, fingerprints: Sequence[str]) -> None:
        """Forget these."""
        for one in fingerprints:
            if self.by_fingerprint.pop(one, None) is not None:
                self.pending.drop_applicant(one)
