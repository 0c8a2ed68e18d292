"""Sign what was changed in a fleet's registry: the next revision of each node's entry."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from checker.config.layout import KEEP_AGENT, SYSTEM, Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.control.client import operator_name
from checker.control.posting import Offer, Posted, post
from checker.model import CheckerError, InvalidValue, Node, NodeName, Note
from checker.model.gateway_id import SIGNER_PATTERN, GatewayId, parse_gateway_id
from checker.registry.changes import present_text
from checker.registry.claims import Refusal, floors
from checker.registry.entries import (
    MOST_PATHS,
    Entry,
    Head,
    entry_text,
    is_as_signed,
    parse_entry,
)
from checker.registry.entry_files import (
    entry_path,
    forget_left_out,
    left_out_path,
    read_entry,
    read_kept,
    write_signed,
)
from checker.registry.lock import locked
from checker.registry.node_file import read_node
from checker.registry.reading import node_path
from checker.signatures import (
    REGISTRY,
    SIGNERS,
    NoKey,
    NotSigned,
    SigningKey,
    allowed_keys,
    find_key,
    sign_for_registry,
)

AT_ONCE = 500
"""Most entries that one process signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What an operator says about a node's gateways; None: it stays."""

    paths: int | None = None
    gateways: tuple[GatewayId, ...] | None = None

    def __bool__(self) -> bool:
        return self.paths is not None or self.gateways is not None

    def of(self, head: Head) -> Head:
        return replace(
            head,
            paths=head.paths if self.paths is None else self.paths,
            gateways=head.gateways if self.gateways is None else self.gateways,
        )


def parse_routing(paths: int | None, gateways: str | None) -> Routing:
    """Parse what an operator typed: how many tunnels, and IDs with commas between, or `default`.
    Raises InvalidValue.
    """
    if paths is not None and not 1 <= paths <= MOST_PATHS:
        raise InvalidValue(
            f"--paths {paths} is out of bounds; a node keeps 1 or {MOST_PATHS} tunnels"
        )
    if gateways is None:
        return Routing(paths=paths)
    ids = () if gateways == "default" else tuple(map(parse_gateway_id, gateways.split(",")))
    for id_ in ids:
        if ids.count(id_) > 1:
            raise InvalidValue(f"--gateways names {id_} twice; leave one of them out")
    return Routing(paths=paths, gateways=ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a gateway has of one name: a node, and the entries that it knows."""

    name: NodeName
    node: Node | None
    text: bytes
    """Of the node's file."""
    entry: Entry | None
    has_signature: bool
    """Whether somebody signed the entry."""
    left_out: Entry | None
    """A newer one, which waits because its port or key belongs to another node."""

    @classmethod
    def read(cls, layout: Layout, name: NodeName) -> Present:
        """Read the node's own files. Raises ConfigError."""
        path = node_path(layout, name)
        is_there = os.path.lexists(path)
        kept, left_out = read_entry(layout, name), read_kept(left_out_path(layout, name))
        return cls(
            name=name,
            node=read_node(path) if is_there else None,
            text=present_text(path) if is_there else b"",
            entry=kept.entry if kept else None,
            has_signature=kept is not None and bool(kept.signature),
            left_out=left_out.entry if left_out else None,
        )

    @property
    def wants_signing(self) -> bool:
        """Whether it is not what was signed last."""
        if self.entry is None:
            return self.node is not None
        return not is_as_signed(self.entry, self.node, self.text)

    @property
    def is_disputed(self) -> bool:
        """Whether another entry of the same revision waits: an operator must say which counts."""
        if self.entry is None or self.left_out is None:
            return False
        return self.left_out.head.rev == self.entry.head.rev

    @property
    def is_another(self) -> bool:
        """Whether the node here is not the one of the entry that waits."""
        left_out = self.left_out
        return left_out is not None and not is_as_signed(left_out, self.node, self.text)

    def draft(self, signer: str, routing: Routing, at_least: int = 1) -> Draft:
        """Return its next revision. Raises InvalidValue."""
        if self.entry is None and self.left_out is not None and self.is_another:
            raise InvalidValue(
                f"another gateway has a node {self.name}, too; first give this one another name:"
                f" reversi-checker node rename {self.name} NEW"
            )
        known = [one.head.rev for one in (self.entry, self.left_out) if one]
        rev = max(at_least, max(known, default=0) + 1)
        before = self.entry.node if self.entry else None
        head = Head(
            name=self.name,
            rev=rev,
            begun=self.entry.head.begun if self.entry and before else rev,
            added_at=self.entry.born if self.entry and self.node is None else 0,
            changed_at=int(time.time()),
            changed_by=signer,
            paths=self.entry.head.paths if self.entry else 1,
            gateways=self.entry.head.gateways if self.entry else (),
            more=self.entry.head.more if self.entry else {},
        )
        routed = routing.of(head)
        if routed.paths > 1 and len(routed.gateways) == 1:
            raise InvalidValue(
                f"two tunnels of {self.name} need two gateways, and its entry names only"
                f" {routed.gateways[0]}: name both with --gateways, or say --paths 1"
            )
        text = entry_text(routed, self.node, self.text)
        return Draft(text=text, present=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry that nobody signed yet."""

    text: bytes
    present: Present
    """From what it was made."""


AS_IT_IS = Routing()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignWish:
    """How to sign, and what besides."""

    key_file: Path | None = None
    """None: as `find_key` finds one."""
    routing: Routing = AS_IT_IS
    again: bool = False
    """Whether to sign also what does not differ."""
    settles: bool = False
    """Whether these nodes, as they are here, settle what two entries of one revision say."""
    may_ask: bool = True
    """Whether ssh-keygen may ask for a passphrase at the terminal."""

    @property
    def is_about_signed_ones(self) -> bool:
        return self.again or bool(self.routing)


def signers_file(layout: Layout) -> Path:
    """Return the file that says who may sign; root writes it by hand."""
    return layout.fleet / SIGNERS


def is_in_fleet(layout: Layout) -> bool:
    """Return whether this gateway is one of a fleet. Raises ConfigError."""
    return layout.fleet.is_dir() and load_config(layout.config).fleet is not None


@dataclass(kw_only=True)
class Sealing:
    """What was signed, and what became of it on the bus."""

    entries: list[Entry] = field(default_factory=list)
    refused: dict[NodeName, Refusal] = field(default_factory=dict)
    """Those that are not signed, as another gateway was quicker."""
    is_posted: bool = False
    """Whether all of it is in the bucket."""
    trouble: str = ""
    """Why the bus was not reached."""

    def add(self, posted: Posted, entries: Sequence[Entry]) -> None:
        self.entries += entries
        self.is_posted = bool(posted.done) and not posted.trouble
        self.trouble = self.trouble or posted.trouble

    def notes(self) -> list[Note]:
        """Return what the operator should know, and do next."""
        found = [
            Note(f"changed on this gateway only: {one.sentence}", is_warning=True)
            for one in self.refused.values()
        ]
        if self.trouble:
            text = (
                f"not on the bus, so another gateway may take the same port: {self.trouble};"
                " bring it to the others: reversi-checker fleet push"
            )
            found.append(Note(text, is_warning=True))
        elif self.entries and self.is_posted:
            found.append(Note("signed for the fleet, and posted on the bus"))
        elif self.entries:
            text = "signed for the fleet; bring it to the others: reversi-checker fleet push"
            found.append(Note(text))
        return found


def seal_changed(
    layout: Layout, names: Iterable[NodeName], report: Callable[[Note], object]
) -> dict[NodeName, Refusal]:
    """After an edit: in a fleet, sign the entries of these nodes and post them, or report why not.
    Return those for which another gateway was quicker. Never raises: the edit itself is done.
    """
    names = sorted(set(names))
    try:
        if not is_in_fleet(layout):
            return {}
        # a console that shows rows must not be asked for a passphrase
        done = seal(layout, names, SignWish(may_ask=False, settles=True))
    except (NoKey, NotSigned) as error:
        which = names[0] if len(names) == 1 else "--all"
        text = (
            f"changed on this gateway only, and not signed for the others: {error}; then run:"
            f" {KEEP_AGENT if layout == SYSTEM else ''}reversi-checker node sign {which}"
        )
        report(Note(text, is_warning=True))
        return {}
    except CheckerError as error:
        report(Note(f"changed on this gateway only: {error}", is_warning=True))
        return {}
    for note in done.notes():
        report(note)
    return done.refused


def seal(layout: Layout, names: Collection[NodeName], wish: SignWish) -> Sealing:
    """Sign the entries of these nodes that differ from what is signed, and post them on the bus, if
    there is one. Raises NoKey, NotSigned, ConfigError, InvalidValue.
    """
    done = Sealing()
    wanting = [Present.read(layout, name) for name in to_sign(layout, names, wish)]
    if not wanting:
        return done
    key = signing_key(layout, wish.key_file)
    for at in range(0, len(wanting), AT_ONCE):
        part = wanting[at : at + AT_ONCE]
        posted = seal_part(layout, part, key, wish, done)
        barring = {one.name for one in part if one.node is None or not one.node.enabled}
        over = floors(posted.refused, barring)
        done.refused |= posted.refused
        if over:  # it must close, whatever another operator signed meanwhile
            done.refused = {name: one for name, one in done.refused.items() if name not in over}
            again = [one for one in part if one.name in over]
            done.refused |= seal_part(layout, again, key, wish, done, over).refused
    return done


def seal_part(  # noqa: PLR0913, PLR0917 - what is signed, how, and what is known
    layout: Layout,
    part: Sequence[Present],
    key: SigningKey | None,
    wish: SignWish,
    done: Sealing,
    least: Mapping[str, int] = MappingProxyType({}),
) -> Posted:
    """Sign these and post them; keep those that were not refused. Raises NotSigned, ConfigError,
    InvalidValue.
    """
    signer = key.signer if key else own_name()
    drafts = [one.draft(signer, wish.routing, least.get(one.name, 1)) for one in part]
    # outside the lock: a token may wait for a finger
    texts = [one.text for one in drafts]
    signatures = (
        sign_for_registry(texts, key, signers_file(layout), may_ask=wish.may_ask)
        if key
        else [b""] * len(drafts)
    )
    offers = [
        Offer(
            entry=parse_entry(draft.text),
            signature=signature,
            before=draft.present.entry.node if draft.present.entry else None,
        )
        for draft, signature in zip(drafts, signatures, strict=True)
    ]
    posted = post(layout, offers, signed=key is not None)
    kept = [
        (draft, signature)
        for draft, signature in zip(drafts, signatures, strict=True)
        if draft.present.name not in posted.refused
    ]
    done.add(posted, keep(layout, [one for one, _ in kept], [one for _, one in kept]))
    return posted


def to_sign(layout: Layout, names: Collection[NodeName], wish: SignWish) -> list[NodeName]:
    """Return the nodes whose entry must be signed. Raises ConfigError."""
    fleet = load_config(layout.config).fleet
    is_signing = fleet is not None and fleet.signed
    found = (Present.read(layout, name) for name in names)
    return [
        one.name
        for one in found
        if one.wants_signing
        or (wish.settles and one.is_disputed)
        or (one.entry and (wish.is_about_signed_ones or (is_signing and not one.has_signature)))
    ]


def signing_key(layout: Layout, file: Path | None) -> SigningKey | None:
    """Return the key to sign with; None in a fleet that does not sign. Raises NoKey,
    ConfigError.
    """
    fleet = load_config(layout.config).fleet
    if fleet is None:
        raise ConfigError(
            layout.config, "has no [fleet]; begin with: reversi-checker fleet init ID"
        )
    if not fleet.signed:
        return None
    return find_key(allowed_keys(signers_file(layout)), file, os.environ, REGISTRY)


def own_name() -> str:
    """Return the operator's name, for an entry that nobody signs."""
    name = operator_name()
    return name if SIGNER_PATTERN.match(name) else "root"


def keep(layout: Layout, drafts: Sequence[Draft], signatures: Sequence[bytes]) -> list[Entry]:
    """Write entries that were signed, unless their nodes changed meanwhile. Raises ConfigError,
    CheckerError.
    """
    done: list[Entry] = []
    with locked(layout):
        for draft, signature in zip(drafts, signatures, strict=True):
            name = draft.present.name
            path = entry_path(layout, name)
            kept = read_kept(path)
            if kept is not None and kept.entry.text == draft.text:
                done.append(kept.entry)  # it came back over the bus already
                continue
            if Present.read(layout, name) != draft.present:
                raise CheckerError(
                    f"node {name} was changed while it was signed; run: reversi-checker node sign"
                    f" {name}"
                )
            write_signed(path, draft.text, signature)
            forget_left_out(layout, name)
            found = read_kept(path)
            if found is not None:
                done.append(found.entry)
    return done
