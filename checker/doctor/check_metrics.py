"""Judge the service that serves metrics. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding
from checker.install.extra_units import METRICS


def check_metrics(facts: Facts) -> Iterator[Finding]:
    """Say nothing if nobody asked for it."""
    metrics, name = facts.metrics, METRICS.name
    if metrics is None:
        return
    if metrics.state is None:
        yield Finding(
            name="metrics",
            ok=None,
            sentence=f"only root can ask whether {name} runs",
            mend="sudo reversi-checker doctor",
        )
        return
    yield finding(
        "metrics",
        f"{name} runs",
        (
            metrics.lacks_library,
            f"{name} needs the Python package {METRICS.library}, which is missing",
            f"sudo {sys.executable} -m pip install {METRICS.library} && {remedies.INIT}",
        ),
        (
            metrics.state != "active",
            f"{name} does not run: systemd calls it {metrics.state}",
            f"{remedies.INIT}    # its log says more: journalctl -u {name}",
        ),
    )
