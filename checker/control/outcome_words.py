"""What came of an act, in words: the same on the command line and in the console. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checker.model import NodeName, Note

NOT_DONE = {
    "kill": "not killed",
    "reset": "not reset",
    "probe": "not probed",
    "disable": "not disabled",
    "enable": "not enabled",
    "add": "not added",
    "bundle": "no bundle",
    "set": "not changed",
    "rename": "not renamed",
    "rekey": "no new key",
    "expire": "expiry not changed",
    "publish": "not published",
    "remove": "not removed",
    "tags": "tags not changed",
    "note": "note not changed",
    "mute": "not muted",
    "unmute": "not unmuted",
}
"""What to say if an act was not done, by its verb; why follows."""
DONE = {
    "kill": "killed",
    "reset": "reset",
    "probe": "probed",
    "disable": "disabled",
    "enable": "enabled",
    "tags": "tagged",
    "note": "noted",
}
"""What was done to many, by the verb."""
NOT_KNOWN = "it is not known whether it was done; repeating it is safe"
"""How the sentence begins if another gateway did not answer."""
NOTHING_DONE = "nothing was done"
"""How it begins if another gateway was not reached, or refused."""


def told(verb: str, sentence: str, *, done: bool) -> str:
    """The outcome of an act: the sentence, and before it that nothing was done, unless it says so
    itself.
    """
    if done or sentence.startswith((NOT_KNOWN, NOTHING_DONE)):
        return sentence
    return f"{NOT_DONE[verb]}: {sentence}"


def joined(name: NodeName, clauses: Sequence[str], notes: Sequence[Note]) -> str:
    """What was done to a node and what came of it, in one sentence without the node's name."""
    own = re.compile(rf"{re.escape(name)}(?::\d+)?: ")
    return "; ".join([*clauses, *(own.sub("", note.text, count=1) for note in notes)])


def summed_up(verb: str, what: str, *, total: int, done: int, failed: int) -> str:
    """How many of so many targets it was done to; `what` they are, in the plural."""
    if done == total:
        return f"all {total:,} {what} {DONE[verb]}"
    parts = [f"{done:,} of {total:,} {what} {DONE[verb]}"]
    if failed:
        parts.append(f"{failed:,} failed")
    if total > done + failed:
        parts.append(f"{total - done - failed:,} not started")
    return ", ".join(parts)
