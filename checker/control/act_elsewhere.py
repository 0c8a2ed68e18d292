"""Act on the forwards that another gateway holds, for command line and console."""

from __future__ import annotations

import os
from collections.abc import Sequence

from checker.config.layout import Layout
from checker.control.far_acts import FarAct, act_at, key_for
from checker.control.many_acts import AT_ONCE, IN_ONE_REQUEST
from checker.control.post import post_of
from checker.model import Aim, CheckerError, Outcome, Verb
from checker.model.gateway_id import GatewayId

TOGETHER = AT_ONCE * IN_ONE_REQUEST
"""Forwards that are signed for at once; what fails later leaves them alone."""


def why_not_signed(layout: Layout, gateway: str) -> str:
    """Return why nobody can sign for an act at this gateway; empty if somebody can."""
    wanted = FarAct(gateway=GatewayId(gateway), verb=Verb.PROBE, aims=())
    try:
        key_for(layout, wanted, os.environ)
    except CheckerError as error:
        return str(error)
    return ""


def act_elsewhere(
    layout: Layout, gateway: str, verb: Verb, aims: Sequence[Aim], *, may_ask: bool = False
) -> tuple[Outcome, ...]:
    """Have it done at another gateway; the outcomes are in the order of the aims, and say why it
    was not done. It blocks. `may_ask`: ssh-keygen may ask for a passphrase at the terminal.
    """
    done: list[Outcome] = []
    for at in range(0, len(aims), TOGETHER):
        part = tuple(aims[at : at + TOGETHER])
        wanted = FarAct(gateway=GatewayId(gateway), verb=verb, aims=part, may_ask=may_ask)
        try:
            done += act_at(layout, wanted, post_of(layout))
        except CheckerError as error:
            done += [
                Outcome(node=aim.node, port=aim.port, done=False, sentence=str(error))
                for aim in part
            ]
    return tuple(done)
