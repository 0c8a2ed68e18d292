"""Letters for tests: written by somebody, signed with his key."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.config.layout import Layout
from checker.model import Aim, NodeName, Port, ProcessId, Verb
from checker.model.gateway_id import GatewayId
from checker.model.letter import Letter, letter_text
from checker.signatures import ACT, SigningKey, sign

GW1, GW2 = GatewayId("gw1"), GatewayId("gw2")
AIM = Aim(node=NodeName("office"), port=Port(20010), session=ProcessId(pid=4242, start_ticks=99))
Bring = Callable[[Layout, bytes], bytes]


def letter(*aims: Aim, **given: Any) -> Letter:
    """A kill at gw1, asked for by anna at gw2, now; `given` says what is otherwise."""
    usual: dict[str, Any] = {
        "gateway": GW1,
        "verb": Verb.KILL,
        "aims": aims or (AIM,),
        "at": int(time.time()),
        "nonce": secrets.token_hex(16),
        "by": "anna",
        "via": GW2,
    }
    return Letter(**{**usual, **given})


def signed(wanted: Letter, key: Path, namespace: str = ACT) -> bytes:
    """The letter with a signature by this key."""
    text = letter_text(wanted)
    return text + sign([text], SigningKey(signer=wanted.by, file=key), namespace)[0]


def made_of_fleet(layout: Layout, id_: str, *signers: str) -> None:
    """Make the settings and files that a gateway needs to take letters."""
    layout.fleet.mkdir(parents=True, exist_ok=True)
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[fleet]\nname = "{id_}"\n')
    (layout.fleet / "allowed_signers").write_text("".join(signers), encoding="utf-8")


def answer(bring: Bring, layout: Layout, content: bytes) -> dict[str, Any]:
    """What a gateway answers to a letter."""
    return dict(json.loads(bring(layout, content)))
