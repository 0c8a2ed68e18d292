"""What an operator asks for, its outcome, and the JSON of both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from checker.model.node import NodeName, Port
from checker.model.tunnel import ProcessId


class Verb(StrEnum):
    """What an operator can do to a forward."""

    KILL = "kill"
    RESET = "reset"
    PROBE = "probe"


class GatewayVerb(StrEnum):
    """What an operator can ask of a whole gateway."""

    DRAIN = "drain"
    UNDRAIN = "undrain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A forward that an operator acts on."""

    node: NodeName
    port: Port
    session: ProcessId | None = None
    """The process that the operator saw; if another one holds the port now, it is left alone. None:
    whichever holds the port.
    """


ITSELF = Aim(node=NodeName(""), port=Port(0))
"""The gateway itself, at which a `GatewayVerb` aims; outcomes name it in the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of an action on one forward, or on the gateway itself."""

    node: NodeName
    port: Port
    done: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that an operator should read besides the answer."""

    text: str
    is_warning: bool = False


def aim_json(aim: Aim) -> dict[str, Any]:
    session = aim.session
    return {
        "node": aim.node,
        "port": aim.port,
        "pid": session.pid if session else None,
        "start_ticks": session.start_ticks if session else None,
    }


def aim_from(table: Any) -> Aim:
    """Read what `aim_json` wrote. Raises ValueError, KeyError, TypeError for anything else."""
    session = (
        None
        if table["pid"] is None
        else ProcessId(pid=int(table["pid"]), start_ticks=int(table["start_ticks"]))
    )
    return Aim(node=NodeName(str(table["node"])), port=Port(int(table["port"])), session=session)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "node": outcome.node,
        "port": outcome.port,
        "done": outcome.done,
        "sentence": outcome.sentence,
    }


def outcome_from(table: Any) -> Outcome:
    return Outcome(
        node=NodeName(table["node"]),
        port=Port(table["port"]),
        done=table["done"],
        sentence=table["sentence"],
    )
