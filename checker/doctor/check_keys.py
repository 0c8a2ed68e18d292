"""Judge the files by fingerprint, and how sshd reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts, FingerprintFacts
from checker.doctor.finding import Finding, finding, first_of
from checker.install.key_ways import AS_ASKED
from checker.registry.key_files import Stand

NAME = "keys"
MOST_NAMED = 3
AGAIN = "sudo reversi-checker init --keys fingerprint"


def check_keys(facts: Facts) -> Iterator[Finding]:
    """Say nothing if all keys are in one file, unless somebody or sshd decided that."""
    found = facts.keys.by_fingerprint
    if found is None:
        return
    if found.stand is Stand.FILE:
        yield in_one_file(found)
        return
    said = in_many(facts, found)
    is_shown = any(trial.is_own and trial.works for trial in facts.trials)
    yield unshown(facts, found) if said.ok and found.confined and not is_shown else said


def in_one_file(found: FingerprintFacts) -> Finding:
    is_asked = found.why_file.startswith(AS_ASKED)
    return Finding(
        name=NAME,
        ok=True if is_asked else None,
        sentence=f"sshd reads all keys in one file: {found.why_file}",
        mend="" if is_asked else f"{AGAIN}    # to try again",
    )


def unshown(facts: Facts, found: FingerprintFacts) -> Finding:
    """All is well as far as we can see, but sshd may not do what we do."""
    return Finding(
        name=NAME,
        ok=None,
        sentence=(
            f"sshd must read a file for each key in {facts.layout.keys}, but {found.confined}"
            " limits it, and only a login shows whether it may"
        ),
        mend=remedies.ours(facts, "doctor --login"),
    )


def in_many(facts: Facts, found: FingerprintFacts) -> Finding:
    place, update = facts.layout.keys, remedies.update_keys(facts)
    wrong = [f"{place / file} {why}" for file, why in found.faults]
    return finding(
        NAME,
        f"sshd reads a file for each key in {place}, which follow the registry",
        (bool(found.unread), f"sshd does not read {place}: {found.unread}", update),
        (
            found.loose is not None,
            f"others can write {found.loose}, and so let themselves in",
            remedies.close_to_others(facts, found.loose) if found.loose else "",
        ),
        (bool(wrong), first_of(wrong, MOST_NAMED, "; "), update),
        (
            bool(found.command_fails),
            f"the command that reads a key in {place} fails: {found.command_fails}",
            update,
        ),
        (
            bool(found.in_both),
            (
                f"keys are in {facts.layout.authorized_keys} and in {place}:"
                f" {first_of([*found.in_both], MOST_NAMED, ', ')}; a program that knows only the"
                " first would withdraw them only there"
            ),
            update,
        ),
        (
            found.stand is not Stand.FINGERPRINT,
            f"the keys are on their way {found.stand}, and in both places until that is done",
            update,
        ),
    )
