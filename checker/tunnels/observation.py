"""What one probe of a forward saw, and the status that follows from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from checker.model import (
    Answer,
    Closed,
    Expect,
    Flow,
    NoListener,
    ProbeFailed,
    ProbeReply,
    ProcessId,
    Silent,
    Status,
    StayedOpen,
)
from checker.tunnels.flow import SENDS, Silence
from checker.tunnels.port_owner import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One probe of one forward, and what was known at its end."""

    reply: ProbeReply
    owner: Owner
    session: ProcessId | None = None
    """The sshd session that holds the listener; None if it was not found."""
    stranger: str = ""
    """If no session of the tunnel user holds the port: who does, as a clause."""
    latency_ms: float | None = None
    late_s: float = 0.0
    """How late our own loop was, at worst, during the probe."""
    life: str = ""
    """Sign of life since the first strike, as a clause; empty for none."""
    behind: str = ""
    """What the probe still waits behind, as a clause: bytes that move on the connection; empty for
    nothing.
    """
    probe_s: float = 0.0
    """How long this probe took."""
    silent_s: float = 0.0
    """How long nothing came, since the first strike's probe began."""
    came_late: bool = False
    """Whether the sign of life may be a late answer to an earlier probe."""
    began_anew: bool = False
    """Whether the device sent something since the first strike, but nothing during this probe,
    which becomes the first strike.
    """
    quiet: bool = False
    """Whether the device sent something during this probe, and then nothing for a whole
    deadline.
    """
    silence_s: float = 0.0
    """Length of a silence that proves the tunnel dead."""
    hurried: bool = False
    """Whether that is shorter than usual, as the connection's beat is overdue."""
    pause_s: float | None = None
    """Seconds to the next probe if this one is a strike; None: as set."""
    flow: Flow | None = None
    """What the kernel had counted on the connection by then; None if it does not tell."""
    reached: bool = False
    """Whether the device's kernel acknowledged something soon after this probe began: then its link
    lost nothing just before.
    """
    beaten_at: float | None = None
    """When this connection's last beat came, Unix seconds."""
    shared: bool = False
    """Whether a connection of the shared key may hold the port: then another response than expected
    may be an impostor's.
    """
    other_key: str = ""
    """How the host key that the target showed last differs from the pinned one, as a clause; empty
    if it does not, or none is compared.
    """
    expect: Expect
    deadline_s: float


def with_silence(seen: Observation, silence: Silence, deadline_s: float) -> Observation:
    """Add to an observation without an answer what the kernel knows of the connection's silence."""
    if seen.life or not silence.broken:
        return seen
    if silence.began_anew(deadline_s):
        # what came before may be all that was asked for
        return replace(seen, silent_s=silence.probe_s, began_anew=True)
    return replace(
        seen,
        life=SENDS,
        quiet=silence.lasts(deadline_s),
        came_late=silence.is_slow(seen.deadline_s),
    )


def status_of(seen: Observation) -> Status:
    """Return the forward's status by this observation."""
    if seen.owner is Owner.FOREIGN:
        return Status.FOREIGN  # somebody else's listener: never ours to kill
    match seen.reply:
        case NoListener():
            return Status.DOWN
        case Closed():
            return Status.DOWN if seen.owner is Owner.NOBODY else Status.REFUSED
        case Silent():
            return Status.DOWN if seen.owner is Owner.NOBODY else Status.HUNG
        case Answer(expected=True):
            return Status.WRONG if seen.other_key else Status.UP
        case Answer(begun=begun):
            return Status.HUNG if begun else Status.WRONG
        case StayedOpen():
            return Status.UP
        case ProbeFailed():
            return Status.UNKNOWN
    assert_never(seen.reply)


def is_strike(seen: Observation) -> bool:
    """Whether this observation counts towards a kill."""
    status = status_of(seen)
    if isinstance(seen.reply, Answer):  # it came through the tunnel, which lives
        return status in (Status.HUNG, Status.WRONG) and seen.shared and not seen.other_key
    return status is Status.HUNG and not seen.life
