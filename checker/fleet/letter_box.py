"""Hand a letter from the bus to this gateway's daemon, as its agent does."""

from __future__ import annotations

import base64
import json

from checker.config.layout import Layout
from checker.control.client import Control, DaemonAbsent, NotAllowed, ask
from checker.model.letter import MOST_BYTES, nonce_in

ANSWERED_WITHIN_S = 60.0


def hand_over(layout: Layout, content: bytes) -> bytes:
    """Give the daemon a letter as it came, and return its answer as it is to travel. It blocks, and
    raises nothing: the writer of the letter must hear what became of it.
    """
    if len(content) > MOST_BYTES:
        return said(refused="it is too long for a letter")
    if Control(layout=layout).daemon_pid() is None:
        return said(refused="no daemon runs there", nonce=nonce_in(content))
    request = {"verb": "letter", "content": base64.b64encode(content).decode()}
    try:
        return said(**ask(layout, request, within_s=ANSWERED_WITHIN_S))
    except NotAllowed as error:
        return said(refused=str(error), nonce=nonce_in(content))
    except (DaemonAbsent, ValueError):
        return said(unknown=True, nonce=nonce_in(content))


def said(**answer: object) -> bytes:
    return json.dumps({"schema": 1, **answer}).encode()
