"""Wordings that make a native reader stumble, and what to write instead.

A pattern is here because it came back often. When you hit one, rewrite the sentence: do not bend it
around the pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stumble:
    """A pattern that none of our texts may contain."""

    pattern: str
    write: str
    """What to write instead."""
    bad: str
    """A text that the pattern rejects."""


STUMBLES = (
    Stumble(r"\bcan not\b", "cannot", "This can not be seen."),
    Stumble(
        r"(?<!here )\b(?:is|are|was|were) (?-i:none)\b",
        "is not; none of ...",
        "A late answer is none.",
    ),
    Stumble(r"\bone of (?-i:no|none)\b", "in no; not in the ...", "* is one of no registry"),
    Stumble(
        r"\b(?:tell(?:s|ing)?|told) of\b", "report, say, mention, log", "The log tells of a kill."
    ),
    Stumble(
        r"\btells (?:that|how|since|when|where|what|which|who|whose|why|whether)\b",
        "says, shows (tell needs a person)",
        "The row tells when it was probed.",
    ),
    Stumble(
        r"\bcould not be told\b(?! from)",
        "could not be written; unknown",
        "the log could not be told",
    ),
    Stumble(
        r"\bwhat (?:is|was) (?:told|had)\b", "what it said, what it has", "What was told lately."
    ),
    Stumble(r"\b(?:is|are|was) said of\b", "applies to, belongs to", "It is said of the forward."),
    Stumble(
        r"\bthat (?:is|was) so(?: already)?(?=[.,;:)]|$)",
        "this is true; nothing to change",
        "that is so already",
    ),
    Stumble(
        r"\bwhere (?:there|it) (?:is|are|was|were|has|had) (?-i:one|none|any|no)\b",
        "if there is one",
        "the daemon's log, where there is one",
    ),
    Stumble(
        r"\bwhere (?:that|this|it|one) is (?:there|so|known|given|asked)\b",
        "if it exists, if ...",
        "NAME-2.key where that is there",
    ),
    Stumble(r"\bthat there (?:is|are) not\b", "that does not exist", "an action that there is not"),
    Stumble(
        r"\b(?:which|that) (?:it|he|she|they|we) ha(?:s|ve) not(?=[.,;:)]|$)",
        "does not have",
        "LogVerbose, which it has not.",
    ),
    Stumble(
        r"\bof which one\b|\bof (?:it|one|them) is had\b",
        "one of which; name it",
        "of which one is left",
    ),
    Stumble(
        r"\bthat which\b", "what, the one that; start with the verb", "That which ends a tunnel."
    ),
    Stumble(
        r"(?:^|[.;:] )Of (?:more|fewer|less) than\b", "For more than ...", "Of more than five, all."
    ),
    Stumble(
        r"(?<!and )\bno more(?=[.,;:)]|$)",
        "no longer",
        "rights that are none any more, or no more.",
    ),
    Stumble(r"\bin spite of\b", "despite, even with", "in spite of PermitUserRC"),
    Stumble(r"\banew\b", "again", "It is started anew."),
    Stumble(r"\b(?:is|are|was|were) to be\b", "must be, should be", "the count is to be typed"),
    Stumble(
        r"(?<!here )\b(?:is|are|was|were) no "
        r"(?!longer|more|other|one|such|way|need|reason|point|use\b|different|worse|better)\w",
        "is not a ...",
        "A beat is no request.",
    ),
    Stumble(
        r"\b(?:for|by|to|of|in|with|on|from|knows?|reads?) (?:the )?[\w.]+ alone\b",
        "only",
        "sshd binds it for root alone",
    ),
    Stumble(
        r"\bstands? (?:in|above|below|beside|there|here)\b(?! for| the way)",
        "is in, is shown in",
        "The reason stands above.",
    ),
    Stumble(
        r"\b(?:is|are|was) (?:the )?\w+'s to \w+",
        "decides; may",
        "the kinds are the machine's to say",
    ),
    Stumble(
        r"\b(?:for|within|after|every|once) so (?:long|many|much)\b",
        "that long, that many; name the number",
        "It waits for so long.",
    ),
    Stumble(
        r"\bhowever (?:that|it) (?:is|was|ends|ended)\b", "whatever happens", "however that is"
    ),
    Stumble(r"\bthe same, where\b", "the same, but if", "The same, where it says another thing."),
    Stumble(
        r"\bnot without (?:its|their|an?) end\b", "terminate it and wait", "Not without its end."
    ),
    Stumble(r"\bhangs? of (?:the|an?|its)\b", "a hung ...", "a hang of the target"),
    Stumble(r"\bsave (?:for|where)\b|\bbut for\b", "except", "all but for one"),
    Stumble(
        r"\b(?:there|where)(?:of|in|by|upon)\b|\bhitherto\b|\bwhence\b",
        "of it, in it, by it",
        "the port thereof",
    ),
    Stumble(r"\bexit codes?\b", "exit status", "exit code 1: not up"),
    Stumble(
        r"\b(?:None|empty|zero|0|nothing|False|True) where\b",
        "None if",
        "The row; None where no node is.",
    ),
    Stumble(
        r"\bof (?:sshd|tmux|systemd|dropbear|OpenSSH|HAProxy|Textual|the (?:daemon|node|console"
        r"|gateway|checker|client|device|script|kernel|bundle))'s"
        r"(?=[.,;:)]|$| (?:and|or|that|which|is|are|was|in|on|for|to|by|with|from)\b)",
        "sshd's ..., ... of sshd",
        "One line of sshd's; its words.",
    ),
    Stumble(
        r"\b(?:is|are|was|were|be) let go\b", "is freed, is dropped", "the port is let go at once"
    ),
    Stumble(
        r"\bto (?:its|their) end\b", "and wait for it; until it exits", "Run a command to its end."
    ),
    Stumble(r"\bshall\b", "must, should", "a flood shall not fill the log"),
    Stumble(r"\bclient port\b", "source port", "the client port"),
)
GOOD = (
    "If there is none, this is no longer true; no more than three are left.",
    "There is no such port. It cannot be told from the answer.",
    "reversi leaves it alone, and judge alone decides. The console shows when it was probed.",
    "It tells the node how long to wait, and stands in for sshd.",
)


def stumbles(text: str) -> list[str]:
    """The faults of a text, one sentence for each place."""
    flat = " ".join(text.split())
    return [
        f"{flat[max(0, found.start() - 30) : found.end() + 30]!r}: not {found[0]!r} but {one.write}"
        for one in STUMBLES
        for found in re.finditer(one.pattern, flat, re.IGNORECASE)
    ]
