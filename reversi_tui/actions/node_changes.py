"""Changes nodes through the registry, in the operator's name, as the command line does."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client import NotAllowed
from checker.control.client_files import KeyWish, addresses, key_files
from checker.control.many_nodes import carry_out_all, planned_for_all
from checker.control.node_changes import (
    Edit,
    carry_out,
    disable_broken_node,
    planned,
    with_reason,
)
from checker.control.outcome_words import joined
from checker.control.registering import Wanted, register
from checker.model import CheckerError, NodeName, Note
from checker.registry.changes import kept_key_path
from checker.registry.edits import rekeyed
from checker.registry.labels import Relabelling
from checker.registry.last_good import read_known
from checker.registry.reading import read_registry
from checker.registry.reasons import parse_reason, reason_kept
from client.bundle import options
from client.bundle.settings import Settings
from client.errors import ClientError
from reversi_tui.actions.new_node import Asked, Checked, NewNode, checked

BUNDLE_SUFFIX = ".sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of a change to one node."""

    node: NodeName
    done: bool
    sentence: str
    files: tuple[Path, ...] = ()
    """The files that were written."""
    lacks_key: bool = False
    """No bundle was built, because the node's private key is nowhere to be found."""

    @property
    def whole(self) -> str:
        """The sentence, with the files that it does not name."""
        others = [str(path) for path in self.files if str(path) not in self.sentence]
        return f"{self.sentence}; wrote {', '.join(others)}" if others else self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an operator can change. Its methods block: call them in threads. They return errors as
    results.
    """

    layout: Layout
    read_only: bool = False

    def enable(self, nodes: Sequence[NodeName]) -> tuple[Changed, ...]:
        """Let disabled nodes in again; if one fails, the others go on."""
        return tuple(
            self.switched(name, "enable", lambda node: replace(node, enabled=True))
            for name in nodes
        )

    def disable(self, nodes: Sequence[NodeName], why: str = "") -> tuple[Changed, ...]:
        """End the nodes' tunnels, and reject their keys; if one fails, the others go on."""
        return tuple(self.disabled(name, why) for name in nodes)

    def disabled(self, name: NodeName, why: str) -> Changed:
        """Disable a node, also one whose file is broken, which cannot be edited."""

        def work() -> Changed:
            notes: list[Note] = []
            reason = parse_reason(why)
            registry = read_known(self.layout)
            broken = registry.broken_file(name)
            if broken is None:
                return self.switched(
                    name, "disable", lambda node: replace(node, enabled=False), reason
                )
            sentence = disable_broken_node(
                self.layout, registry, broken, notes.append, reason
            ).removeprefix(f"{name}: ")
            return Changed(node=name, done=True, sentence=joined(name, [sentence], notes))

        words = ("--why", why) if why else ()
        return self.attempt(name, self.checker_command("node", "disable", name, *words), work)

    def switched(self, name: NodeName, verb: str, edit: Edit, why: str = "") -> Changed:
        def work() -> Changed:
            notes: list[Note] = []
            plan = planned(self.layout, read_registry(self.layout.nodes).node(name), edit)
            if not plan.clauses:
                return Changed(node=name, done=True, sentence=f"already {verb}d")
            plan = with_reason(plan, why)
            during = reason_kept(self.layout, name, why) if why else contextlib.nullcontext()
            carry_out(self.layout, plan, notes.append, during=lambda _: during)
            return Changed(
                node=name,
                done=True,
                sentence=joined(name, [text for _, text in plan.clauses], notes),
            )

        return self.attempt(name, self.checker_command("node", verb, name), work)

    def relabel(self, nodes: Sequence[NodeName], labels: Relabelling) -> tuple[Changed, ...]:
        """Change tags and note of these nodes; if one fails, the others go on."""
        notes: list[Note] = []
        try:
            if self.read_only:
                raise NotAllowed("this console is read-only: nothing is changed")
            plan = planned_for_all(read_known(self.layout), nodes, labels.of)
            made, later = (
                carry_out_all(self.layout, plan.changes, notes.append) if plan.changes else ((), ())
            )
        except CheckerError as error:
            words = self.checker_command("node", "set", *nodes, *words_of(labels))
            sentence = f"{error}{remedy(error, words)}"
            return tuple(Changed(node=name, done=False, sentence=sentence) for name in nodes)
        done = [
            Changed(
                node=one.after.name,
                done=True,
                sentence=joined(one.after.name, [text for _, text in one.clauses], notes),
            )
            for one in made
        ]
        done += [Changed(node=name, done=True, sentence="nothing to change") for name in plan.same]
        failed = [
            Changed(node=one.name, done=False, sentence=one.why) for one in (*plan.failures, *later)
        ]
        return (*failed, *done)

    def form_check(self) -> Callable[[Asked], Checked]:
        """The check for the form of a new node, against the registry as it is now. Raises
        CheckerError.
        """
        registry, ports, folder = (
            read_registry(self.layout.nodes),
            load_config(self.layout.config).policy.ports,
            Path.cwd(),
        )
        return lambda asked: checked(asked, registry, ports, folder)

    def add(self, wanted: NewNode) -> Changed:
        """Register a node with a new key pair, and write the file for its device."""
        is_bundle = wanted.output.suffix == BUNDLE_SUFFIX

        def work() -> Changed:
            notes: list[Note] = []
            config = load_config(self.layout.config)
            if is_bundle:
                addresses(self.layout, config, None)  # refused before anything is done
            wish = KeyWish(
                name=wanted.name,
                kind=wanted.key_type,
                client=None if is_bundle else wanted.output,
                folder=wanted.output.parent,
            )
            keys = key_files(wish, self.layout, config)
            asked = Wanted(
                name=wanted.name, requests=wanted.requests, tags=wanted.tags, note=wanted.note
            )
            node, files = register(self.layout, config, asked, keys, notes.append)
            ports = [f"port {forward.port} -> {forward.target}" for forward in node.forwards]
            added = Changed(
                node=node.name,
                done=True,
                sentence=joined(node.name, ["added", *ports], notes),
                files=tuple(files),
            )
            return self.with_bundle(added, wanted.output) if is_bundle else added

        forwards = [word for request in wanted.requests for word in ("--forward", str(request))]
        labels = [word for tag in wanted.tags for word in ("--tag", tag)]
        labels += ["--note", wanted.note] if wanted.note else []
        place = () if is_bundle else ("--client-config", str(wanted.output))
        command = self.checker_command("node", "add", wanted.name, *forwards, *labels, *place)
        return self.attempt(wanted.name, command, work)

    def with_bundle(self, added: Changed, output: Path, key: Path | None = None) -> Changed:
        """Build the new node's bundle; the node stays added if that fails."""
        built = self.build(added.node, output, key)
        sentence = (
            added.sentence if built.done else f"{added.sentence}; no bundle: {built.sentence}"
        )
        return replace(added, sentence=sentence, files=(*added.files, *built.files))

    def rekey(self, name: NodeName, output: Path) -> Changed:
        """Give the node a new key beside the present one, and build a bundle with it."""
        command = self.checker_command("node", "rekey", name)

        def work() -> Changed:
            notes: list[Note] = []
            keys = key_files(
                KeyWish(name=name, folder=output.parent),
                self.layout,
                load_config(self.layout.config),
            )
            node = read_registry(self.layout.nodes).node(name)
            plan = planned(self.layout, node, lambda one: rekeyed(one, keys.public, now=False))
            carry_out(self.layout, plan, notes.append, during=keys.handed_over)
            done = Changed(
                node=name,
                done=True,
                sentence=joined(name, [text for _, text in plan.clauses], notes),
                files=keys.places,
            )
            return self.with_bundle(done, output, keys.key)

        return self.attempt(name, command, work)

    def build(
        self, name: NodeName, output: Path, key: Path | None = None, *, makes_key: bool = False
    ) -> Changed:
        """Build the node's bundle, with this private key, else the one that the gateway kept, or
        that is beside the bundle; or for a device that makes its own.
        """
        places = (
            *((key,) if key else ()),
            kept_key_path(self.layout, name),
            output.parent / f"{name}.key",
            output.parent / f"{name}.toml.key",
        )
        home = ["--home", str(self.layout.home)] if self.layout.home else []
        command = ["reversi-client", "build", name, *home]

        def work() -> Changed:
            usual = [*places, *sorted(output.parent.glob(f"{name}-*.key"))]
            key = next((place for place in usual if os.access(place, os.R_OK)), None)
            if key is None and not makes_key:
                looked = " or ".join(map(str, places))
                sentence = (
                    f"its private key cannot be read at {looked}; you got it when you added the"
                    " node: put it there, or let the device make its own:"
                    f" {shlex.join([*command, '--key', 'device'])}"
                )
                return Changed(node=name, done=False, sentence=sentence, lacks_key=True)
            from client.bundle.build import build_one, find_source, moves

            wanted = self.build_options(name, output, None if makes_key else key)
            source = find_source(wanted)
            path = build_one(source, wanted, name, io.StringIO())
            about = (
                f"its bundle is {path}",
                f"on the device: sh {path.name} install",
                *moves(source.registry.node(name)),
            )
            return Changed(node=name, done=True, sentence="; ".join(about), files=(path,))

        return self.attempt(name, [*command, "--output", str(output)], work)

    def build_options(self, name: NodeName, output: Path, key: Path | None) -> options.BuildOptions:
        """`key` is the file of the private key; None: the device makes its own."""
        return options.BuildOptions(
            node=name,
            home=str(self.layout.home) if self.layout.home else None,
            output=output,
            output_dir=output.parent,
            gateways=None,
            makes_key=key is None,
            private_key=output.parent if key is None or key.parent == output.parent else key,
            forwards=[],
            settings=Settings(),
        )

    def checker_command(self, *words: str) -> list[str]:
        return [
            "reversi-checker",
            *(["--home", str(self.layout.home)] if self.layout.home else []),
            *words,
        ]

    def attempt(
        self, name: NodeName, command: Sequence[str], work: Callable[[], Changed]
    ) -> Changed:
        """What the work returns, or why it failed and how to do it instead."""
        try:
            if self.read_only:
                raise NotAllowed("this console is read-only: nothing is changed")
            return work()
        except (CheckerError, ClientError) as error:
            return Changed(node=name, done=False, sentence=f"{error}{remedy(error, command)}")


def words_of(labels: Relabelling) -> list[str]:
    """The options of `node set` that make this change."""
    return [
        *(word for tag in labels.add for word in ("--tag", tag)),
        *(word for tag in labels.remove for word in ("--untag", tag)),
        *(() if labels.note is None else ("--note", labels.note)),
    ]


def remedy(error: BaseException, command: Sequence[str]) -> str:
    """The command to run as root, if permissions are the reason."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PermissionError):
            return f"; as root, run: sudo {shlex.join(command)}"
        cause = cause.__cause__
    return ""
