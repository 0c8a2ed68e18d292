"""Say what happened in a run, and what each check had to judge. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tests.fleet.history.checks import (
    CHECKS,
    last_looks,
    last_mirrors,
    logins_with_a_barred_key,
)
from tests.fleet.history.records import (
    Act,
    ActEvent,
    Edit,
    Fault,
    Forgery,
    History,
    Login,
    Look,
    Mirrored,
    Sessions,
)


def counts(history: History) -> str:
    """Say what happened, in one line."""
    edits = Counter(one.result.value for one in history.of(Edit))
    acts = Counter(one.result.value for one in history.of(Act))
    faults = Counter(one.kind for one in history.of(Fault))
    return (
        f"edits {sum(edits.values())} {dict(edits)}, acts {sum(acts.values())} {dict(acts)},"
        f" faults {sum(faults.values())} {dict(faults)}, forgeries {len(history.of(Forgery))},"
        f" looks {len(history.of(Look))}, logins {len(history.of(Login))}, checks {len(CHECKS)}"
    )


def judged(history: History) -> Mapping[str, Mapping[str, int]]:
    """Return for each check how many things of which kind it judged."""
    looks = len(history.of(Look))
    sessions = history.of(Sessions)
    gateways = len(last_looks(history))
    return {
        "acknowledged edits survive": {"edits": len(history.of(Edit)), "gateways": gateways},
        "no key or port has two owners": {"looks at a gateway": looks},
        "disabled keys open nothing": {
            "logins with a barred key": len(list(logins_with_a_barred_key(history)))
        },
        "revisions never fall": {"looks at a gateway": looks},
        "registries are identical": {"gateways": gateways},
        "acts happen once": {
            "letters": len(history.of(Act)),
            "events": len(history.of(ActEvent)),
        },
        "sessions stay": {
            "tunnels": len(sessions[0].pids) if sessions else 0,
            "looks at them": len(sessions),
        },
        "nothing forged is believed": {
            "mirrors read": sum(one.is_read for one in history.of(Mirrored))
        },
        "mirrors are true": {"mirrors": sum(one.is_read for one in last_mirrors(history))},
    }


def checked(history: History) -> list[str]:
    """Return a line for each check: what it judged, or that there was nothing of some kind."""
    return [
        f"{'checked' if all(numbers.values()) else 'not checked'}: {name}: "
        + ", ".join(f"{number} {kind}" for kind, number in numbers.items())
        for name, numbers in judged(history).items()
    ]
