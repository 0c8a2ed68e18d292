"""Giving free memory back to the system."""

from __future__ import annotations

from checker.linux.memory import give_back


def test_memory_is_given_back_where_the_c_library_can() -> None:
    kept = b"x" * (1 << 20)

    give_back()

    assert kept.count(b"x") == len(kept), "what is in use stays"
