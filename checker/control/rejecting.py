"""Reject applicants, through the daemon: it alone keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from checker.config.layout import Layout
from checker.control.client import ask, operator_name

AT_ONCE = 500
"""The daemon reads messages of up to 64 KiB."""


def reject(layout: Layout, fingerprints: Sequence[str]) -> tuple[list[str], list[str]]:
    """Reject the applicants with these fingerprints; return the names of those that waited, and the
    fingerprints that belong to none that does. Raises DaemonAbsent, NotAllowed.
    """
    rejected: list[str] = []
    unknown: list[str] = []
    for at in range(0, len(fingerprints), AT_ONCE):
        part = fingerprints[at : at + AT_ONCE]
        request = {"verb": "reject", "fingerprints": [*part], "operator": operator_name()}
        answer = ask(layout, request)
        rejected += answer["rejected"]
        unknown += answer["unknown"]
    return rejected, unknown
