"""What the registry menu asks for, and what it would do, as a dry run says it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from checker.control.forward_setting import Setting, as_set, parse_deadline
from checker.control.plan_text import clause_lines
from checker.model import (
    CheckerError,
    Forward,
    InvalidValue,
    KeyType,
    Node,
    Port,
    Publication,
    parse_day,
    parse_expect,
    parse_name,
    parse_note,
    parse_port,
    parse_tags,
    parse_target,
    printable,
)
from checker.output import would_lines
from checker.registry.edits import describe, forward_at, rekeyed, renamed, with_forward
from checker.registry.labels import Relabelling
from checker.registry.nodes import Registry, conflict
from checker.registry.publications import clash, parse_sni, unbindable, with_publication
from reversi_tui.actions.new_node import free_name, parse_output

Values = Mapping[str, str]
"""The texts of a form, by the field's id."""


class Act(StrEnum):
    """What the menu can do to a registered node."""

    SET = "set"
    RENAME = "rename"
    REKEY = "rekey"
    EXPIRE = "expire"
    PUBLISH = "publish"
    REMOVE = "remove"


TITLES = {
    Act.SET: "Set      target, expect, deadline, port, public, tags, note",
    Act.RENAME: "Rename   give it another name; key, ports and history stay",
    Act.REKEY: "New key  and a bundle with it; the old key stays until it is used",
    Act.EXPIRE: "Expire   reject its keys from a day on",
    Act.PUBLISH: "Publish  give the forward a public port, through HAProxy",
    Act.REMOVE: "Remove   forget the node, and end its tunnel",
}
YES, NO = "yes", "no"
NEW_KEY = "a new key"
"""Stands for the key that is made only after the question."""
NEVER = "never"
ABOUT_FORWARD = frozenset({"target", "expect", "deadline", "port", "public"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One field of a form."""

    id: str
    label: str
    value: str = ""
    parse: Callable[[str], object] = lambda _: None
    """Raises InvalidValue if the text is not valid."""
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the texts mean."""

    errors: Mapping[str, str] = field(default_factory=dict)
    """By the field's id; of the form as a whole by an empty one."""
    lines: tuple[str, ...] = ()
    """What a dry run would print."""

    @property
    def may_go_on(self) -> bool:
        return bool(self.lines) and not self.errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The node that the menu is about, in the registry as it was read."""

    node: Node
    port: Port | None
    """The forward's, if one is selected."""
    registry: Registry
    folder: Path
    """Where files for the device go."""

    @property
    def forward(self) -> Forward:
        """The forward under the cursor. Raises InvalidValue if none, or several may be meant."""
        return forward_at(self.node, self.port)


def yes_or_no(text: str) -> str:
    """Parse yes or no. Raises InvalidValue."""
    if text not in (YES, NO):
        raise InvalidValue(f"{text[:40]!r} is neither yes nor no")
    return text


def key_type(text: str) -> KeyType:
    """Parse the type of a new key. Raises InvalidValue."""
    try:
        return KeyType(text)
    except ValueError:
        raise InvalidValue(f"{text[:40]!r} is not a type of key; write ed25519 or rsa") from None


def day_or_never(text: str) -> str | None:
    """Parse the day from which on keys are rejected. Raises InvalidValue."""
    return None if text == NEVER else parse_day(text)


def boxes(act: Act, subject: Subject) -> tuple[Box, ...]:
    """The fields of the form, with what is so now; none: nothing is asked for. Raises InvalidValue
    if the act needs one forward, and none or several may be meant.
    """
    node = subject.node
    match act:
        case Act.SET:
            return set_boxes(node, subject.forward)
        case Act.RENAME:
            return (Box(id="name", label="New name", value=node.name, parse=parse_name),)
        case Act.REKEY:
            default = subject.folder / f"{node.name}.sh"
            return (
                Box(
                    id="output",
                    label="File of the bundle (NAME.sh)",
                    value=default.name,
                    parse=lambda text: bundle_path(text, default),
                ),
                Box(id="type", label="Type: ed25519 or rsa", value="ed25519", parse=key_type),
                Box(
                    id="now",
                    label="Reject the old key at once, and end its tunnel: yes or no",
                    value=NO,
                    parse=yes_or_no,
                ),
            )
        case Act.EXPIRE:
            value = node.expires or ""
            label = "First day that rejects its keys: YYYY-MM-DD, or never"
            return (Box(id="day", label=label, value=value, parse=day_or_never),)
        case Act.PUBLISH:
            return publish_boxes(subject.forward)
        case Act.REMOVE:
            return ()


def bundle_path(text: str, default: Path) -> Path:
    """Parse the bundle's file. Raises InvalidValue."""
    path = parse_output(text, default)
    if path.suffix != ".sh":
        raise InvalidValue("a bundle is a script; write a name that ends in .sh")
    return path


def bundle_of(subject: Subject, values: Values) -> Path:
    """Where the bundle goes. Raises InvalidValue."""
    return bundle_path(values["output"], subject.folder / f"{subject.node.name}.sh")


def set_boxes(node: Node, forward: Forward) -> tuple[Box, ...]:
    """What can be set, of the forward and of its node."""
    deadline = "default" if forward.deadline_s is None else f"{forward.deadline_s:g}"
    public = YES if forward.public else NO
    port = str(forward.next_port or forward.port)
    return (
        Box(id="target", label="Target: HOST:PORT", value=str(forward.target), parse=parse_target),
        Box(id="expect", label="Expect", value=str(forward.expect), parse=parse_expect),
        Box(
            id="deadline",
            label="Deadline: seconds, or default",
            value=deadline,
            parse=parse_deadline,
        ),
        Box(
            id="port",
            label="Gateway port; the old one stays until the new one is up",
            value=port,
            parse=parse_port,
        ),
        Box(
            id="public",
            label="Public (on all addresses): yes or no",
            value=public,
            parse=yes_or_no,
        ),
        Box(
            id="tags",
            label="Tags, with blanks between them",
            value=" ".join(node.tags),
            parse=lambda text: parse_tags(text.replace(",", " ").split()),
            is_optional=True,
        ),
        Box(id="note", label="Note", value=node.note, parse=parse_note, is_optional=True),
    )


def publish_boxes(forward: Forward) -> tuple[Box, ...]:
    return (
        Box(
            id="public_port",
            label=f"Public port for {forward.node}:{forward.port}",
            parse=lambda text: parse_port(text, "public port"),
        ),
        Box(
            id="sni",
            label="Only for TLS visitors who ask for this name (optional)",
            parse=parse_sni,
            is_optional=True,
        ),
        Box(
            id="send_proxy",
            label="Send the visitor's address in a PROXY line: yes or no",
            value=NO,
            parse=yes_or_no,
        ),
    )


def edited(act: Act, subject: Subject, values: Values) -> Node:
    """The node as the form wants it, with a stand-in for a new key. Raises CheckerError."""
    node = subject.node
    match act:
        case Act.SET:
            return as_form(node, subject.forward, values)
        case Act.RENAME:
            name = parse_name(values["name"])
            return node if name == node.name else renamed(node, free_name(name, subject.registry))
        case Act.EXPIRE:
            return replace(node, expires=day_or_never(values["day"]))
        case Act.PUBLISH:
            forward = subject.forward
            return with_forward(node, forward, with_publication(forward, publication(values)))
        case Act.REKEY:
            return rekeyed(node, NEW_KEY, now=values["now"] == YES)
        case Act.REMOVE:
            return node


def as_form(node: Node, forward: Forward, values: Values) -> Node:
    """The node with what differs from the form's first texts. Raises CheckerError."""
    changed = dict(changed_fields(node, forward, values))
    setting = Setting(
        target=changed.get("target", ""),
        expect=changed.get("expect", ""),
        deadline=changed.get("deadline", ""),
        port=changed.get("port", ""),
        public=changed.get("public", ""),
    )
    tags = parse_tags(values["tags"].replace(",", " ").split())
    labels = Relabelling(
        add=tuple(tag for tag in tags if tag not in node.tags),
        remove=tuple(tag for tag in node.tags if tag not in tags),
        note=parse_note(values["note"]),
    )
    return labels.of(with_forward(node, forward, as_set(setting, forward)))


def changed_fields(node: Node, forward: Forward, values: Values) -> Iterator[tuple[str, str]]:
    """The fields of the form `set` whose text is another now."""
    for box in set_boxes(node, forward):
        if values[box.id] != box.value:
            yield box.id, values[box.id]


def command_words(act: Act, subject: Subject, values: Values) -> tuple[str, ...]:
    """The command line that does the same, without the program. Raises InvalidValue."""
    node = subject.node
    match act:
        case Act.SET:
            forward = subject.forward
            return ("node", "set", node.name, *set_words(node, forward, values))
        case Act.RENAME:
            return ("node", "rename", node.name, values["name"])
        case Act.REKEY:
            now = ("--now",) if values["now"] == YES else ()
            return ("node", "rekey", node.name, "--key-type", values["type"], *now)
        case Act.EXPIRE:
            return ("node", "expire", node.name, values["day"])
        case Act.PUBLISH:
            wanted = publication(values)
            sni = ("--sni", wanted.sni) if wanted.sni else ()
            proxy = ("--send-proxy",) if wanted.send_proxy else ()
            place = f"{node.name}:{subject.forward.port}"
            return ("publish", place, "--port", str(wanted.port), *sni, *proxy)
        case Act.REMOVE:
            return ("node", "remove", node.name)


def set_words(node: Node, forward: Forward, values: Values) -> Iterator[str]:
    """The options of `node set` for what the form changes."""
    changed = dict(changed_fields(node, forward, values))
    tags = parse_tags(changed.pop("tags", " ".join(node.tags)).replace(",", " ").split())
    if ABOUT_FORWARD.intersection(changed):
        yield from ("--forward", str(forward.port))
    for name, text in changed.items():
        yield from (f"--{name}", text)
    for tag in tags:
        if tag not in node.tags:
            yield from ("--tag", tag)
    for tag in node.tags:
        if tag not in tags:
            yield from ("--untag", tag)


def publication(values: Values) -> Publication:
    """The publication that the form asks for. Raises InvalidValue."""
    return Publication(
        port=parse_port(values["public_port"], "public port"),
        sni=parse_sni(values["sni"]) if values["sni"] else "",
        send_proxy=values["send_proxy"] == YES,
    )


def live(act: Act, subject: Subject, values: Values) -> Live:
    """Check each field on its own, then the whole against the registry as it was read."""
    errors: dict[str, str] = {}
    for box in boxes(act, subject):
        text = values[box.id]
        try:
            if text or not box.is_optional:
                box.parse(text)
        except CheckerError as error:
            errors[box.id] = printable(str(error), 400)
    if errors:
        return Live(errors=errors)
    try:
        after = edited(act, subject, values)
        refuse(after, subject)
    except CheckerError as error:
        return Live(errors={"": printable(str(error), 400)})
    changed = clause_lines(subject.node.name, describe(subject.node, after))
    writes = () if act is not Act.REKEY else (f"write {bundle_of(subject, values)}",)
    return Live(lines=would_lines((*changed, *writes)))


def refuse(after: Node, subject: Subject) -> None:
    """Raise what keeps the node from being so beside the others."""
    others = [one for one in subject.registry.nodes.values() if one.name != subject.node.name]
    forwards = [forward for one in (*others, after) for forward in one.forwards]
    trouble = conflict(after, others) or unbindable(after, others) or clash(forwards)
    if trouble is not None:
        raise trouble
