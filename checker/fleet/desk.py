"""Decide about each entry and card that is offered, and carry that out under the lock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checker.config.files import present_file, write_atomically, write_changed
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.config.toml_file import ConfigError
from checker.control.importing import keys_of_no_node
from checker.fleet.card_files import card_path, read_card
from checker.fleet.cards import Card
from checker.fleet.offers import (
    as_here,
    card_offer,
    follow_text,
    here_of,
    offer_of,
    readable,
    unsigned_text,
)
from checker.fleet.ownership import Ownership, owners_of
from checker.fleet.said import Said, added, why_left_out
from checker.fleet.screening import Proofs
from checker.fleet.sealed import Sealed
from checker.fleet.taking import Here, Offer, Taking, take
from checker.model import CheckerError, InvalidValue, Node, NodeName, Port
from checker.registry.authorized_keys import gate_command
from checker.registry.broken_nodes import disable_broken
from checker.registry.changes import change, remove
from checker.registry.edits import describe, renamed
from checker.registry.entries import Entry
from checker.registry.entry_files import (
    WHY,
    KeptEntry,
    all_kept,
    entry_path,
    forget_left_out,
    left_out_folder,
    left_out_path,
    read_entry,
    write_signed,
)
from checker.registry.many_changes import change_all
from checker.registry.nodes import Registry
from checker.registry.reading import node_path, read_registry
from checker.registry.reasons import put, reason_path

TAKES = (Taking.TAKE, Taking.TAKE_BARRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """An entry, and what becomes of it."""

    entry: Entry
    sealed: Sealed
    taking: Taking
    replaced: bytes = b""
    """The text of the node's file, if it has an edit that nobody signed."""

    @property
    def is_removal(self) -> bool:
        return self.entry.node is None


@dataclass(kw_only=True)
class Desk:
    """What is offered to one gateway at one time, and what becomes of it."""

    layout: Layout
    config: Config
    now: float
    proofs: Proofs
    is_dry: bool = False
    """Whether only to say what would be done."""
    decided: dict[NodeName, Decided] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    waited: set[NodeName] = field(default_factory=set)
    """Those that were left out before: only news about them is said."""
    gone: set[NodeName] = field(default_factory=set)
    """Those that were removed."""
    renamed: list[tuple[NodeName, NodeName]] = field(default_factory=list)
    """Old and new name of each node that has another name now."""
    is_touched: bool = False
    """Whether the registry was changed since it was read."""

    @property
    def offered(self) -> dict[NodeName, Node]:
        """The nodes of the entries that were decided about, as their entries have them."""
        return {name: one.entry.node for name, one in self.decided.items() if one.entry.node}

    def look_at_left_out(self) -> None:
        """Try again what another node's port or key kept out. Raises ConfigError."""
        for kept in all_kept(left_out_folder(self.layout)):
            if not isinstance(kept, KeptEntry) or kept.entry.name in self.decided:
                continue
            name = kept.entry.name
            present, _ = readable(entry_path(self.layout, name))
            if present and present.head.rev > kept.entry.head.rev:
                forget_left_out(self.layout, name)
                continue
            self.waited.add(name)
            sealed = Sealed(text=kept.entry.text, signature=kept.signature)
            self.consider_entry(kept.entry, sealed)

    def consider(self, many: Iterable[Sealed]) -> None:
        """Decide about all that is offered, the newest revision of each name first. Raises
        ConfigError.
        """
        entries: list[tuple[Entry, Sealed]] = []
        for sealed in many:
            try:
                found = sealed.parsed()
            except InvalidValue as error:
                self.complain(f"an entry was left out: {error}")
                continue
            if isinstance(found, Card):
                self.consider_card(found, sealed)
            else:
                entries.append((found, sealed))
        for entry, sealed in sorted(entries, key=lambda pair: -pair[0].head.rev):
            if entry.name not in self.decided:
                self.consider_entry(entry, sealed)

    def consider_entry(self, entry: Entry, sealed: Sealed) -> None:
        """Raises ConfigError."""
        here = here_of(self.layout, entry.name)
        taking = self.verdict(offer_of(entry), here, sealed, entry.head.changed_by)
        if taking in (*TAKES, Taking.BAR):
            self.decided[entry.name] = Decided(
                entry=entry,
                sealed=sealed,
                taking=taking,
                replaced=unsigned_text(self.layout, entry, here),
            )
        elif taking is Taking.CLASH:
            one = Decided(entry=entry, sealed=sealed, taking=taking)
            self.leave_out(one, why_left_out(taking, entry.head.changed_by))
        elif taking is Taking.SAME and self.lacks_signature(entry, sealed):
            self.take_signature(Decided(entry=entry, sealed=sealed, taking=taking))
        elif entry.name in self.waited:
            forget_left_out(self.layout, entry.name)
        elif why := why_left_out(taking, entry.head.changed_by):
            self.complain(f"revision {entry.head.rev} was left out: {why}", entry.name)

    def lacks_signature(self, entry: Entry, sealed: Sealed) -> bool:
        """Return whether the entry lies here without the signature that comes with it: somebody was
        killed between the two files. Raises ConfigError.
        """
        if not self.is_signing or not sealed.signature:
            return False
        kept = read_entry(self.layout, entry.name)
        if kept is None or kept.signature:
            return False
        return self.proofs.is_proven(sealed, entry.head.changed_by)

    def take_signature(self, one: Decided) -> None:
        if not self.is_dry:
            self.keep(one)
        self.say(one, [(None, "signature taken")])

    def consider_card(self, card: Card, sealed: Sealed) -> None:
        """Take a card, or say why not. Raises ConfigError."""
        path = card_path(self.layout, card.id)
        kept = read_card(path)
        before = kept.card if kept and self.counts(kept.sealed) else None
        here = Here(
            offer=card_offer(before) if before else None,
            content=before.content if before else None,
            bars=before is not None and before.bars,
        )
        taking = self.verdict(card_offer(card), here, sealed, card.changed_by)
        if taking in (*TAKES, Taking.BAR):
            if not self.is_dry:
                write_signed(path, sealed.text, sealed.signature)
            text = f"card of gateway {card.id} taken: revision {card.rev}, {card.state}"
            self.said.append(Said(text=text, actor=card.changed_by))
        elif why := why_left_out(taking, card.changed_by):
            self.complain(f"revision {card.rev} of gateway {card.id}'s card was left out: {why}")

    def counts(self, sealed: Sealed) -> bool:
        """Return whether what lies here may be compared with: an unsigned draft may not."""
        return bool(sealed.signature) or not self.is_signing

    @property
    def is_signing(self) -> bool:
        return self.config.fleet is None or self.config.fleet.signed

    def verdict(self, offer: Offer, here: Here, sealed: Sealed, signer: str) -> Taking:
        """Decide; ask for a proof only if it matters."""
        taking = take(offer, here, signer, self.now)
        if taking in (Taking.OLD, Taking.SAME) or not self.is_signing:
            return taking
        return taking if self.proofs.is_proven(sealed, signer) else Taking.UNSIGNED

    def complain(self, text: str, node: NodeName | None = None) -> None:
        self.said.append(Said(text=text, node=node, is_trouble=True))

    def rehearse(self) -> None:
        """Say what would be done, as far as that does not depend on other nodes."""
        for one in self.decided.values():
            text = f"revision {one.entry.head.rev}: {one.taking}"
            self.said.append(Said(text=text, node=one.entry.name, actor=one.entry.head.changed_by))

    def carry_out(self) -> None:
        """Do what was decided: first remove nodes, then change and add them. Raises ConfigError."""
        before = self.with_renamed(read_registry(self.layout.nodes))
        for one in [one for one in self.decided.values() if one.is_removal]:
            if one.taking is not Taking.BAR:
                self.remove(one)
        broken = before.broken.intersection(self.decided)
        for name in broken:
            self.meet_broken(self.decided.pop(name))
        wanted = [
            one for one in self.decided.values() if one.taking is Taking.BAR or not one.is_removal
        ]
        nodes = {
            one.entry.name: self.node_for(one, before.nodes.get(one.entry.name)) for one in wanted
        }
        owners = owners_of(
            self.concerned(before, nodes),
            keys_of_no_node(self.layout, self.config),
            before.broken_ports,
        )
        accepted = self.fitting(wanted, nodes, owners)
        self.write([one for one in accepted if nodes[one.entry.name]], nodes, before)

    def with_renamed(self, before: Registry) -> Registry:
        """Rename each node whose key comes back under another name, as `node rename` does: removed
        and added again, it would lose its tunnel. Return the registry afterwards.
        """
        heirs = {
            one.entry.node.public_key: one.entry.name
            for one in self.decided.values()
            if one.taking in TAKES
            and one.entry.node is not None
            and not one.entry.node.is_shared
            and one.entry.name not in before.nodes
            and one.entry.name not in before.broken
        }
        for one in [one for one in self.decided.values() if one.is_removal]:
            old = before.nodes.get(one.entry.name)
            heir = None if old is None else heirs.get(old.public_key)
            if old is None or heir is None or one.taking is Taking.BAR:
                continue
            try:
                change(self.layout, old.name, renamed(old, heir), gate_command(self.layout))
            except CheckerError:
                continue  # then it is removed and added
            self.renamed.append((old.name, heir))
            self.say(one, [(None, f"renamed to {heir}")])
            self.keep(one)
            del self.decided[old.name]
        return read_registry(self.layout.nodes) if self.renamed else before

    def concerned(self, before: Registry, nodes: Mapping[NodeName, Node | None]) -> Iterator[Node]:
        """Yield the present nodes that change, and those whose ports or keys could be in the way:
        not all of a large registry.
        """
        names = set(nodes)
        for name, node in nodes.items():
            if node is not None:
                names.update(one.name for one in before.rivals(node, name))
        yield from (
            before.nodes[name] for name in sorted(names - self.gone) if name in before.nodes
        )

    def remove(self, one: Decided) -> None:
        """Remove the node, and keep its tombstone."""
        name = one.entry.name
        try:
            if os.path.lexists(node_path(self.layout, name)):
                remove(self.layout, name, gate_command(self.layout))
                self.gone.add(name)
                self.is_touched = True
                self.say(one, [(None, "removed")])
            self.keep(one)
        except CheckerError as error:
            self.complain(f"cannot be removed: {error}", name)

    def meet_broken(self, one: Decided) -> None:
        """Leave out an entry of a node whose file is broken here. If it lets nobody in, nobody gets
        in here either.
        """
        name = one.entry.name
        if name in self.gone:
            return
        self.leave_out(one, "the node's file here is broken; repair it, or remove the node")
        if one.entry.bars or one.taking is Taking.BAR:
            self.is_touched = True
            with contextlib.suppress(ConfigError):
                disable_broken(self.layout, name, gate_command(self.layout), meanwhile=lambda: None)
                self.say(one, [(None, "disabled, with a broken file")])

    def node_for(self, one: Decided, before: Node | None) -> Node | None:
        """Return the node as it will be here; None if there is none to change."""
        if one.taking is Taking.BAR:
            return replace(before, enabled=False) if before and before.enabled else None
        assert one.entry.node is not None
        node = as_here(one.entry.node, before)
        return replace(node, enabled=False) if one.taking is Taking.TAKE_BARRED else node

    def fitting(
        self, wanted: Sequence[Decided], nodes: dict[NodeName, Node | None], owners: Ownership
    ) -> list[Decided]:
        """Return those that own all of their ports and keys, the oldest first; leave the others
        out.
        """
        left = sorted(wanted, key=lambda one: (one.entry.head.changed_at, one.entry.name))
        accepted: list[Decided] = []
        while True:
            fits = []
            for one in left:
                node = nodes[one.entry.name]
                if node is None or not owners.why_not(node):
                    fits.append(one)
                    if node is not None:
                        owners.add(node)
            accepted += fits
            names = {one.entry.name for one in fits}
            left = [one for one in left if one.entry.name not in names]
            if not fits:
                break
        for one in left:
            node = nodes[one.entry.name]
            self.leave_out(one, owners.why_not(node) if node else "")
        return accepted

    def write(
        self,
        accepted: Sequence[Decided],
        nodes: dict[NodeName, Node | None],
        before: Registry,
    ) -> None:
        """Write key file, nodes' files and entries, in this order. Raises ConfigError."""
        layout = self.layout
        for one in accepted:
            if one.taking is not Taking.TAKE:
                put(reason_path(layout, one.entry.name), reason(one))
        after = [node for one in accepted if (node := nodes[one.entry.name])]
        known = None if self.is_touched else before
        failed = change_all(layout, after, gate_command(layout), registry=known) if after else {}
        for one in accepted:
            name = one.entry.name
            if name in failed:
                self.complain(f"cannot be taken: {failed[name]}", name)
                continue
            node, old = nodes[name], before.nodes.get(name)
            clauses = describe(old, node) if old and node else added(node)
            if one.taking is Taking.BAR:
                self.leave_out(one, reason(one))
            else:
                follow_text(layout, one.entry)
                self.keep(one)
                self.say(one, clauses)
                self.note_replaced(one)

    def keep(self, one: Decided) -> None:
        """Keep the entry as the present one."""
        write_signed(entry_path(self.layout, one.entry.name), one.sealed.text, one.sealed.signature)
        forget_left_out(self.layout, one.entry.name)

    def note_replaced(self, one: Decided) -> None:
        """Say that an edit which nobody signed is gone, and keep a copy."""
        if one.replaced:
            path = self.layout.fleet / "replaced" / f"{one.entry.name}.toml"
            write_atomically(path, one.replaced, mode=0o644)
            text = f"replaced an edit that nobody had signed; it is kept as {path}"
            self.complain(text, one.entry.name)

    def leave_out(self, one: Decided, why: str) -> None:
        """Keep an entry for later, with the reason."""
        name = one.entry.name
        path = left_out_path(self.layout, name)
        is_known = present_file(path) == one.sealed.text
        if not self.is_dry:
            write_signed(path, one.sealed.text, one.sealed.signature)
            write_changed(path.with_suffix(WHY), f"{why}\n".encode(), mode=0o644)
        if name not in self.waited and not is_known:
            self.complain(f"revision {one.entry.head.rev} was left out: {why}", name)

    def say(self, one: Decided, clauses: Iterable[tuple[Port | None, str]]) -> None:
        head = one.entry.head
        for port, text in clauses:
            said = f"{text} (revision {head.rev} of the fleet)"
            self.said.append(Said(text=said, node=head.name, port=port, actor=head.changed_by))


def reason(one: Decided) -> str:
    rev = one.entry.head.rev
    if one.taking is Taking.BAR:
        return f"disabled: two entries have revision {rev}; look at both, and sign the right one"
    return f"stays disabled here: that was not signed before revision {rev} came"
