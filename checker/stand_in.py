"""What the gate becomes without a daemon: `checker.daemon.alone`, or `bare.sh` beside this file if
that cannot run.

It runs as a file and with the site packages. They may be missing or half installed, by an upgrade
of Python or of the packages, and no node may lose its tunnel by that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def alone(arguments: list[str]) -> str:
    """Answer by the checker's own code, and end; if that cannot be had, why, as a clause."""
    try:
        from checker.daemon.alone import main as answer
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        return f"the checker's Python packages cannot be imported by {sys.executable} ({error})"
    try:
        answer(arguments)
    except Exception as error:  # noqa: BLE001 - the node is to be answered whatever it was
        return f"the checker failed without its daemon ({type(error).__name__}: {error})"
    raise AssertionError("it ends the process")


if __name__ == "__main__":
    why = alone(sys.argv[1:])
    script = str(Path(__file__).with_name("bare.sh"))
    one_line = " ".join(why.split())
    os.execv("/bin/sh", ["/bin/sh", script, one_line, *sys.argv[1:]])  # noqa: S606 - words that the key line says
