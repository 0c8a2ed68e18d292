"""A gateway that drains: it sends its nodes to other gateways."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from checker.model.errors import CheckerError
from checker.model.node import NodeName


class DrainUnreadable(CheckerError):
    """The text is not as we write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """When the drain began, and who began it."""

    at: float
    """Unix seconds."""
    by: str
    boot: str
    """The machine's boot during which it began."""
    uptime_s: float
    """Of the machine when it began: connections that are younger came back, or came later."""


def drain_text(drain: Drain) -> str:
    """The text that parses back to this drain."""
    return json.dumps({"schema": 1, **asdict(drain)}) + "\n"


def drain_in(text: str) -> Drain:
    """Parse the text. Raises DrainUnreadable."""
    try:
        found = json.loads(text)
        return Drain(
            at=float(found["at"]),
            by=str(found["by"]),
            boot=str(found["boot"]),
            uptime_s=float(found["uptime_s"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DrainUnreadable(f"not as reversi-checker writes it: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaver:
    """A connection that a drain ends."""

    node: NodeName
    pid: int
    """Of its sshd process."""
    moves: bool
    """Whether its client goes to another gateway when it is told to."""
    beats: bool
    """Whether it asks for verdicts, so that it can be told to wait."""
    carried: int = 0
    """Connections that are open through its forwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainProgress:
    """How far a drain is."""

    drain: Drain | None
    """None: the gateway does not drain."""
    moved: int = 0
    """Connections whose clients were told to move, and left."""
    waiting: int = 0
    """Connections whose clients were told to wait, and left or were ended."""
    ended: int = 0
    """Connections that were ended without a word, as they ask for none."""
    failed: int = 0
    """Connections that could not be ended."""
    leavers: tuple[Leaver, ...] = ()
    """Connections that are still to be ended."""
    here: tuple[NodeName, ...] = ()
    """Nodes that are connected now."""
    done: bool = True
    """Whether all that the drain can end has ended, and is counted."""

    @property
    def stayed(self) -> tuple[NodeName, ...]:
        """Nodes that are connected, and that the drain does not end."""
        leaving = {leaver.node for leaver in self.leavers}
        return tuple(name for name in self.here if name not in leaving)


def progress_json(progress: DrainProgress) -> dict[str, Any]:
    """What `progress_from` reads."""
    return asdict(progress)


def progress_from(table: Any) -> DrainProgress:
    """Read what `progress_json` wrote. Raises KeyError, TypeError for anything else."""
    drain: Any = table["drain"]
    leavers: Collection[Any] = table["leavers"]
    return DrainProgress(
        drain=None if drain is None else Drain(**drain),
        moved=table["moved"],
        waiting=table["waiting"],
        ended=table["ended"],
        failed=table["failed"],
        leavers=tuple(Leaver(**leaver) for leaver in leavers),
        here=tuple(table["here"]),
        done=table["done"],
    )
