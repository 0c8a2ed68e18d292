"""Break one thing for a while, and mend it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Iterator

import psutil

from checker.fleet.bus_files import bus_store
from tests.fleet.history.network import pairs_of
from tests.fleet.history.plan import Step
from tests.fleet.history.records import Fault, History
from tests.fleet.history.world import Program, Site, World

POLL_S = 0.005
LATEST_S = 1.0
"""After which what takes entries in is killed, at the latest."""


def step(world: World, history: History, step: Step) -> None:
    """Break what the step names, as long as it says, and note it."""
    site = world.site(step.place)
    with site.lock:
        began = time.monotonic()
        with broken(world, site, step) as is_broken:
            if not is_broken:
                return
            time.sleep(step.lasts_s)
        target = f"{site.id}-{world.site(step.other).id}" if step.kind == "split" else site.id
        history.add(Fault(kind=step.kind, target=target, began=began, ended=time.monotonic()))


@contextlib.contextmanager
def broken(world: World, site: Site, step: Step) -> Iterator[bool]:
    """It is broken during the block; False: there was nothing to break."""
    match step.kind.split():
        case ["freeze", "daemon"]:
            assert site.gateway.daemon is not None
            with frozen(psutil.Process(site.gateway.daemon.pid)):
                yield True
        case ["freeze", what]:
            process = program(site, what).process
            assert process is not None
            with frozen(psutil.Process(process.pid)):
                yield True
        case ["kill", "daemon"]:
            site.gateway.kill_daemon()
            yield True
            site.gateway.serve()
        case ["kill", "apply"]:
            yield kill_apply(site, world.site(step.other), step.chance)
        case ["kill", what]:
            program(site, what).kill()
            yield True
            program(site, what).start()
        case ["split"]:
            cut = world.network.cut([(site.id, world.site(step.other).id)])
            yield True
            world.network.mend(cut)
        case ["isolate"]:
            cut = world.network.cut(pairs_of(site.id))
            yield True
            world.network.mend(cut)
        case ["wipe", what]:
            wipe(site, what)
            yield True
        case _:
            raise AssertionError(step.kind)


def program(site: Site, what: str) -> Program:
    return site.bus if what == "bus" else site.agent


@contextlib.contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def kill_apply(site: Site, giver: Site, chance: float) -> bool:
    """Have another gateway push, and kill what takes that in here, early or late; return whether
    there was anything to kill.
    """
    pushing = threading.Thread(target=giver.push)
    pushing.start()
    killed = False
    while pushing.is_alive() and not killed:
        if (found := applying(site)) is not None:
            time.sleep(chance * LATEST_S)
            with contextlib.suppress(psutil.NoSuchProcess):
                found.kill()
                killed = True
        time.sleep(POLL_S)
    pushing.join()
    return killed


def applying(site: Site) -> psutil.Process | None:
    """Return the process that takes entries in at this gateway, if one does."""
    words = {"fleet", "import", str(site.gateway.home)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if words <= set(process.cmdline()):
                return process
    return None


def wipe(site: Site, what: str) -> None:
    """Remove a store that may be lost."""
    layout = site.gateway.layout
    match what:
        case "mirrors":
            for path in layout.mirrors.glob("*.db*"):
                path.unlink(missing_ok=True)
        case "inbox":
            shutil.rmtree(layout.inbox, ignore_errors=True)
        case _:
            site.bus.kill()
            shutil.rmtree(bus_store(layout), ignore_errors=True)
            site.bus.start()
