"""An installed gateway in a fleet: its confined daemon verifies a letter, and carries it out."""

from __future__ import annotations

import json

from tests.system.booted import Booted
from tests.system.machine import PYTHON

SEND = """
import sys, time
from pathlib import Path
from checker.config.layout import SYSTEM
from checker.fleet.letter_box import hand_over
from checker.model import Aim, ProcessId, Verb
from checker.model.letter import Letter, letter_text
from checker.signatures import ACT, SigningKey, sign
key, port, namespace = sys.argv[1:]
aim = Aim(node="office", port=int(port), session=ProcessId(pid=4242, start_ticks=7))
letter = Letter(
    gateway="gw1", verb=Verb.KILL, aims=(aim,), at=int(time.time()), nonce="0" * 32, by="anna"
)
text = letter_text(letter)
signature, = sign([text], SigningKey(signer="anna", file=Path(key)), namespace)
print(hand_over(SYSTEM, text + signature).decode())
"""


def the_daemon_takes_a_letter(gateway: Booted, key: str) -> None:
    """Nobody holds the port: the daemon has to find that out, and so has verified the letter."""
    (port,) = {
        forward["port"]
        for node in json.loads(gateway.ok("node", "list", "--json"))["nodes"]
        for forward in node["forwards"]
        if node["name"] == "office"
    }

    forged = json.loads(gateway.must(PYTHON, "-I", "-c", SEND, key, str(port), "reversi-registry"))
    taken = json.loads(gateway.must(PYTHON, "-I", "-c", SEND, key, str(port), "reversi-act"))

    assert forged["refused"] == "no signature of anna counts for acts here"
    assert [one["sentence"] for one in taken["outcomes"]] == [f"nobody listens on port {port}"]
    (event,) = json.loads(gateway.ok("log", "--kind", "act", "--json"))["events"]
    assert event["actor"].startswith("anna (SHA256:")
    assert event["text"] == f"kill: nobody listens on port {port}"
