"""Judge the public ports, which HAProxy serves. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of


def check_published(facts: Facts) -> Iterator[Finding]:
    """Say nothing if nothing is published."""
    published = facts.published
    if not published.ports:
        return
    mend = remedies.serve_published(facts)
    ports = first_of(list(map(str, published.ports)), 5, ", ")
    silent = first_of(list(map(str, published.silent)), 5, ", ")
    yield finding(
        "public ports",
        f"HAProxy serves port {ports}",
        (
            not published.is_installed,
            f"port {ports} is published, but HAProxy is not installed",
            mend,
        ),
        (published.lags, "HAProxy's file does not follow the registry", mend),
        (bool(published.silent), f"HAProxy does not listen on port {silent}", mend),
    )
