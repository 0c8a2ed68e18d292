"""What the gate becomes without a daemon: `checker.daemon.alone`, or `bare.sh` if that fails.

It runs as a file, with the site packages. During an upgrade of Python or of the packages these may
be missing or half installed, and that must not cost a node its tunnel.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def alone(arguments: list[str]) -> str:
    """Answer by the checker's own code, and exit; return why if that is impossible, as a clause."""
    try:
        from checker.daemon.alone import main as answer
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything
        return f"the checker's Python packages cannot be imported by {sys.executable} ({error})"
    try:
        answer(arguments)
    except Exception as error:  # noqa: BLE001 - the node must get an answer whatever it was
        return f"the checker failed without its daemon ({type(error).__name__}: {error})"
    raise AssertionError("it ends the process")


def refuse_to_enrol(arguments: list[str]) -> None:
    """Tell a device that wants to become a node to ask later, and exit: only a daemon can take it.

    Import nothing for that, as many may ask.
    """
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if options.get("--node", "").startswith("+"):
        print("reversi: no daemon runs at the gateway; ask again later", file=sys.stderr)
        print("0", flush=True)
        sys.exit(75)


if __name__ == "__main__":
    refuse_to_enrol(sys.argv[1:])
    why = alone(sys.argv[1:])
    script = str(Path(__file__).with_name("bare.sh"))
    one_line = " ".join(why.split())
    os.execv("/bin/sh", ["/bin/sh", script, one_line, *sys.argv[1:]])  # noqa: S606 - words of the key line
