"""Measure a probe that one gateway asks of another: signed, sent, carried out, answered."""

from __future__ import annotations

import asyncio
import secrets
import time

from bench.figures import Figure
from bench.fleet.figures import acts_figure
from bench.setting import until
from checker.control.far_acts import send
from checker.control.post import post_of
from checker.model import Aim, Outcome, Status, Verb
from checker.model.letter import Letter, letter_text
from checker.signatures import ACT, SigningKey, sign
from demo.fleet_gateway import FleetGateway
from demo.fleet_scene import SHOWN, VICTIM
from demo.fleet_stage import FleetStage
from demo.processes import DemoFailed

SIGNER = "operator"


def aims_at(gateway: FleetGateway) -> list[Aim]:
    """Return each tunnel that this gateway holds."""
    return [
        Aim(node=one.node, port=one.port, session=one.session)
        for one in gateway.tunnels()
        if one.status is Status.UP and one.session is not None
    ]


def ask(stage: FleetStage, aim: Aim) -> Outcome:
    """Sign a letter and send it to the gateway that holds the tunnel."""
    letter = Letter(
        gateway=VICTIM,
        verb=Verb.PROBE,
        aims=(aim,),
        at=int(time.time()),
        nonce=secrets.token_hex(16),
        by=SIGNER,
        via=SHOWN,
    )
    text = letter_text(letter)
    (signature,) = sign([text], SigningKey(signer=SIGNER, file=stage.operator), ACT)
    return send(letter, text + signature, post_of(stage.shown.layout))[0]


async def acts_measured(stage: FleetStage, count: int) -> Figure:
    """Probe the tunnels of another gateway in turn. Raises DemoFailed."""
    far = stage.gateways[VICTIM]
    await until(lambda: bool(aims_at(far)) and ask(stage, aims_at(far)[0]).done)
    aims = aims_at(far)
    took_s = []
    for number in range(count):
        began = time.monotonic()
        outcome = await asyncio.to_thread(ask, stage, aims[number % len(aims)])
        took_s.append(time.monotonic() - began)
        if not outcome.done:
            raise DemoFailed(f"a probe at {VICTIM}: {outcome.sentence}")
    return acts_figure(took_s)
