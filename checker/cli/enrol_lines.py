"""What the verbs of `enrol` print. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.cli.applicant_lines import devices
from checker.model import Enrolment, ForwardRequest, NodeName
from checker.output import clock

SHOWN = 8
"""Most names in a sentence."""
HEADINGS = ("ENROLMENT", "MADE", "ENDS", "LEFT", "PENDING", "ACCEPTED", "ITS NODES GET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An enrolment, and how many devices wait to be accepted."""

    enrolment: Enrolment
    pending: int


def gets(enrolment: Enrolment) -> str:
    """What each of its nodes gets, in one line."""
    parts = [
        f"a port for {', and one for '.join(map(forward_text, enrolment.forwards))}",
        f"the tags {', '.join(enrolment.tags)}" if len(enrolment.tags) > 1 else "",
        f"the tag {enrolment.tags[0]}" if len(enrolment.tags) == 1 else "",
        f"the note {enrolment.note!r}" if enrolment.note else "",
    ]
    return "; ".join(filter(None, parts))


def forward_text(request: ForwardRequest) -> str:
    public = " on all addresses" if request.public else ""
    return f"{request.target}{public}, expecting {request.expect}"


def uses_left(enrolment: Enrolment) -> int | None:
    """How many more devices may be accepted; None: any number."""
    return max(0, enrolment.uses - len(enrolment.accepted)) if enrolment.uses else None


def made_lines(enrolment: Enrolment) -> Iterator[str]:
    """What was made, a line each."""
    many = "any number of devices" if not enrolment.uses else devices(enrolment.uses)
    how = "accepted as they come, without you" if enrolment.is_auto else "each accepted by you"
    name = enrolment.id or "with a random id"
    yield f"enrolment {name}: until {clock(enrolment.expires)}, for {many}, {how}"
    yield f"each node gets: {gets(enrolment)}"


def build_command(home: Path | None, id_: str) -> str:
    """What makes the bundle."""
    sudo, where = ("sudo ", "") if home is None else ("", f" --home {shlex.quote(str(home))}")
    return f"{sudo}reversi-client build{where} --enrol {id_}"


def end_plan(
    id_: str, enrolment: Enrolment | None, waiting: Sequence[NodeName], late: Sequence[NodeName]
) -> Iterator[str]:
    """What becomes of an enrolment and its devices, a line each; None: its file is broken."""
    yield f"end enrolment {id_}: its key opens nothing any more"
    if waiting:
        yield f"forget {devices(len(waiting))} waiting to be accepted: {first_of(waiting)}"
    if late:
        many = devices(len(late))
        yield f"leave behind {many}, accepted but not heard from since: {first_of(late)}"
    if enrolment and enrolment.accepted:
        count = len(enrolment.accepted)
        yield f"keep the {'node' if count == 1 else f'{count} nodes'} that it made"


def ended_line(id_: str, waiting: Sequence[NodeName], late: Sequence[NodeName]) -> str:
    """What became of it, and of the devices that can no longer be answered."""
    forgotten = f"; {devices(len(waiting))} forgotten" if waiting else ""
    behind = f"; accepted but not heard from since: {first_of(late)}" if late else ""
    return f"{id_}: ended{forgotten}{behind}"


def first_of(names: Sequence[NodeName]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def list_rows(found: Sequence[Counted], now: float) -> list[tuple[str, ...]]:
    """Headings, and a line for each enrolment."""
    return [HEADINGS, *(row_of(one, now) for one in found)]


def row_of(one: Counted, now: float) -> tuple[str, ...]:
    enrolment = one.enrolment
    left = uses_left(enrolment)
    over = " (over)" if enrolment.why_closed(now) else ""
    auto = "; accepted as they come" if enrolment.is_auto else ""
    return (
        enrolment.id,
        clock(enrolment.made_at),
        f"{clock(enrolment.expires)}{over}",
        "any number" if left is None else f"{left} of {enrolment.uses}",
        str(one.pending),
        str(len(enrolment.accepted)),
        f"{gets(enrolment)}{auto}",
    )


def enrolment_json(enrolment: Enrolment) -> dict[str, Any]:
    """The documented shape; times are Unix seconds."""
    return {
        "id": enrolment.id,
        "made_at": enrolment.made_at,
        "expires": enrolment.expires,
        "uses": enrolment.uses or None,
        "uses_left": uses_left(enrolment),
        "per_address": enrolment.per_address,
        "auto": enrolment.is_auto,
        "accepted": list(enrolment.accepted),
        "public_key": enrolment.public_key,
        "tags": list(enrolment.tags),
        "note": enrolment.note or None,
        "forwards": [request_json(request) for request in enrolment.forwards],
    }


def counted_json(one: Counted) -> Mapping[str, Any]:
    return {**enrolment_json(one.enrolment), "pending": one.pending}


def request_json(request: ForwardRequest) -> dict[str, Any]:
    return {
        "target": str(request.target),
        "expect": str(request.expect),
        "public": request.public,
    }
