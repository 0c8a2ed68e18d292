"""When Python looks for garbage: seldom while thousands of rows are made, which all stay."""

from __future__ import annotations

import gc

AT_START = (1_000_000, 50, 50)
"""Objects that are made before the first look, and looks before one at older objects."""
LATER = (10_000, 10, 10)
"""More than a sweep makes of the rows that it probed: it drops as many."""


def begin() -> None:
    """Look seldom, while the console starts and reads its rows."""
    gc.set_threshold(*AT_START)


def settle() -> None:
    """Look more often, but never again at what there is: among thousands of rows a look would
    delay a key by 50 ms.
    """
    gc.freeze()
    gc.set_threshold(*LATER)
