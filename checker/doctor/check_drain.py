"""Say that the gateway drains, which its admin may have forgotten. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding
from checker.output import clock


def check_drain(facts: Facts) -> Iterator[Finding]:
    drain, trouble = facts.drain, facts.drain_trouble
    end = f"{remedies.ours(facts, 'undrain')}    # once nodes may use it again"
    if trouble:
        yield Finding(name="drain", ok=False, sentence=trouble, mend=end)
    elif drain is not None:
        sentence = (
            f"this gateway drains since {clock(drain.at)} ({drain.by}): it tells its nodes to use"
            " another gateway"
        )
        yield Finding(name="drain", ok=None, sentence=sentence, mend=end)
