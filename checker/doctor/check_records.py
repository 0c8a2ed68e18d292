"""Judge the registry, old keys and ports, and the state file. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of

SHOWN = 8
"""Most names of nodes in a sentence."""


def check_records(facts: Facts) -> Iterator[Finding]:
    yield from check_overdue(facts)
    yield from check_unpinned(facts)
    yield check_state_file(facts)
    yield check_registry(facts)


def check_overdue(facts: Facts) -> Iterator[Finding]:
    """A node has two keys or two ports only while its device changes over."""
    overdue = facts.registry.overdue
    if overdue:
        end = remedies.ours(facts, overdue[0][1])
        yield Finding(
            name="old keys and ports",
            ok=False,
            sentence=first_of([sentence for sentence, _ in overdue], 3, "; "),
            mend=f"{end}    # once its device uses the new one; ends the old one's tunnel",
        )


def check_unpinned(facts: Facts) -> Iterator[Finding]:
    """A host key can be compared only with a pinned one."""
    unpinned = [*facts.registry.unpinned]
    if unpinned:
        words = " ".join(unpinned[:SHOWN])
        yield Finding(
            name="host keys of nodes",
            ok=False,
            sentence="no key is pinned, so none is compared, though hostkey is expected of"
            f" {first_of(unpinned, SHOWN, ', ')}",
            mend=f"{remedies.ours(facts, f'node pin {words}')}    # while their tunnels are up",
        )


def check_state_file(facts: Facts) -> Finding:
    state, path = facts.state, facts.layout.state
    if state.trouble is None:
        return Finding(name="state file", ok=True, sentence=f"the daemon has not made {path} yet")
    aside = f"{remedies.start(facts)}    # the daemon then moves the file aside"
    return finding(
        "state file",
        f"{path} is intact",
        (
            bool(state.trouble),
            state.trouble,
            remedies.set_aside(facts) if state.is_newer else aside,
        ),
        (
            state.has_strays,
            f"a file in {path.parent} does not belong to the daemon, which cannot write it",
            remedies.INIT,
        ),
    )


def check_registry(facts: Facts) -> Finding:
    problems = facts.registry.problems
    return finding(
        "registry",
        f"the files of all nodes ({facts.registry.nodes}) are valid",
        (
            bool(problems),
            "; ".join(problems),
            "fix these files; until then their nodes keep their present rights",
        ),
    )
