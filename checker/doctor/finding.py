"""One finding of `doctor`. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that must be true."""

    name: str
    ok: bool | None
    """None if unknown."""
    sentence: str
    mend: str = ""
    """A command that fixes it, or what to change; empty if all is well."""


def finding(name: str, good: str, *wrong: tuple[bool, str, str]) -> Finding:
    """Return the first of `wrong` that applies, else that all is well.

    Each of `wrong` says whether it applies, in which sentence, and how to fix it.
    """
    for applies, sentence, mend in wrong:
        if applies:
            return Finding(name=name, ok=False, sentence=sentence, mend=mend)
    return Finding(name=name, ok=True, sentence=good)


def first_of(texts: list[str], most: int, separator: str) -> str:
    """Join the first texts, and say how many more there are."""
    rest = f" (and {len(texts) - most} more)" if len(texts) > most else ""
    return separator.join(texts[:most]) + rest
