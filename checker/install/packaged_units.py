"""Units that a package ships in /usr/lib: whether they serve this gateway. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from checker.install.places import SERVICE, UNIT_FILE
from checker.install.steps import Found
from checker.install.unit_files import HEAD, unit


def as_packaged(content: bytes) -> bytes:
    """Return the text of a unit as a package ships it: `init` did not write that one."""
    return content.removeprefix(HEAD.encode())


def is_packaged(found: Found) -> bool:
    """Return whether the package's units run this interpreter, so that `init` needs no copies.

    All or none: another installation must not depend on a unit that goes with the package. Without
    systemd nothing can be enabled, and only a file in /etc says what the gateway runs.
    """
    return found.has_systemd and found.packaged.get(SERVICE) == as_packaged(unit(found.python))


def runs_packaged(files: Mapping[str, str]) -> bool:
    """Return whether a gateway has no units of its own, by the list of what `init` wrote."""
    return bool(files) and str(UNIT_FILE) not in files
