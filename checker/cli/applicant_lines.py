"""What `node pending`, `node accept` and `node reject` print. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from checker.control.many_nodes import Failure
from checker.model import Applicant, fingerprint, printable
from checker.output import age, clock

HEADINGS = (
    "NAME",
    "CALLS ITSELF",
    "FINGERPRINT",
    "ADDRESS",
    "ENROLMENT",
    "HOST KEYS",
    "SINCE",
    "HEARD",
)


def pending_rows(found: Sequence[Applicant], now: float) -> list[tuple[str, ...]]:
    """Headings, and a line for each applicant."""
    return [
        HEADINGS,
        *(
            (
                one.name,
                printable(one.said),
                one.fingerprint,
                one.peer or "-",
                one.enrolment,
                ", ".join(map(short_type, one.host_keys)) or "-",
                clock(one.first_at),
                f"{age(one.last_at, now)} ago",
            )
            for one in found
        ),
    ]


def short_type(key: str) -> str:
    """The type of a key `TYPE BASE64`, as ssh-keygen's -t has it."""
    kind = key.partition(" ")[0]
    return kind.removeprefix("ssh-").partition("-sha2-")[0]


def devices(count: int) -> str:
    return f"{count} device{'' if count == 1 else 's'}"


def waiting_sentence(count: int) -> str:
    """That devices wait, and how to see them."""
    return f"{devices(count)} wait{'s' if count == 1 else ''} to be accepted"


def applicant_json(one: Applicant) -> dict[str, Any]:
    """The documented shape; times are Unix seconds."""
    return {
        "name": one.name,
        "calls_itself": one.said,
        "fingerprint": one.fingerprint,
        "public_key": one.public_key,
        "address": one.peer or None,
        "enrolment": one.enrolment,
        "host_keys": [{"key": key, "fingerprint": fingerprint(key)} for key in one.host_keys],
        "first_at": one.first_at,
        "last_at": one.last_at,
        "rejected": one.is_rejected,
    }


def failures_json(failures: Iterable[Failure]) -> list[dict[str, str]]:
    return [{"name": failure.name, "why": failure.why} for failure in failures]
