"""Giving free memory back to the system, and looking for garbage only where some may be."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from checker.linux.memory import give_back, keep_for_good

SECOND_BLOCK = """
import ctypes, sys
from checker.linux.memory import keep_little
if sys.argv[1] == "keep little":
    keep_little()
first = b"x" * (16 << 20)
del first
second = b"x" * (8 << 20)
fields = [(name, ctypes.c_size_t) for name in "abcdefghij"]
Figures = type("Figures", (ctypes.Structure,), {"_fields_": fields})
library = ctypes.CDLL(None)
library.mallinfo2.restype = Figures
print(library.mallinfo2().e >> 20)
"""
"""Prints how many MB the C library has from the system outside its heaps (hblkhd)."""


def test_memory_is_given_back_where_the_c_library_can() -> None:
    kept = b"x" * (1 << 20)

    give_back()

    assert kept.count(b"x") == len(kept), "what is in use stays"


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs mallinfo2 of glibc 2.33 or newer"
)
def test_large_blocks_stay_out_of_the_heap() -> None:
    assert outside_the_heap("keep little") >= 8
    assert outside_the_heap("as ever") < 8, "the C library would do it by itself"


def outside_the_heap(how: str) -> int:
    argv = [sys.executable, "-c", SECOND_BLOCK, how]
    return int(subprocess.run(argv, check=True, capture_output=True).stdout)


class Thing:
    """Something that the collector tracks."""


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_is_kept_for_good_is_not_looked_at_but_freed_with_its_last_reference() -> None:
    thing = Thing()

    keep_for_good()

    assert not any(one is thing for one in gc.get_objects())
    gone = weakref.ref(thing)
    del thing
    assert gone() is None
