"""Find tunnels in shell scripts, crontabs, and lists of command lines. Pure.

Each command that runs ssh, autossh or dbclient with `-R` is a tunnel of its own, named after the
file. If the file has several, each is named by the comment behind it, else by file and port.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from checker.model import InvalidValue, printable
from checker.registry.imported import Login, Remark
from checker.registry.shell_words import HOLDS_COMMAND, OUTPUT, Command, commands_in
from checker.registry.ssh_command import PROGRAMS, RemoteForward, options, read_ssh
from checker.registry.tunnel_source import ELSEWHERE, Source, monitored, source_of

MENTIONS = re.compile(r"(?:^|[\s/\"'=;&|(])(?:autossh|ssh|dbclient)(?=[\s\"']|$)", re.MULTILINE)
TALKS = frozenset(
    {
        *("pgrep", "pkill", "kill", "killall", "pidof", "ps", "grep", "egrep", "fgrep", "awk"),
        *("echo", "printf", "logger", "test", "[", "[[", "which", "type", "-v", "-V"),
        *("apt", "apt-get", "opkg", "apk", "yum", "dnf", "rsync", "scp", "cat", "chmod", "alias"),
    }
)
"""Programs that start no tunnel, whatever their arguments look like; `-v` is that of `command`."""
PREFIX = re.compile(rf"(?:{'|'.join(sorted(HOLDS_COMMAND))})=[-@:+!|]*(?=\S)")
DEEPEST = 3
"""How many scripts may be inside each other, as in `su -c "sh -c '...'"`."""
TOGETHER = (
    "if these are connections of one device, import the file with --name NAME: then they are one"
    " node"
)
FORWARD = re.compile(r"(?:^|\s)-R ?(?:\S*:)?[0-9]+:[^\s:]+:[0-9]+(?:\s|$)")
"""What a remote forward looks like, whatever program takes it."""
NOT_READ = (
    "{program} is neither ssh nor autossh nor dbclient; if it takes the same options, import them"
    " with --command 'ssh ...'"
)
VARIABLE = re.compile(r"\$(?:\{[^}]*\}|\w+|\(\.\.\.\)|[@*#?!$-])")
PLAIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A command that starts a tunnel."""

    line: int
    words: tuple[str, ...]
    """From the program on."""
    comment: str
    monitor: str
    """The port through which autossh tests itself; empty: none that we know."""

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2]


def is_script(text: str) -> bool:
    """Whether the text mentions a program that can open a tunnel."""
    return MENTIONS.search(text) is not None


def script_sources(text: str, stem: str) -> Iterator[Source | Remark]:
    """Yield the tunnels that a script starts, and a remark on each that is not taken."""
    tunnels: dict[tuple[Login | None, tuple[RemoteForward, ...]], tuple[Source, str]] = {}
    others: list[Source] = []
    is_list = False
    for start in starts_in(commands_in(text), 1):
        found = source_from(start, stem)
        if isinstance(found, Remark):
            yield found
        elif found is not None and not found.forwards:
            others.append(found)
        elif found is not None:
            mine = (found, start.comment)
            same, comment = tunnels.setdefault((found.login, found.forwards), mine)
            if same is not found and are_two_names(comment, start.comment):
                is_list = True
                yield Remark(
                    line=found.line, text=f"asks for the same port as {comment}, line {same.line}"
                )
    is_list = is_list or len(tunnels) + len(others) > 1
    yield from named(list(tunnels.values()), stem, is_list=is_list)
    yield from others


def are_two_names(one: str, other: str) -> bool:
    """Whether the comments behind two commands name two devices."""
    return one != other and all(map(PLAIN_WORD.fullmatch, (one, other)))


def starts_in(commands: Iterator[Command], depth: int) -> Iterator[Start]:
    """Yield the commands that run one of the programs, or another with `-R`, also in scripts
    within them.
    """
    for command in commands:
        words = tuple(PREFIX.sub("", word) for word in command.words)
        at = next((n for n, word in enumerate(words) if is_program(word)), len(words))
        if any(word.rpartition("/")[2] in TALKS for word in words[:at]):
            continue
        if at < len(words):
            yield Start(
                line=command.line,
                words=words[at:],
                comment=command.comment,
                monitor=command.variables.get("AUTOSSH_PORT", ""),
            )
            continue
        if FORWARD.search(" ".join(word for word in words if not re.search(r"\s", word))):
            yield Start(line=command.line, words=words, comment="", monitor="")
            continue
        for word in words if depth < DEEPEST else ():
            if re.search(r"\s", word) and MENTIONS.search(word):
                inner = commands_in(word, line=command.line, variables=command.variables)
                for start in starts_in(inner, depth + 1):
                    yield replace(start, comment=start.comment or command.comment)


def is_program(word: str) -> bool:
    return word.rpartition("/")[2] in PROGRAMS


def source_from(start: Start, stem: str) -> Source | Remark | None:
    """Return the tunnel of a command, or why it is not taken; None if it opens no port."""
    if start.program not in PROGRAMS:
        return Remark(line=start.line, text=NOT_READ.format(program=printable(start.program)))
    given = list(options(start.words[1:]))
    if not any(map(is_forward, given)):
        if any(flag in ("N", "M") for flag, _ in given):
            return Remark(
                line=start.line, text=f"{start.program} opens no port here (-R); {ELSEWHERE}"
            )
        return None
    if why := unresolved(given):
        return Remark(line=start.line, text=why)
    try:
        command = read_ssh(start.words[1:])
    except InvalidValue as error:
        return Remark(line=start.line, text=str(error))
    monitor = next((each[3:] for each in command.left_out if each.startswith("-M ")), start.monitor)
    others = replace(command, left_out=tuple(each for each in command.left_out if each != "-M 0"))
    return source_of(others, start.line, stem, (), list(monitored(monitor)))


def is_forward(option: tuple[str, str]) -> bool:
    flag, value = option
    return flag == "R" or (flag == "o" and value.strip().lower().startswith("remoteforward"))


def unresolved(given: Sequence[tuple[str, str]]) -> str:
    """Say which unknown variable decides about ports or login, as a clause; empty if none does."""
    host = next((value for flag, value in given if flag == ""), "")
    said = [value for flag, value in given if flag in ("R", "p", "l")]
    said += [
        value
        for flag, value in given
        if flag == "o" and re.match(r"\s*(remoteforward|port|user)\b", value, re.IGNORECASE)
    ]
    unknown = [found[0] for text in (*said, host) for found in VARIABLE.finditer(text)]
    if not unknown:
        return ""
    if unknown[0] == OUTPUT:
        return "uses the output of a command; write what it prints into a copy of the file"
    name = unknown[0].strip("${}")
    return f"uses ${name}, which the file does not set; write its value into a copy of the file"


def named(sources: Sequence[tuple[Source, str]], stem: str, *, is_list: bool) -> Iterator[Source]:
    """Name the tunnels of a file, each with the comment behind it, and say how to make one node of
    them if that could be meant.
    """
    logins = Counter(source.login for source, _ in sources)
    for source, comment in sources:
        word = comment if PLAIN_WORD.fullmatch(comment) else ""
        name = (word or f"{stem}-{source.forwards[0].port}") if is_list else stem
        could_be_one = not word and logins[source.login] > 1
        notes = (*source.notes, TOGETHER) if could_be_one else source.notes
        yield replace(source, name=name, notes=notes)


def together(sources: Sequence[Source]) -> Source | None:
    """Return these tunnels as those of one device; None if they lead to different places."""
    first, *others = sources
    if any(one.login != first.login for one in others):
        return None
    notes = [note for one in sources for note in one.notes if note != TOGETHER]
    left_out = [each for one in sources for each in one.left_out]
    return replace(
        first,
        forwards=tuple(forward for one in sources for forward in one.forwards),
        left_out=tuple(dict.fromkeys(left_out)),
        notes=tuple(dict.fromkeys(notes)),
    )
