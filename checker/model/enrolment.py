"""Enrolments, by which devices ask to become nodes, and the applicants that did. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from checker.model.errors import InvalidValue
from checker.model.node import ForwardRequest, NodeName

ENROLS = "+"
"""Begins the word for `--node` in the key line of an enrolment; no node's name can begin so."""
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
MOST_APPLICANTS = 1000
"""That wait at one gateway. As many rejected ones are remembered."""
PER_ADDRESS = 10
"""New requests a minute that may wait for an answer, from one address."""
MOST_USES = 10_000
"""Devices that one enrolment accepts at most: its file lists them."""
FORGOTTEN_AFTER_S = 86400.0
"""Since an applicant was last heard."""
ANSWERS_FOR_S = 86400
"""How long the key of an enrolment still opens its question after the last device was accepted:
that device must learn of it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A key with which devices may ask to become nodes, and what such a node gets."""

    id: str
    public_key: str
    forwards: tuple[ForwardRequest, ...]
    """None of them names a gateway port: each node is allotted its own."""
    tags: tuple[str, ...] = ()
    note: str = ""
    """Of each node."""
    made_at: int = 0
    """Unix seconds."""
    expires: int = 0
    """Unix seconds: from then on it takes no new device; 0: never."""
    uses: int = 0
    """How many devices may be accepted; 0: as many as its file can list (MOST_USES)."""
    per_address: int = PER_ADDRESS
    is_auto: bool = False
    """Whether devices are accepted as they ask, without an operator."""
    accepted: tuple[str, ...] = ()
    """Fingerprints of the devices that were accepted."""
    accepted_at: int = 0
    """Unix seconds: when the last one was."""

    @property
    def is_used_up(self) -> bool:
        return len(self.accepted) >= (self.uses or MOST_USES)

    def why_closed(self, now: float) -> str:
        """Why no device may be accepted, as a clause; empty if one may."""
        if self.expires and self.expires <= now:
            return "it has expired"
        if self.is_used_up:
            count = len(self.accepted)
            return "its only use is taken" if count == 1 else f"all of its {count} uses are taken"
        return ""

    @property
    def answers_until(self) -> int:
        """Unix seconds: when its key opens nothing any more; 0: never. A day after the last device
        was accepted, if no other may be: each must learn that it was.
        """
        owed = self.accepted_at + ANSWERS_FOR_S if self.accepted else 0
        if self.is_used_up:
            return owed
        return max(self.expires, owed) if self.expires else 0

    def answers(self, now: float) -> bool:
        """Whether its key still opens anything."""
        return not self.answers_until or now < self.answers_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """A device that asked, and is not accepted yet."""

    enrolment: str
    name: NodeName
    """The name that its node would get; no node and no other waiting applicant has it."""
    said: str
    """What the device called itself."""
    public_key: str
    fingerprint: str
    """Of its public key, as `SHA256:...`."""
    host_keys: tuple[str, ...] = ()
    """Of its SSH server, each as `TYPE BASE64`."""
    peer: str = ""
    """The address that it first asked from; empty if not known."""
    first_at: float = 0.0
    """Unix seconds."""
    last_at: float = 0.0
    """Unix seconds, to the minute."""
    is_rejected: bool = False

    @property
    def origin(self) -> str:
        """Which device it is and where it asked from first, as a clause."""
        return f"{self.fingerprint}, from {self.peer or 'an unknown address'}"


def parse_enrolment_id(text: str) -> str:
    """Parse the id of an enrolment. Raises InvalidValue."""
    if ID_PATTERN.match(text):
        return text
    raise InvalidValue(
        f"{text[:80]!r} cannot name an enrolment; use 1 to 32 of a-z 0-9 - and begin with a letter"
        " or digit"
    )


def enrolment_of(word: str) -> str | None:
    """The id in the word of an enrolment's key line; None if the word names no enrolment."""
    return word.removeprefix(ENROLS) if word.startswith(ENROLS) else None
