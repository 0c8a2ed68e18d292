"""Whether a gateway takes an entry or a card that somebody offers: one table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from checker.registry.entries import TOMBSTONE_KEPT_S


class Taking(StrEnum):
    """What to do with what is offered."""

    TAKE = "take"
    TAKE_BARRED = "take, but let nobody in"
    """Somebody disabled the node here and did not sign that: it holds until an operator settles
    it.
    """
    BAR = "let nobody in"
    """Two signed ones have the same revision, and the one that lets nobody in wins."""
    SAME = "same"
    OLD = "old"
    UNSIGNED = "unsigned"
    CLASH = "clash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An entry or a card, as far as taking it depends on it."""

    rev: int
    content: object
    """Equal if and only if both say the same."""
    bars: bool
    """Whether it lets nobody in: a disabled node, a tombstone, a removed gateway."""
    is_tombstone: bool = False
    changed_at: int = 0
    """Unix seconds."""
    born: int = 0
    """When its node was added, in Unix seconds; 0: unknown."""
    begun: int = 1
    """The revision with which that node was added."""

    def is_about_another(self, present: Offer) -> bool:
        """Whether it is about another node of the same name, which was added without knowing of the
        present one.
        """
        is_other = bool(self.born and present.born) and self.born != present.born
        return is_other and self.begun <= present.rev and not present.is_tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What a gateway has under the same name."""

    offer: Offer | None = None
    """The signed one; None: there is none."""
    content: object = None
    """What is in force, signed or not; None: nothing."""
    bars: bool = False
    """Whether what is in force lets nobody in."""
    is_barred_by_clash: bool = False
    """Whether it lets nobody in because two signed ones have the same revision."""

    @property
    def is_edited(self) -> bool:
        """Whether it was changed here and not signed yet."""
        return self.content != (None if self.offer is None else self.offer.content)

    @property
    def is_barred_unsigned(self) -> bool:
        """Whether somebody disabled or removed it here and did not sign that."""
        if self.offer is None or self.is_barred_by_clash:
            return False
        return self.is_edited and self.bars and not self.offer.bars


def take(offer: Offer, here: Here, signer: str | None, now: float) -> Taking:
    """Decide. `signer`: who provably signed the offer; None: nobody who may."""
    present = here.offer
    if present is not None and offer.rev < present.rev:
        return Taking.OLD
    if present is not None and offer.rev == present.rev and offer.content == present.content:
        return Taking.SAME
    if signer is None:
        return Taking.UNSIGNED
    if present is None:
        return first(offer, here, now)
    if offer.is_about_another(present):
        return Taking.CLASH
    if offer.rev > present.rev:
        is_disabled_here = here.is_barred_unsigned and not offer.bars
        return Taking.TAKE_BARRED if is_disabled_here else Taking.TAKE
    if offer.bars and not here.bars:
        return Taking.BAR
    return Taking.CLASH


def first(offer: Offer, here: Here, now: float) -> Taking:
    """Decide about a signed offer where nothing is signed yet."""
    if here.content is not None and here.content != offer.content:
        return Taking.CLASH
    if offer.is_tombstone and now - offer.changed_at > TOMBSTONE_KEPT_S:
        return Taking.OLD
    return Taking.TAKE
