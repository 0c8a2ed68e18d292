"""Post signed entries in the bucket of the fleet, so that two gateways never allot one port.

An entry is written only if nobody wrote into the bucket since it was compared with all that is
there: else it is compared again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.control.bucket import Bucket, has_bucket, open_as_editor, read_mark, write_mark
from checker.control.bus_line import BusAbsent
from checker.model import InvalidValue, Node, NodeName
from checker.registry.bucket_values import (
    MOST_VALUE,
    NODE,
    BucketMissing,
    BucketRefused,
    Key,
    Mark,
    Stale,
    Value,
    is_named,
)
from checker.registry.claims import Refusal, refusal_of
from checker.registry.entries import Entry, parse_entry, rev_of
from checker.registry.entry_files import KeptEntry, all_kept, entry_path, left_out_folder
from checker.signatures import SIGNERS, is_signed_by

if TYPE_CHECKING:
    from checker.control.quick_proof import Signers

TRIES = 40
FEW = 50
MOST_WRONG = 250
"""Wrong signatures; what comes later is left to the agent, which takes its time."""
PAUSE_S = 0.02
"""At most, before the next try, times the number of tries so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An entry that was signed."""

    entry: Entry
    signature: bytes
    before: Node | None = None
    """The node as it was signed last."""


@dataclass(kw_only=True)
class Posted:
    """What became of entries that were offered."""

    done: set[NodeName] = field(default_factory=set)
    refused: dict[NodeName, Refusal] = field(default_factory=dict)
    trouble: str = ""
    """Why the bucket was not reached; empty: it was, or this gateway is on no bus."""


def post(layout: Layout, offers: Sequence[Offer], *, signed: bool) -> Posted:
    """Write these entries into the bucket, or find out why not. On a gateway without a bus nothing
    is done. Raises ConfigError.
    """
    posted = Posted()
    if not offers or not has_bucket(layout):
        return posted
    try:
        with open_as_editor(layout) as bucket:
            Posting(layout=layout, bucket=bucket, signed=signed, posted=posted).run(offers)
    except (BusAbsent, BucketMissing, BucketRefused, ConfigError) as error:
        posted.trouble = str(error)
    return posted


@dataclass(kw_only=True)
class Posting:
    """Entries on their way into the bucket."""

    layout: Layout
    bucket: Bucket
    signed: bool
    posted: Posted
    newer: dict[NodeName, tuple[int, Entry]] = field(default_factory=dict)
    """What the bucket has newer than the disk, with its sequence: signed by who may."""
    left_out: dict[NodeName, Entry] = field(default_factory=dict)
    """What waits on the disk."""
    verified: int = 0
    wrong: int = 0
    """Signatures that ssh-keygen refused."""

    def run(self, offers: Sequence[Offer]) -> None:
        """Raises BucketMissing, BucketRefused, BusAbsent, ConfigError."""
        mark = self.bucket.state().mark
        known = read_mark(self.layout)
        since = known.seq if known and known.made == mark.made and known.seq <= mark.seq else 0
        left = list(offers)
        for number in range(TRIES):
            since = self.learn(since)
            left = self.fitting(left)
            left = self.write(left, since)
            if not left:
                break
            time.sleep(PAUSE_S * (number + 1) * secrets.randbelow(100) / 100)
        else:
            raise BucketRefused("others write into the bucket all the time; try again")
        self.note(Mark(made=mark.made, seq=since))

    def learn(self, since: int) -> int:
        """Read what is newer; return the last sequence."""
        for kept in all_kept(left_out_folder(self.layout)):
            if isinstance(kept, KeptEntry):  # root verified it
                self.left_out[kept.entry.name] = kept.entry
        for value in self.bucket.after(since):
            since = value.seq
            self.consider(value)
        return since

    def consider(self, value: Value) -> None:
        """Keep a value if it is newer than what is here, and signed."""
        if value.key is None or value.key.kind != NODE:
            return
        name = NodeName(value.key.name)
        self.newer.pop(name, None)
        try:
            path = entry_path(self.layout, name)
            here = rev_of(beginning(path, MOST_BYTES)) if path.exists() else 0
            if rev_of(value.text) <= here or not is_named(value.key, value.text):
                return
            entry = parse_entry(value.text)
        except (InvalidValue, ConfigError):
            return
        if entry.name == name and self.counts(entry, value.signature):
            self.newer[name] = (value.seq, entry)

    def counts(self, entry: Entry, signature: bytes) -> bool:
        """Return whether it is signed by who may. A rogue can write 100,000 forgeries, so after a
        few ssh-keygen is started only for what may count.
        """
        signer = entry.head.changed_by
        if not self.signed:
            return True
        self.verified += 1
        if self.wrong >= MOST_WRONG or (
            self.verified > FEW and not self.signers.may_have_signed(entry.text, signature, signer)
        ):
            return False
        found = is_signed_by(entry.text, signature, signer, self.layout.fleet / SIGNERS)
        self.wrong += not found
        return found

    @cached_property
    def signers(self) -> Signers:
        """Raises ConfigError."""
        from checker.control.quick_proof import Signers  # slow to load

        return Signers.read(self.layout.fleet / SIGNERS)

    def fitting(self, offers: Sequence[Offer]) -> list[Offer]:
        """Leave out what another gateway was quicker with, and what is in the bucket already."""
        newer = self.left_out | {name: entry for name, (_, entry) in self.newer.items()}
        fits = []
        for one in offers:
            name = one.entry.name
            refusal = refusal_of(one.entry, newer, one.before)
            if refusal is not None:
                self.posted.refused[name] = refusal
            elif len(one.entry.text) + len(one.signature) > MOST_VALUE:
                self.posted.refused[name] = Refusal(
                    sentence=f"node {name} is too long for the bus; use: fleet push"
                )
            elif name in newer and newer[name].text == one.entry.text:
                self.posted.done.add(name)  # the answer was lost
            else:
                fits.append(one)
        return fits

    def write(self, offers: Sequence[Offer], since: int) -> list[Offer]:
        """Write these; return those that came too late."""
        values = [
            (Key(kind=NODE, name=one.entry.name), one.entry.text + one.signature) for one in offers
        ]
        done = self.bucket.post(values, since) if values else []
        count = next((at for at, one in enumerate(done) if isinstance(one, Stale)), len(done))
        self.posted.done.update(one.entry.name for one in offers[:count])
        return list(offers[count:])

    def note(self, mark: Mark) -> None:
        """Note up to where the disk has everything: up to the first that was neither taken nor left
        out yet.
        """
        here = {*self.posted.done, *self.left_out}
        waiting = [seq for seq, entry in self.newer.values() if entry.name not in here]
        write_mark(
            self.layout, Mark(made=mark.made, seq=min([mark.seq, *(s - 1 for s in waiting)]))
        )
