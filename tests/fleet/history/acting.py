"""Acts: end the tunnel of a victim by a letter, brought at home or over the bus."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from checker.control.bringing import NoAnswer, NobodyThere
from checker.control.post import bring
from checker.fleet.letter_box import hand_over
from checker.model import Aim, NodeName, Port, ProcessId
from checker.model.gateway_id import GatewayId
from tests.fleet.history.plan import Step
from tests.fleet.history.records import Act, History, Result
from tests.fleet.history.world import Site, World
from tests.letters import letter, signed
from tests.system.clients import Connection

UP_WITHIN_S = 10.0
POLL_S = 0.1


@dataclass(kw_only=True)
class Acting:
    """Writes letters, and keeps them: a stolen member recorded them all."""

    world: World
    history: History
    written: list[tuple[str, bytes]] = field(default_factory=list)
    """The gateway that each was for, and the letter."""

    def step(self, step: Step) -> None:
        """Have the tunnel of a victim ended, if it is up."""
        site, writer = self.world.site(step.place), self.world.site(step.other)
        session = self.came_up(site)
        if session is None:
            return
        assert site.victim is not None
        aim = Aim(node=NodeName(site.victim.node), port=Port(site.victim.ports[0]), session=session)
        wanted = letter(
            aim, gateway=GatewayId(site.id), by=writer.editor.name, via=GatewayId(writer.id)
        )
        content = signed(wanted, writer.editor.key)
        self.written.append((site.id, content))
        began = time.monotonic()
        result, sentence = self.send(site, writer if step.chance < 0.7 else site, content)
        self.history.add(
            Act(
                nonce=wanted.nonce,
                by=wanted.by,
                gateway=site.id,
                node=site.victim.node,
                pid=session.pid,
                began=began,
                result=result,
                sentence=sentence,
            )
        )

    def send(self, site: Site, writer: Site, content: bytes) -> tuple[Result, str]:
        """Bring a letter, twice if no answer came: repeating is safe."""
        for _ in range(2):
            found = self.bring(site, writer, content)
            if found[0] is not Result.UNKNOWN:
                break
        return found

    def bring(self, site: Site, writer: Site, content: bytes) -> tuple[Result, str]:
        if writer is site:
            return result_of(json.loads(hand_over(site.gateway.layout, content)))
        try:
            answer = bring(writer.gateway.layout, GatewayId(site.id), content)
        except (NobodyThere, NoAnswer) as error:
            # nobody was there now; the stolen member has the letter, and may bring it later
            return Result.UNKNOWN, str(error)
        return result_of(json.loads(answer))

    def came_up(self, site: Site) -> ProcessId | None:
        """Return the process that holds the victim's tunnel, which connects again if it is gone;
        None: it does not come up now.
        """
        device = site.victim
        assert device is not None
        if site.connection is None or not site.connection.lives:
            if site.connection is not None:
                site.gateway.connections.remove(site.connection)
                site.connection.close()
            site.connection = Connection([*device.ssh("-T", *device.forwards()), "hold", "first"])
            site.gateway.connections.append(site.connection)
        end = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < end:
            if (found := site.session(device.node)) is not None:
                return found
            time.sleep(POLL_S)
        return None


def result_of(answer: dict[str, Any]) -> tuple[Result, str]:
    if "refused" in answer:
        return Result.REFUSED, str(answer["refused"])
    if answer.get("unknown"):
        return Result.UNKNOWN, ""
    return Result.DONE, str(answer["outcomes"][0]["sentence"])
