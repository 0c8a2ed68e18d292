"""Say once what `open` cannot see, and which response a known port usually gives."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from checker.linux.sockets import read_listeners
from checker.model import (
    OPEN,
    Answer,
    Expect,
    Forward,
    ForwardRequest,
    NodeName,
    Port,
    parse_expect,
)
from checker.tunnels.port_owner import loopback_of

USUAL: Mapping[int, str] = {
    21: "banner:220",
    22: "banner:SSH-2.0",
    25: "banner:220",
    80: "http",
    110: "banner:+OK",
    143: "banner:* OK",
    443: "tls",
    465: "tls",
    587: "banner:220",
    993: "tls",
    995: "tls",
    5900: "banner:RFB",
    8080: "http",
    8443: "tls",
}
"""What usually answers on a port of a target."""
LOOK_S = 5.0
"""How long one look at a target may take."""


def usual_expect(forward: Forward) -> Expect | None:
    """What the forward's target usually answers; None if its port says nothing about it."""
    text = USUAL.get(forward.target.port)
    return None if text is None else parse_expect(text)


def open_note(
    name: NodeName,
    forwards: Sequence[Forward],
    requests: Sequence[ForwardRequest],
    *,
    is_only: bool,
) -> str:
    """Say what is not seen of the forwards for which no response was named, and how to name one;
    empty if there is none. `requests`: what was asked for, one for each forward; `is_only`: the
    node has no other forward.
    """
    blind = [
        forward
        for forward, request in zip(forwards, requests, strict=True)
        if forward.expect == OPEN and not request.says_expect
    ]
    if not blind:
        return ""
    ports = ", ".join(str(forward.port) for forward in blind)
    advice = "; ".join(advice_about(name, forward, is_only=is_only) for forward in blind)
    return (
        f"{name}: no response is expected on port {ports} (`open`), so a tunnel that hangs is not"
        f" noticed; {advice}"
    )


def advice_about(name: NodeName, forward: Forward, *, is_only: bool) -> str:
    """Say which response the forward's target probably gives, and how to expect it."""
    usual = usual_expect(forward)
    command = advice_for(name, forward, usual, is_only=is_only)
    if usual is None:
        return f"if {forward.target} answers with something, {command}"
    return f"port {forward.target.port} usually answers with {usual}: {command}"


def advice_for(name: NodeName, forward: Forward, expect: Expect | None, *, is_only: bool) -> str:
    """The command that has a forward expect this; None: what the admin knows of its target."""
    which = [] if is_only else ["--forward", str(forward.port)]
    command = shlex.join(["reversi-checker", "node", "set", name, *which, "--expect"])
    return f"run: {command} {'...' if expect is None else shlex.quote(str(expect))}"


async def seen_through(forward: Forward, port: Port) -> Expect | None:
    """Look once through the forward's tunnel whether its target gives the usual response of its
    port; None if it does not, or no response is usual.
    """
    from checker.tunnels.probe import probe  # imports asyncio, which is slow to load

    usual = usual_expect(forward)
    if usual is None:
        return None
    address = loopback_of(read_listeners().get(port, ()))
    seen = await probe(port, usual, LOOK_S, proxy=forward.speaks_proxy, address=address)
    return usual if isinstance(seen.reply, Answer) and seen.reply.expected else None
