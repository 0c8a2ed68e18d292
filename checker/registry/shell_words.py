"""Split a shell script into its commands, as far as finding a tunnel in it needs. Pure.

Assignments are followed from top to bottom. A variable that the file does not set stays as
written, and so does the output of a command.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

OUTPUT = "$(...)"
"""Stands for the output of a command."""
TOKEN = re.compile(
    r"""
    (?P<joined>\\\n)
  | (?P<space>[ \t]+)
  | (?P<end>\n|[;&|()]+)
  | (?P<redirect>\d*[<>]+[&|]?-?)
  | (?P<single>'[^']*')
  | (?P<double>"(?:[^"\\]|\\.)*")
  | (?P<escaped>\\.)
  | (?P<output>\$\([^()\n]*\)|`[^`\n]*`)
  | (?P<variable>\$(?:\w+|\{[^{}\n]*\}|[@*\#?!$-]))
  | (?P<plain>[^\s;&|()<>'"\\$`]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
EXPANSION = re.compile(r"\$\{(\w+)(?::?[-=]([^{}]*))?\}|\$(\w+)")
LONGEST = 1000
"""Characters of a variable's value; a longer one stays unknown, as values can double line by line.
"""
NOTHING: Mapping[str, str] = MappingProxyType({})
HOLDS_COMMAND = frozenset({"ExecStart", "command"})
"""What stands before a command in units, and in Supervisor's files: no variables of a script."""
DECLARES = frozenset({"export", "readonly", "local", "declare", "typeset", "-r", "-x"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command."""

    line: int
    words: tuple[str, ...]
    comment: str = ""
    """What follows it on its line, after `#`."""
    variables: Mapping[str, str]
    """What is set when it runs, as far as the file says."""


@dataclass(slots=True)
class Reader:
    """A script that is being read."""

    variables: dict[str, str] = field(default_factory=dict)
    line: int = 1
    started: int = 0
    """The line on which the present command begins; 0: none has begun."""
    words: list[str] = field(default_factory=list)
    word: str | None = None
    drops_next: bool = False
    """Whether the next word names the file of a redirection."""

    def commands(self, text: str) -> Iterator[Command]:
        """Yield the commands of a script that begins on line `line`."""
        at = 0
        while at < len(text):
            if text[at] == "#" and self.word is None:
                end = text.find("\n", at)
                end = len(text) if end < 0 else end
                yield from self.finished(text[at + 1 : end].strip())
                at = end
                continue
            token = TOKEN.match(text, at)
            assert token is not None  # `.` matches whatever is left
            at = token.end()
            if token.lastgroup == "end":
                ahead = re.compile(r"[ \t]*#([^\n]*)").match(text, at)
                is_last = token[0] != "\n" and ahead
                yield from self.finished(ahead[1].strip() if ahead and is_last else "")
            else:
                self.take(token.lastgroup or "", token[0])
            self.line += token[0].count("\n")
        yield from self.finished("")

    def take(self, kind: str, text: str) -> None:
        """Take a token that ends no command."""
        if kind in ("space", "joined"):
            self.end_word()
            return
        self.started = self.started or self.line
        match kind:
            case "redirect":
                self.end_word()
                self.drops_next = not text.endswith("-")
            case "single":
                self.add(text[1:-1])
            case "double":
                inner = re.sub(r"\$\([^()\n]*\)|`[^`\n]*`", lambda _: OUTPUT, text[1:-1])
                self.add(re.sub(r'\\([\\"\n])', r"\1", self.expanded(inner)))
            case "escaped":
                self.add(text[1:])
            case "output":
                self.add(OUTPUT)
            case "variable":
                first, *others = re.split(r"[ \t\n]+", self.expanded(text))
                self.add(first)
                for other in others:
                    self.end_word()
                    self.add(other)
            case _:
                self.add(text)

    def add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def end_word(self) -> None:
        if self.word is not None and not self.drops_next:
            self.words.append(self.word)
        if self.word is not None:
            self.drops_next = False
        self.word = None

    def expanded(self, text: str) -> str:
        """Put in the values of the variables that the file sets."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[3]
            return self.variables.get(name, found[0] if found[2] is None else found[2])

        return EXPANSION.sub(value, text)

    def finished(self, comment: str) -> Iterator[Command]:
        """Yield the command that ends here, if there is one, and note what it assigns."""
        self.end_word()
        words, line = self.words, self.started
        self.words, self.started, self.drops_next = [], 0, False
        assigned: dict[str, str] = {}
        while words:
            found = ASSIGNMENT.fullmatch(words[0])
            if words[0] not in DECLARES and (found is None or found[1] in HOLDS_COMMAND):
                break
            del words[0]
            if found and len(found[2]) <= LONGEST:
                assigned[found[1]] = found[2]
        if words:
            yield Command(
                line=line,
                words=tuple(words),
                comment=comment,
                variables=ChainMap(assigned, self.variables),
            )
        else:
            self.variables |= assigned


def commands_in(
    text: str, *, line: int = 1, variables: Mapping[str, str] = NOTHING
) -> Iterator[Command]:
    """Yield the commands of a script, which begins on this line, with these variables."""
    return Reader(line=line, variables=dict(variables)).commands(text)
