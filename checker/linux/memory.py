"""Give memory that the process no longer uses back to the system; look for garbage where it is."""

from __future__ import annotations

import contextlib
import ctypes
import gc

ARENA_MAX, MMAP_THRESHOLD = -8, -3
"""M_ARENA_MAX and M_MMAP_THRESHOLD. Source: malloc.h of glibc."""
LARGE = 1 << 18


def give_back() -> None:
    """Have the C library return what is free, also between what is in use.

    glibc does so by itself only at the end of its heap. Source: malloc_trim(3). Other C libraries
    have no such function.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_little() -> None:
    """Have the C library keep less of what this process frees; call it before other threads run.

    Once a block of 15 MB was freed (the list of 30,000 keys), glibc takes blocks of that size from
    its heaps, where up to twice as much stays; and each thread has a heap, whose end `give_back`
    does not give back. So let there be one heap, and no large block in it. Source: mallopt(3).
    """
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, LARGE)
        mallopt(ARENA_MAX, 1)


def keep_for_good() -> None:
    """Have Python's collector look no more at what is in memory now: 30,000 nodes, which take it
    40 to 80 ms each time and hold no garbage. What nobody refers to any more is freed all the same.
    """
    gc.collect()
    gc.freeze()
