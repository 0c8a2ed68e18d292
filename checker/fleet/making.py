"""Make this gateway one of a fleet; make, change and sign cards."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.files import make_readable_folder, mode_in, present_file, write_atomically
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.control.sealing import own_name, signers_file, signing_key
from checker.fleet.card_files import (
    KeptCard,
    card_path,
    cards_folder,
    good_cards,
    identity_path,
    read_card,
)
from checker.fleet.cards import Card, GatewayState, card_text, is_card, parse_card
from checker.fleet.exchange import fleet_of
from checker.fleet.folders import read_sealed
from checker.fleet.following import follow_cards
from checker.fleet.sealed import Sealed
from checker.model import CheckerError, InvalidValue
from checker.model.gateway_id import GatewayId, parse_signer
from checker.registry.entries import entry_text, parse_entry
from checker.registry.entry_files import entries_folder, write_signed
from checker.registry.lock import locked
from checker.signatures import (
    REGISTRY,
    SigningKey,
    allowed_keys,
    find_key,
    sign,
    sign_for_registry,
)
from checker.sshd.host_key_files import host_keys
from checker.sshd.keygen import host_key_line, make_host_key, make_key

CLOSED_MODE = 0o2750
SIGNERS_HEAD = """\
# Who may sign entries of nodes and cards of gateways (reversi-registry), and acts that come from
# other gateways (reversi-act). Only root writes this file, by hand, on each gateway. A line for
# each signer: a name, and his public SSH key. Source: ssh-keygen(1).
# anna namespaces="reversi-registry,reversi-act" ssh-ed25519 AAAA...
"""


class OtherName(CheckerError):
    """A gateway cannot have two IDs."""


def make_fleet(layout: Layout, id_: GatewayId, *, signed: bool) -> None:
    """Write `[fleet]`, and make the files of a fleet that are missing. Raises CheckerError."""
    add_settings(layout, id_, signed=signed)
    try:
        for folder in (layout.fleet, entries_folder(layout), cards_folder(layout)):
            make_readable_folder(folder)
        if mode_in(layout.config.parent.stat(), 0o755) != 0o755:  # only readers may look here
            layout.fleet.chmod(CLOSED_MODE)
    except OSError as error:
        raise ConfigError(layout.fleet, f"cannot be made ({error.strerror})") from error
    if signed and present_file(signers_file(layout)) is None:
        write_atomically(signers_file(layout), SIGNERS_HEAD.encode(), mode=0o644)
    if not identity_path(layout).exists():
        make_key(identity_path(layout), comment=f"reversi gateway {id_}")
    if layout.home is not None:
        make_host_key(layout.host_key)


def add_settings(layout: Layout, id_: GatewayId, *, signed: bool) -> None:
    """Add the table `[fleet]` to reversi.toml, unless it is there. Raises OtherName,
    ConfigError.
    """
    present = load_config(layout.config).fleet
    if present is not None:
        if present.name != id_:
            raise OtherName(
                f"this gateway is {present.name} already; to give it another ID, edit [fleet] in"
                f" {layout.config}"
            )
        return
    before = (present_file(layout.config) or b"").rstrip()
    unsigned = "" if signed else "signed = false\n"
    lines = f'[fleet]\nname = "{id_}"\n{unsigned}'
    gap = b"\n\n" if before else b""
    write_atomically(layout.config, before + gap + lines.encode(), mode=0o644)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWish:
    """What an operator wants a card to say; None: it stays, or is what this gateway is."""

    id: GatewayId
    addresses: tuple[str, ...] | None = None
    host_keys: tuple[str, ...] | None = None
    weight: float | None = None
    state: GatewayState | None = None
    bus: str | None = None
    """HOST:PORT; empty: leave the bus."""

    @property
    def is_empty(self) -> bool:
        given = (self.addresses, self.host_keys, self.weight, self.state, self.bus)
        return all(one is None for one in given)


def card_for(layout: Layout, wish: CardWish, before: Card | None, signer: str) -> Card:
    """Return the next revision of a card. Raises CheckerError."""
    config = load_config(layout.config)
    own = own_card(layout, config) if wish.id == fleet_of(layout).name else None
    base = before or own
    if base is None:
        base = Card(id=wish.id, rev=0, changed_at=0, changed_by=signer)
        if not wish.addresses or not wish.host_keys:
            raise InvalidValue(
                f"there is no card of {wish.id} yet; give its --address and --host-key"
            )
    if own is not None:
        base = replace(
            base,
            addresses=own.addresses or base.addresses,
            host_keys=own.host_keys,
            identity=own.identity,
        )
        base = on_bus(layout, wish, base)
    changes = {
        "addresses": wish.addresses,
        "host_keys": wish.host_keys,
        "weight": wish.weight,
        "state": wish.state,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    card: Card = replace(base, **given)  # type: ignore[arg-type]
    return replace(
        card,
        rev=(before.rev if before else 0) + 1,
        changed_at=int(time.time()),
        changed_by=signer,
    )


def on_bus(layout: Layout, wish: CardWish, card: Card) -> Card:
    """Return our card with what it says about the bus. Raises ConfigError."""
    bus = card.bus if wish.bus is None else wish.bus
    if not bus:
        return replace(card, bus="", bus_pin="", bus_certificate="")
    from checker.fleet.bus_files import certificate_for  # only a bus needs it

    certificate, pin = certificate_for(layout, wish.id, bus)
    return replace(card, bus=bus, bus_pin=pin, bus_certificate=certificate)


def own_card(layout: Layout, config: Config) -> Card:
    """Return what this gateway would say of itself. Raises CheckerError."""
    return Card(
        id=GatewayId(fleet_of(layout).name),
        rev=0,
        changed_at=0,
        changed_by="root",
        addresses=config.gateway,
        host_keys=host_keys(layout).keys,
        identity=host_key_line(identity_path(layout)),
    )


def write_card(layout: Layout, wish: CardWish, key_file: Path | None) -> KeptCard:
    """Make the next revision of a card, sign it, and keep it. Raises NoKey, CheckerError."""
    path = card_path(layout, wish.id)
    key = signing_key(layout, key_file)
    kept = read_card(path)
    signer = key.signer if key else own_name()
    text = card_text(card_for(layout, wish, kept.card if kept else None, signer))
    signature = sign_for_registry([text], key, signers_file(layout))[0] if key else b""
    with locked(layout):
        if read_card(path) != kept:
            raise CheckerError(f"the card of {wish.id} was changed meanwhile; run this again")
        write_signed(path, text, signature)
    found = read_card(path)
    assert found is not None
    follow_cards(layout, fleet_of(layout))
    return found


def draft_card(layout: Layout, id_: GatewayId) -> KeptCard:
    """Keep this gateway's card without a signature: it counts nowhere before somebody signs it.
    Raises CheckerError.
    """
    path = card_path(layout, id_)
    kept = read_card(path)
    if kept is not None:
        return kept
    text = card_text(card_for(layout, CardWish(id=id_), None, own_name()))
    with locked(layout):
        write_signed(path, text, b"")
    found = read_card(path)
    assert found is not None
    return found


def sign_files(
    layout: Layout,
    files: Sequence[Path],
    key_file: Path | None,
    name: str | None,
    environ: Mapping[str, str],
) -> str:
    """Sign files with entries and cards, each with a file beside it; return who signed. Raises
    NoKey, CheckerError.
    """
    if name is not None:
        if key_file is None:
            raise InvalidValue("--as needs --key FILE: the key of that signer")
        key = SigningKey(signer=parse_signer(name), file=key_file)
    else:
        key = find_key(allowed_keys(signers_file(layout)), key_file, environ, REGISTRY)
    texts = [text_by(path, key.signer) for path in files]
    signatures = (
        sign_for_registry(texts, key, signers_file(layout)) if name is None else sign(texts, key)
    )
    for path, text, signature in zip(files, texts, signatures, strict=True):
        write_signed(path, text, signature)
    return key.signer


def text_by(path: Path, signer: str) -> bytes:
    """Return the text of a file as this signer says it, now. Raises ConfigError."""
    text = beginning(path, MOST_BYTES + 1)
    now = int(time.time())
    try:
        if is_card(text):
            return card_text(replace(parse_card(text), changed_at=now, changed_by=signer))
        entry = parse_entry(text)
        head = replace(entry.head, changed_at=now, changed_by=signer)
        return entry_text(head, entry.node, entry.body)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error


def sign_draft(layout: Layout, id_: GatewayId, key: SigningKey | None) -> None:
    """Sign a card that lies here unsigned. Raises CheckerError."""
    if key is None:
        return
    path = card_path(layout, id_)
    text = text_by(path, key.signer)
    write_signed(path, text, sign_for_registry([text], key, signers_file(layout))[0])


def sign_cards(layout: Layout, key_file: Path | None) -> list[str]:
    """Sign the cards that lie here unsigned; return their gateways. Raises NoKey, CheckerError."""
    drafts = [one.card for one in good_cards(layout) if not one.sealed.signature]
    if not drafts or not fleet_of(layout).signed:
        return []
    key = signing_key(layout, key_file)
    for card in drafts:
        sign_draft(layout, card.id, key)
    return [card.id for card in drafts]


def cards_in(files: Sequence[Path]) -> list[Sealed]:
    """Read the cards of other gateways. Raises ConfigError if one is not a card."""
    many: list[Sealed] = []
    for path in files:
        sealed = read_sealed(path)
        if not is_card(sealed.text):
            raise ConfigError(path, "is not a card; print one on its gateway: fleet card")
        many.append(sealed)
    return many
