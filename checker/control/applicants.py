"""Which of the devices that wait an operator means, and how a question names them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checker.control.many_nodes import Failure
from checker.model import Applicant, Node, NodeName, printable
from checker.nearest import did_you_mean
from checker.registry.free_name import name_of_word

SEE = "see: reversi-checker node pending"
NAMESAKES = 3
"""Most names of devices that call themselves alike, in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The applicants that words or a filter name, each once, and why other words name none."""

    applicants: tuple[Applicant, ...]
    failures: tuple[Failure, ...] = ()
    unproven: frozenset[str] = frozenset()
    """Fingerprints of those that were named without it."""

    @property
    def proven(self) -> Named:
        """Only those that were named with their fingerprint; the others become failures."""
        why = "without a terminal, add its fingerprint: write NAME@FINGERPRINT"
        return Named(
            applicants=tuple(one for one in self.applicants if not self.is_unproven(one)),
            failures=(
                *self.failures,
                *(
                    Failure(name=one.name, why=f"{why}; {SEE}")
                    for one in self.applicants
                    if self.is_unproven(one)
                ),
            ),
        )

    def is_unproven(self, one: Applicant) -> bool:
        return one.fingerprint in self.unproven


def named_by(words: Sequence[str], known: Sequence[Applicant]) -> Named:
    """Whom each NAME or NAME@FINGERPRINT names. A rejected device is named only with its
    fingerprint.
    """
    found: dict[str, Applicant] = {}
    proven: set[str] = set()
    failures = []
    for word in words:
        name, at, key = word.partition("@")
        one = with_key(name, key, known) if at else with_name(name, known)
        if isinstance(one, str):
            failures.append(Failure(name=NodeName(printable(name, 80)), why=one))
            continue
        found[one.fingerprint] = one
        if at:
            proven.add(one.fingerprint)
    return Named(
        applicants=tuple(found.values()),
        failures=tuple(failures),
        unproven=frozenset(found).difference(proven),
    )


def with_name(name: str, known: Sequence[Applicant]) -> Applicant | str:
    """The applicant of that name, or the only one that calls itself so; else why there is none, as
    a clause.
    """
    waiting = [one for one in known if not one.is_rejected]
    same = [one for one in waiting if one.name == name]
    same = same or [one for one in waiting if one.said == name]
    if len(same) == 1:
        return same[0]
    if same:
        names = ", ".join(one.name for one in same[:NAMESAKES])
        return f"{len(same)} devices call themselves that; name one of them: {names}"
    if any(name in (one.name, one.said) for one in known):
        return f"it was rejected; to accept it all the same, add its fingerprint; {SEE} --rejected"
    return unknown(name, waiting)


def with_key(name: str, key: str, known: Sequence[Applicant]) -> Applicant | str:
    """The applicant of that name and fingerprint; else why there is none, as a clause."""
    wanted = key if key.startswith("SHA256:") else f"SHA256:{key}"
    same = [one for one in known if name in (one.name, one.said)]
    found = next((one for one in same if one.fingerprint == wanted), None)
    if found is not None:
        return found
    other = next((one for one in known if one.fingerprint == wanted), None)
    if other is not None:
        return f"the device with this fingerprint has another name, {other.name}; {SEE}"
    if not same:
        return unknown(name, known)
    return f"it has another fingerprint; compare it with the one that the device shows, and {SEE}"


def unknown(name: str, known: Sequence[Applicant]) -> str:
    hint = did_you_mean(name, (one.name for one in known)) or ";"
    return f"no device of this name waits{hint} {SEE}"


def question_lines(
    chosen: Sequence[Applicant], known: Sequence[Applicant], verb: str = "accept"
) -> list[str]:
    """A line for each applicant that somebody is asked to accept; `known` are all of them."""
    width = max((len(one.name) for one in chosen), default=0)
    return [
        f"{verb} {one.name.ljust(width)}  {one.fingerprint}  from"
        f" {one.peer or 'an unknown address'}{alias(one, known)}"
        for one in chosen
    ]


def alias(one: Applicant, known: Sequence[Applicant]) -> str:
    """What the device calls itself, if that is not its name, and who else does, as a clause. Words
    count as the same if they give the same name.
    """
    said = f", calls itself {printable(one.said)}"
    word = name_of_word(one.said)
    others = [
        each.name
        for each in known
        if name_of_word(each.said) == word
        and each.fingerprint != one.fingerprint
        and not each.is_rejected
    ]
    if not others:
        return "" if one.said == one.name else said
    more = f" and {len(others) - NAMESAKES} more" if len(others) > NAMESAKES else ""
    do = "does" if len(others) == 1 else "do"
    return f"{said}, as {', '.join(others[:NAMESAKES])}{more} {do}"


def accepted_line(node: Node) -> str:
    """What was registered."""
    ports = "; ".join(f"port {forward.port} -> {forward.target}" for forward in node.forwards)
    return f"{node.name}: {ports}"
