"""The known word that is most like a mistyped one. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the known word that is most like this one, whatever its case; empty if none is."""
    import difflib  # slow, and needed only for a mistake

    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word[:200].lower(), tuple(by_lower), n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean WORD?` with the nearest known word; empty if none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
