"""Send a letter to another gateway through the agent of this machine, which is on the bus."""

from __future__ import annotations

import base64
import json
import socket
from functools import partial

from checker.config.layout import Layout
from checker.control.bringing import MOST_ANSWER, NoAnswer, NobodyThere, Via
from checker.linux.unix_socket import connect
from checker.model import printable
from checker.model.gateway_id import GatewayId

WITHIN_S = 75.0
"""The agent gives up before."""
MOST_READ = 2 * MOST_ANSWER
CLAUSE_CHARACTERS = 300
NO_AGENT = (
    "cannot be reached: the agent of this machine does not run; see: systemctl status reversi-fleet"
)
NO_AGENT_AT_HOME = (
    "cannot be reached: no agent runs here; start it with: reversi-checker --home {} fleet serve"
)
LOST = "did not answer: the agent of this machine ended or hangs"


def post_of(layout: Layout) -> Via:
    """Return the way to other gateways."""
    return partial(bring, layout)


def bring(layout: Layout, gateway: GatewayId, content: bytes) -> bytes:
    """Have the agent bring a letter, and return the answer of that gateway; the agent verified that
    it is its own. Raises NobodyThere, NoAnswer.
    """
    request = {
        "schema": 1,
        "gateway": gateway,
        "letter": base64.b64encode(content).decode(),
    }
    return answer_in(exchange(layout, json.dumps(request).encode()))


def exchange(layout: Layout, message: bytes) -> bytes:
    """Raises NobodyThere if the agent did not take the message, NoAnswer if it may have."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        try:
            connect(peer, layout.post, WITHIN_S)
        except OSError as error:
            is_system = layout.home is None
            why = NO_AGENT if is_system else NO_AGENT_AT_HOME.format(layout.home)
            raise NobodyThere(why) from error
        try:
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) <= MOST_READ and (part := peer.recv(65536)):
                answer += part
        except OSError as error:
            raise NoAnswer(LOST) from error
    return answer


def answer_in(message: bytes) -> bytes:
    """Raises NobodyThere, NoAnswer."""
    try:
        table = json.loads(message)
        if "nobody" in table:
            raise NobodyThere(printable(str(table["nobody"]), CLAUSE_CHARACTERS))
        if "silent" in table:
            raise NoAnswer(printable(str(table["silent"]), CLAUSE_CHARACTERS))
        return base64.b64decode(table["answer"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoAnswer(LOST) from error
