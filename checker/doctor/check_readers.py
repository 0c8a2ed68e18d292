"""Judge what other accounts of the machine can read, and reach. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding, first_of
from checker.model import InvalidValue, parse_ranges

RULE = re.compile(
    r"oif(?:name)? \"lo\" .*tcp dport (?:\{ ([\d, -]+) \}|([\d-]+)) .*skuid !=.*\b(?:reject|drop)\b"
)
"""A line of `nft list ruleset` like the one in docs/security.md."""


def check_readers(facts: Facts) -> Iterator[Finding]:
    if facts.home is None:
        yield check_group(facts)
        yield check_neighbors(facts)


def check_group(facts: Facts) -> Finding:
    readers = facts.readers
    if readers is None:
        return Finding(
            name="readers",
            ok=True,
            sentence=(
                "every account of this machine may read names, ports and addresses; readers_group"
                " in reversi.toml closes them"
            ),
        )
    group, blind = readers.group, list(readers.blind)
    return finding(
        "readers",
        f"only root and the members of {group} may look",
        (readers.is_missing, f"there is no group {group}", remedies.INIT),
        (
            bool(readers.outside),
            (
                f"{' and '.join(readers.outside)} cannot read the registry: without a daemon, nodes"
                " get no answer"
            ),
            remedies.INIT,
        ),
        (
            bool(readers.loose),
            f"everyone can read {first_of([str(path) for path in readers.loose], 3, ', ')}",
            remedies.INIT,
        ),
        (
            bool(blind),
            f"{first_of(blind, 3, ', ')} may kill, but not look: no member of {group}",
            f"sudo usermod -aG {group} {blind[0] if blind else ''}",
        ),
    )


def check_neighbors(facts: Facts) -> Finding:
    """A forward listens on the loopback address, where every local program may connect."""
    if facts.is_guarded:
        return Finding(
            name="other accounts",
            ok=True,
            sentence="a rule of nftables keeps other accounts from the nodes' ports",
        )
    sentence = (
        "every account of this machine can connect to the nodes' ports on the loopback address"
    )
    return Finding(
        name="other accounts",
        ok=None,
        sentence=sentence,
        mend='a rule of nftables: docs/security.md, "Other accounts on the gateway"',
    )


def guards(rules: str, ports: Collection[int]) -> bool:
    """Return whether `nft list ruleset` shows a rule for all of these ports of the loopback."""
    guarded: set[int] = set()
    for line in rules.splitlines():
        found = RULE.search(line)
        for text in (found[1] or found[2]).split(",") if found else ():
            with contextlib.suppress(InvalidValue):
                guarded.update(parse_ranges([text]))
    return guarded.issuperset(ports)
