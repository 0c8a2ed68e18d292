"""Give memory that the process no longer uses back to the system."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Have the C library return what is free, also between what is in use.

    glibc does so by itself only at the end of its heap. Source: malloc_trim(3). Other C libraries
    have no such function.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
