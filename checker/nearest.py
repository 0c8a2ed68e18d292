"""The known word that is most like a mistyped one. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the known word that is most like this one, whatever its case; empty if none is. One
    with the same letters comes first: two were swapped.
    """
    import difflib  # slow, and needed only for a mistake

    by_lower = {one.lower(): one for one in known}
    asked = word[:200].lower()
    found = difflib.get_close_matches(asked, tuple(by_lower), cutoff=cutoff)
    swapped = next((one for one in found if sorted(one) == sorted(asked)), "")
    return by_lower[swapped or found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean WORD?` with the nearest known word; empty if none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
