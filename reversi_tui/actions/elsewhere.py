"""Act on what another gateway of the fleet holds."""

from __future__ import annotations

from collections.abc import Sequence

from checker.config.layout import Layout
from checker.model import Aim, Outcome, Verb


def act_elsewhere(
    layout: Layout, gateway: str, verb: Verb, aims: Sequence[Aim]
) -> tuple[Outcome, ...]:
    """Ask that gateway; it blocks. Nobody is asked for a passphrase: the operator's agent signs."""
    from checker.control.act_elsewhere import act_elsewhere as act  # only a fleet needs it

    return act(layout, gateway, verb, aims)
