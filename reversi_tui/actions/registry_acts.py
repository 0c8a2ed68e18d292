"""Carries out what the registry menu asks for, as the command line does. Its functions block."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.settings import load_config
from checker.control.client_files import KeyFiles, KeyWish, key_files
from checker.control.node_changes import NodeChange, carry_out, planned, remove_node
from checker.control.outcome_words import joined
from checker.control.plan_text import change_lines, removal_lines
from checker.control.publishing import planned_at, publish
from checker.model import Aim, Node, NodeName, Note, Port
from checker.output import would_lines
from checker.registry.edits import rekeyed
from checker.registry.last_good import read_known
from checker.registry.reading import read_registry
from reversi_tui.actions.node_changes import Changed, Changes
from reversi_tui.actions.registry_forms import (
    YES,
    Act,
    Subject,
    Values,
    bundle_of,
    command_words,
    edited,
    key_type,
    publication,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be done, and how to do it."""

    lines: tuple[str, ...]
    """As a dry run prints them; empty: nothing would change."""
    ends: bool
    """Whether a tunnel ends."""
    work: Callable[[], Changed]
    obstacles: tuple[str, ...] = ()
    """Why a tunnel could not listen where it should, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryActs:
    """What the menu can do, through the same functions as the command line."""

    changes: Changes

    def subject(self, name: NodeName, port: Port | None, folder: Path) -> Subject:
        """The node as the registry has it now. Raises UnknownNode, FileBroken, CheckerError."""
        registry = read_registry(self.changes.layout.nodes)
        registry.refuse_broken(name)
        return Subject(node=registry.node(name), port=port, registry=registry, folder=folder)

    def propose(self, act: Act, subject: Subject, values: Values) -> Proposal:
        """Plan it against the registry and the sockets as they are now. Raises CheckerError."""
        words = command_words(act, subject, values)
        return self.tried(self.planned(act, subject, values), subject.node.name, words)

    def removing(self, name: NodeName) -> Proposal:
        """Plan to remove a node, also one whose file is broken. Raises CheckerError."""
        return self.tried(self.removal(name), name, ("node", "remove", name))

    def tried(self, plan: Proposal, name: NodeName, words: Sequence[str]) -> Proposal:
        """The plan, whose work returns errors as a result; `words`: the command that does the
        same.
        """
        command, work = self.changes.checker_command(*words), plan.work
        return replace(plan, work=lambda: self.changes.attempt(name, command, work))

    def planned(self, act: Act, subject: Subject, values: Values) -> Proposal:
        match act:
            case Act.REMOVE:
                return self.removal(subject.node.name)
            case Act.REKEY:
                return self.new_key(subject, values)
            case Act.PUBLISH:
                return self.publication(subject, values)
            case Act.SET | Act.RENAME | Act.EXPIRE:
                plan = planned(
                    self.changes.layout, subject.node, lambda _: edited(act, subject, values)
                )
                return self.edit(plan)

    def edit(self, plan: NodeChange) -> Proposal:
        def work() -> Changed:
            notes: list[Note] = []
            carry_out(self.changes.layout, plan, notes.append)
            return done(plan.after.name, [text for _, text in plan.clauses], notes)

        return Proposal(
            lines=would_lines(change_lines(plan)) if plan.clauses else (),
            ends=bool(plan.aims),
            obstacles=plan.obstacles,
            work=work,
        )

    def removal(self, name: NodeName) -> Proposal:
        layout = self.changes.layout
        registry = read_known(layout)
        node = registry.nodes.get(name)
        forwards = node.forwards if node else ()
        aims = [Aim(node=name, port=port) for forward in forwards for port in forward.ports]

        def work() -> Changed:
            notes: list[Note] = []
            remove_node(layout, registry, name, aims, notes.append)
            return done(name, ["removed"], notes)

        lines = would_lines(removal_lines(layout, name, node))
        return Proposal(lines=lines, ends=bool(aims), work=work)

    def new_key(self, subject: Subject, values: Values) -> Proposal:
        """A new key for the node, and the bundle that brings it to the device."""
        layout, name, output = (
            self.changes.layout,
            subject.node.name,
            bundle_of(subject, values),
        )
        wish = KeyWish(name=name, kind=key_type(values["type"]), folder=output.parent)
        keys = key_files(wish, layout, load_config(layout.config))
        plan = planned(
            layout, subject.node, lambda node: rekeyed(node, keys.public, now=values["now"] == YES)
        )

        def work() -> Changed:
            notes: list[Note] = []
            written: list[Path] = []
            carry_out(layout, plan, notes.append, during=handing_over(keys, written))
            changed = done(name, [text for _, text in plan.clauses], notes, written)
            return self.changes.with_bundle(changed, output, keys.key)

        files = (f"write {path}" for path in (*keys.places, output))
        return Proposal(
            lines=would_lines((*change_lines(plan), *files)),
            ends=bool(plan.aims),
            work=work,
        )

    def publication(self, subject: Subject, values: Values) -> Proposal:
        layout = self.changes.layout
        plan = planned_at(layout, subject.registry, subject.forward, publication(values))
        named = f"{plan.forward.node}:{plan.forward.port}"

        def work() -> Changed:
            notes: list[Note] = []
            about = publish(layout, plan, notes.append)
            return done(subject.node.name, [plan.sentence, *([about] if about else [])], notes)

        return Proposal(
            lines=(f"{named} would be {plan.sentence}; the file that HAProxy gets:", "", plan.file),
            ends=False,
            work=work,
        )


def done(
    name: NodeName, clauses: Sequence[str], notes: Sequence[Note], files: Sequence[Path] = ()
) -> Changed:
    return Changed(node=name, done=True, sentence=joined(name, clauses, notes), files=tuple(files))


def handing_over(
    keys: KeyFiles, written: list[Path]
) -> Callable[[Node], contextlib.AbstractContextManager[None]]:
    """For `carry_out`: write the new key's files, and note them."""

    @contextlib.contextmanager
    def during(after: Node) -> Iterator[None]:
        with keys.handed_over(after) as files:
            written.extend(files)
            yield

    return during
