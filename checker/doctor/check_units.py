"""Judge the services that only some gateways run, such as the metrics. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding


def check_units(facts: Facts) -> Iterator[Finding]:
    """Say nothing of a service that was never turned on."""
    for unit in facts.units:
        if unit.state is None:
            yield Finding(
                name=unit.option,
                ok=None,
                sentence=f"only root can ask whether {unit.name} runs",
                mend="sudo reversi-checker doctor",
            )
        else:
            yield finding(
                unit.option,
                f"{unit.name} runs",
                (
                    unit.lacks is not None,
                    f"{unit.name} needs the Python package {unit.lacks}, which is missing",
                    f"sudo {sys.executable} -m pip install {unit.lacks} && {remedies.INIT}",
                ),
                (
                    unit.state != "active",
                    f"{unit.name} does not run: systemd calls it {unit.state}",
                    f"{remedies.INIT}    # its log says more: journalctl -u {unit.name}",
                ),
            )
