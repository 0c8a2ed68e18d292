"""An editor: edits nodes at one gateway, tells the others, and notes what he was told."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.registry.reading import read_registry
from checker.sshd.keygen import make_key
from tests.fleet.history.plan import GATEWAYS, Step, pick
from tests.fleet.history.records import Delivered, Edit, History, Result
from tests.fleet.history.world import Site

REFUSED = 2
FIRST_PORT, PORTS = 40_000, 2_000
"""Of the editors: each has ports of his own, on which nobody listens."""
MOST_NODES = 6
TARGET = "127.0.0.1:22,banner:SSH-2.0"
POSTED = "posted on the bus"
DELIVERED = re.compile(r"^(\S+): (?:has everything|([0-9]+) of \2 entries and cards taken)$")
BARRING = frozenset({"disable", "remove", "rekey"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A node as its editor remembers it."""

    id: str
    name: str
    key: str
    port: int
    enabled: bool = True


@dataclass(kw_only=True)
class Editor:
    """Edits nodes of his own: without a bus, nobody else may edit those."""

    site: Site
    history: History
    folder: Path
    """For the keys of nodes."""
    nodes: dict[str, Known] = field(default_factory=dict)
    number: int = 0
    is_posted: bool = False
    """Whether the last edit was posted on the bus."""

    def step(self, step: Step) -> None:
        """Make one edit, if there is a node for it, and tell the others if that is due."""
        verb = step.kind
        if verb != "add" and not self.nodes:
            verb = "add"
        elif verb in {"add", "allot"} and len(self.nodes) >= MOST_NODES:
            verb = "remove"
        self.number += 1
        if verb == "add":
            self.add()
        elif verb == "allot":
            self.allot()
        else:
            known = self.nodes[pick(step.chance, sorted(self.nodes))]
            self.edit(verb, known)
        if verb in BARRING or step.chance < 0.5:
            self.push()

    @property
    def place(self) -> int:
        return GATEWAYS.index(self.site.id)

    def new_key(self) -> tuple[str, Path]:
        """Make a key; return its text and its file."""
        path = self.folder / f"{self.site.id}-{self.number}"
        make_key(path, comment="node")
        public = path.with_suffix(".pub")
        return " ".join(public.read_text(encoding="ascii").split()[:2]), public

    def new_port(self) -> int:
        return FIRST_PORT + self.place * PORTS + self.number % PORTS

    def add(self) -> None:
        key, public = self.new_key()
        id_ = f"{self.site.id}-{self.number}"
        known = Known(id=id_, name=f"n-{id_}", key=key, port=self.new_port())
        forward = f"{known.port}={TARGET}"
        words = ("node", "add", known.name, "--forward", forward, "--public-key", str(public))
        self.make("add", known, known, *words)

    def allot(self) -> None:
        """Add a node to which the gateway gives a port, at the same time as others. Without the bus
        another gateway may give the same port: so such a node is taken away again at once.
        """
        key, public = self.new_key()
        id_ = f"{self.site.id}-{self.number}"
        known = Known(id=id_, name=f"a-{id_}", key=key, port=0)
        words = ("node", "add", known.name, "--forward", TARGET, "--public-key", str(public))
        self.make("allot", known, known, *words)
        if id_ in self.nodes and not self.is_posted:
            self.edit("remove", self.nodes[id_])

    def edit(self, verb: str, known: Known) -> None:
        name = known.name
        match verb:
            case "set":
                self.make(verb, known, known, "node", "set", name, "--note", f"e{self.number}")
            case "enable" | "disable":
                after = replace(known, enabled=verb == "enable")
                self.make(verb, known, after, "node", verb, name)
            case "rekey":
                key, public = self.new_key()
                words = ("node", "rekey", name, "--now", "--public-key", str(public))
                self.make(verb, known, replace(known, key=key), *words)
            case "move":
                after = replace(known, port=self.new_port())
                words = ("node", "move", name, str(known.port), str(after.port), "--now")
                self.make(verb, known, after, *words)
            case "rename":
                after = replace(known, name=f"m-{self.site.id}-{self.number}")
                self.make(verb, known, after, "node", "rename", name, after.name)
            case "remove":
                self.make(verb, known, None, "node", "remove", name, "--yes")
            case _:
                raise AssertionError(verb)

    def make(self, verb: str, before: Known, after: Known | None, *words: str) -> None:
        """Make an edit, and note it."""
        began = time.monotonic()
        done = self.site.do(*words)
        result = result_of(done)
        self.is_posted = POSTED in done.stderr
        if after is not None and verb == "allot" and result is Result.DONE:
            after = self.with_its_port(after)
        self.history.add(
            Edit(
                number=self.number,
                node=before.id,
                verb=verb,
                sets=sets(verb, before, after, self.number),
                gateway=self.site.id,
                began=began,
                ended=time.monotonic(),
                result=result,
                said=done.stderr[-300:] if result is not Result.DONE or done.stderr else "",
            )
        )
        if result is Result.DONE:
            self.nodes.pop(before.id, None)
            if after is not None:
                self.nodes[before.id] = after
        elif result is Result.UNKNOWN:
            self.look_again(before, after)

    def with_its_port(self, known: Known) -> Known:
        """Return it with the port that the gateway gave it; 0 if the node is gone already."""
        found = read_registry(self.site.gateway.layout.nodes).nodes
        ports = [one.ports[0] for name, one in found.items() if name == known.name]
        return replace(known, port=ports[0] if ports else 0)

    def look_again(self, before: Known, after: Known | None) -> None:
        """After an edit of which nobody knows whether it was made, see what there is."""
        names = read_registry(self.site.gateway.layout.nodes).nodes
        found = next((one for one in (after, before) if one and one.name in names), None)
        self.nodes.pop(before.id, None)
        if found is not None:
            node = names[next(name for name in names if name == found.name)]
            self.nodes[before.id] = replace(
                found, key=node.public_key, port=node.ports[0], enabled=node.enabled
            )

    def push(self) -> None:
        """Bring the others what is new, and note whom that reached."""
        began = time.monotonic()
        done = self.site.push()
        for gateway in delivered(done.stdout):
            self.history.add(
                Delivered(source=self.site.id, gateway=gateway, began=began, ended=time.monotonic())
            )


def result_of(done: subprocess.CompletedProcess[str]) -> Result:
    if done.returncode == 0 and "on this gateway only" not in done.stderr:
        return Result.DONE
    return Result.REFUSED if done.returncode == REFUSED else Result.UNKNOWN


def delivered(out: str) -> list[str]:
    """Return the gateways that a push says to have everything."""
    lines = out.splitlines()
    full = [found[1] for line in lines if (found := DELIVERED.match(line))]
    return [one for one in full if sum(line.startswith(f"{one}: ") for line in lines) == 1]


def sets(verb: str, before: Known, after: Known | None, number: int) -> dict[str, str]:
    """Return the fields that an edit changes."""
    if after is None:
        return {"exists": "no"}
    values = {
        "name": after.name,
        "key": after.key,
        "port": str(after.port),
        "enabled": "yes" if after.enabled else "no",
    }
    match verb:
        case "add" | "allot":
            return {**values, "exists": "yes", "note": ""}
        case "set":
            return {"note": f"e{number}"}
        case "enable" | "disable":
            return {"enabled": values["enabled"]}
        case "rekey":
            return {"key": after.key}
        case "move":
            return {"port": values["port"]}
        case _:
            return {"name": after.name}
