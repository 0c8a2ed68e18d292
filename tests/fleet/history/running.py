"""Run the steps: three editors, an operator, two who break things, and a stolen member at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.fleet.history import breaking, seeing
from tests.fleet.history.acting import Acting
from tests.fleet.history.checks import SAME_WITHIN_S
from tests.fleet.history.editing import Editor
from tests.fleet.history.forging import Rogue
from tests.fleet.history.haunted import Haunted
from tests.fleet.history.plan import Step
from tests.fleet.history.records import Edit, Healed, History, Result
from tests.fleet.history.world import World
from tests.system.waiting import until

WAITING = 2
"""Steps for one worker, before the others wait for it."""
TRIED = 4
"""Keys that a look tries."""


class Worker:
    """Does one step after the other; what fails in it is raised at the end."""

    def __init__(self, name: str, do: Callable[[Step], None]) -> None:
        self.do = do
        self.steps: queue.Queue[Step | None] = queue.Queue(WAITING)
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.run, name=name, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while (step := self.steps.get()) is not None:
            if self.failure is None:
                try:
                    self.do(step)
                except BaseException as error:  # noqa: BLE001 - raised in `end`
                    self.failure = error

    def end(self) -> None:
        """Wait until it has done all. Raises what it raised."""
        self.steps.put(None)
        self.thread.join()
        if self.failure is not None:
            raise self.failure


class Run:
    """One run: `go`, then `heal`."""

    def __init__(self, world: World, history: History) -> None:
        self.world, self.history = world, history
        folder = world.folder / "keys"
        folder.mkdir()
        self.folder = folder
        self.editors = [Editor(site=site, history=history, folder=folder) for site in world.all]
        self.acting = Acting(world=world, history=history)
        self.rogue = Rogue(world=world, history=history, acting=self.acting)
        self.haunted = Haunted(world=world)

    def go(self, steps: Iterable[Step]) -> None:
        """Do these steps, and end the workers."""
        editors = [Worker(f"editor {one.site.id}", one.step) for one in self.editors]
        breakers = [
            Worker(f"breaker {number}", lambda step: breaking.step(self.world, self.history, step))
            for number in (1, 2)
        ]
        others = {
            "act": Worker("acts", self.acting.step),
            "forge": Worker("rogue", self.rogue.step),
            "look": Worker("looks", self.look),
        }
        workers = [*editors, *breakers, *others.values()]
        self.note_what_stays()
        self.haunted.start()
        for number, step in enumerate(steps):
            if any(worker.failure for worker in workers):
                break
            match step.what:
                case "edit":
                    editors[step.place].steps.put(step)
                case "fault":
                    breakers[number % 2].steps.put(step)
                case what:
                    others[what].steps.put(step)
        for worker in workers:
            worker.end()

    def note_what_stays(self) -> None:
        """Note the nodes that are there from the beginning, and their tunnels."""
        now = time.monotonic()
        seeing.sessions(self.world, self.history)
        for name, values in seeing.look(self.world.site(0), self.history).nodes.items():
            made = {**values, "name": name, "exists": "yes"}
            self.history.add(
                Edit(
                    number=0,
                    node=name,
                    verb="add",
                    sets=made,
                    gateway=self.world.site(0).id,
                    began=now,
                    ended=now,
                    result=Result.DONE,
                )
            )

    def look(self, step: Step) -> None:
        """Look at all gateways, and try some keys at one."""
        self.rogue.record()
        for site in self.world.all:
            seeing.look(site, self.history)
        seeing.sessions(self.world, self.history)
        self.haunted.look(self.history)
        site = self.world.site(step.place)
        for key, file in self.keys()[-TRIED:]:
            seeing.try_key(site, key, file, self.history)

    def keys(self) -> list[tuple[str, Path]]:
        """Return the keys that were barred lately, and the files of their private parts."""
        files = {
            " ".join(path.read_text(encoding="ascii").split()[:2]): path.with_suffix("")
            for path in self.folder.glob("*.pub")
        }
        made: dict[str, str] = {}
        barred = []
        for one in self.history.of(Edit):
            if one.result is Result.DONE:
                if "key" in one.sets or "no" in one.sets.values():
                    barred.append(made.get(one.node, ""))
                made[one.node] = one.sets.get("key", made.get(one.node, ""))
        return [(key, files[key]) for key in dict.fromkeys(barred) if key in files]

    def heal(self) -> float:
        """Mend everything, let the editors tell each other, and look; return how long it took
        until all registries were the same, or until we gave up: the checks say what is not.
        """
        self.world.heal()
        began = time.monotonic()
        self.history.add(Healed(at=began))
        is_soon(self.are_told, "each gateway has everything")
        took_s = time.monotonic() - began
        is_soon(lambda: self.haunted.is_settled(self.history), "mirrors have what gateways see")
        time.sleep(max(0.0, began + SAME_WITHIN_S - time.monotonic()))
        for site in self.world.all:
            seeing.look(site, self.history)
            seeing.acts(site, self.history)
        seeing.sessions(self.world, self.history)
        for site in self.world.all:
            for key, file in self.keys()[-2 * TRIED :]:
                seeing.try_key(site, key, file, self.history)
        return took_s

    def are_told(self) -> bool:
        """Have each editor push; return whether all registries are the same now."""
        for editor in self.editors:
            editor.push()
        found = [seeing.look(site, History()) for site in self.world.all]
        return all(one.entries == found[0].entries for one in found)


def is_soon(fact: Callable[[], bool], what: str) -> bool:
    """Return whether the fact becomes true in time."""
    try:
        return until(fact, what)
    except AssertionError:
        return False
