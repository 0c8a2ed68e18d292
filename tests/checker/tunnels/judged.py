"""Observations and rows for the tests of the judge."""

from __future__ import annotations

from checker.model import (
    Answer,
    Flaps,
    Policy,
    ProbeReply,
    ProcessId,
    Status,
    Tunnel,
)
from checker.tunnels.judge import (
    Judgement,
    judge,
)
from checker.tunnels.observation import Observation
from checker.tunnels.port_owner import Owner
from tests.strategies import (
    FORWARD,
    NOW,
    OFFICE,
    PORT,
    SESSION,
)

POLICY = Policy()


OTHER = ProcessId(pid=5555, start_ticks=1)


GOOD, BAD = (
    Answer(expected=True, text=b"SSH-2.0-dropbear\r\n"),
    Answer(expected=False, text=b"220 mail\r\n"),
)


HALF = Answer(expected=False, text=b"SSH", begun=True)


def seen(
    reply: ProbeReply,
    owner: Owner = Owner.OURS,
    session: ProcessId | None = SESSION,
    *,
    late_s: float = 0.0,
    life: str = "",
) -> Observation:
    return Observation(
        reply=reply,
        owner=owner,
        session=session,
        stranger="a process of uid 0" if owner is Owner.FOREIGN else "",
        latency_ms=12.5,
        late_s=late_s,
        life=life,
        expect=FORWARD.expect,
        deadline_s=5.0,
    )


def tunnel(
    status: Status = Status.UP, *, strikes: int = 0, session: ProcessId | None = SESSION
) -> Tunnel:
    return Tunnel(
        node=OFFICE,
        port=PORT,
        status=status,
        session=session,
        since=NOW - 100,
        probed_at=NOW - 20,
        strikes=strikes,
        peer="192.0.2.1 5",
    )


def judged(
    observation: Observation,
    before: Tunnel | None = None,
    history: Flaps | None = None,
    now: float = NOW,
) -> Judgement:
    return judge(observation, before or tunnel(), history or Flaps(), POLICY, now)
