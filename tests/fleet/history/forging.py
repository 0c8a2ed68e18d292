"""A stolen member: it replays what it recorded, and forges what it cannot sign."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field, replace

from checker.fleet.card_files import identity_path
from checker.fleet.cards import GatewayState, card_text, parse_card
from checker.fleet.letter_box import hand_over
from checker.fleet.sealed import Sealed, batch
from checker.model import Aim, NodeName, Port
from checker.model.gateway_id import GatewayId
from checker.registry.entries import Entry, entry_text, parse_entry
from checker.registry.entry_files import signature_path
from checker.signatures import SigningKey, sign
from tests.fleet.history import seeing
from tests.fleet.history.acting import Acting
from tests.fleet.history.plan import Step
from tests.fleet.history.posting import put
from tests.fleet.history.records import Forgery, History
from tests.fleet.history.world import Site, World
from tests.letters import letter, signed

MOST_KEPT = 400


@dataclass(kw_only=True)
class Rogue:
    """Has the third gateway's identity, and whatever travels."""

    world: World
    history: History
    acting: Acting
    kept: dict[tuple[str, int], Sealed] = field(default_factory=dict)
    """Each entry that it saw, by name and revision."""

    def record(self) -> None:
        """Keep the entries that the stolen gateway has now."""
        folder = self.thief.gateway.layout.fleet / "nodes"
        for path in sorted(folder.glob("*.toml")):
            try:
                sealed = Sealed(text=path.read_bytes(), signature=signature_path(path).read_bytes())
                entry = parse_entry(sealed.text)
            except FileNotFoundError:
                continue
            if len(self.kept) < MOST_KEPT:
                self.kept.setdefault((entry.name, entry.head.rev), sealed)

    @property
    def thief(self) -> Site:
        return self.world.site(2)

    def step(self, step: Step) -> None:
        """Bring a forgery to a gateway, which must do nothing, and look at once."""
        self.record()
        site = self.world.site(step.place)
        if "letter" in step.kind:
            self.bring_letter(site, step)
        elif self.kept and "bucket" in step.kind:
            put(self.thief.gateway, [self.forged(step)])  # whether or not the bucket works now
        elif self.kept:
            sealed = self.forged(step)
            home = str(site.gateway.home)
            subprocess.run(
                [sys.executable, "-m", "checker", "--home", home, "fleet", "import", "-"],
                input=batch([sealed]),
                capture_output=True,
                check=False,
                timeout=200,
            )
        self.history.add(Forgery(kind=step.kind, gateway=site.id, at=time.monotonic()))
        seeing.look(site, self.history)

    def forged(self, step: Step) -> Sealed:
        """Make what the step names."""
        keys = sorted(list(self.kept))  # noqa: C414 - a copy at once, as looks add to it
        kind = step.kind.removesuffix(" in the bucket")
        if kind == "old entry":
            keys = [(name, rev) for name, rev in keys if (name, rev + 1) in self.kept] or keys
        old = self.kept[keys[int(step.chance * len(keys))]]
        entry = parse_entry(old.text)
        match kind:
            case "old entry":
                return old
            case "changed entry":
                return replace(old, text=self.changed(entry))
            case "entry by an identity":
                return self.by_identity(self.changed(entry), entry.head.changed_by)
            case "tombstone by an identity":
                head = replace(entry.head, rev=entry.head.rev + 7)
                return self.by_identity(entry_text(head, None), entry.head.changed_by)
            case _:
                return self.removed_card()

    def removed_card(self) -> Sealed:
        """Make a card that removes the first gateway."""
        path = self.thief.gateway.layout.fleet / "gateways" / "gw1.toml"
        card = parse_card(path.read_bytes())
        removed = replace(card, rev=card.rev + 1, state=GatewayState.REMOVED)
        return self.by_identity(card_text(removed), card.changed_by)

    def changed(self, entry: Entry) -> bytes:
        """Return the next revision, with another note and enabled."""
        head = replace(entry.head, rev=entry.head.rev + 5)
        node = entry.node and replace(entry.node, enabled=True, note="rogue")
        return entry_text(head, node, entry.body)

    def by_identity(self, text: bytes, who: str) -> Sealed:
        key = identity_path(self.thief.gateway.layout)
        return Sealed(text=text, signature=sign([text], SigningKey(signer=who, file=key))[0])

    def bring_letter(self, site: Site, step: Step) -> None:
        """Bring a letter again, or to another gateway, or one by the identity key."""
        layout = site.gateway.layout
        if step.kind == "letter by an identity":
            assert site.victim is not None
            aim = Aim(
                node=NodeName(site.victim.node),
                port=Port(site.victim.ports[0]),
                session=site.session(site.victim.node),
            )
            wanted = letter(aim, gateway=GatewayId(site.id), by="editor1")
            hand_over(layout, signed(wanted, identity_path(self.thief.gateway.layout)))
            return
        is_home = step.kind == "old letter"
        found = [one for id_, one in self.acting.written if (id_ == site.id) is is_home]
        if found:
            hand_over(layout, found[int(step.chance * len(found))])
