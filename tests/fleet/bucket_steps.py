"""Steps of the tests of the bucket: commands of a gateway, and what bucket and disks have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from checker.config.settings import load_config
from checker.control.bucket import Bucket, open_as_editor
from checker.control.bus_line import call
from checker.fleet.bucket_news import BucketNews, news_path, read_news
from checker.fleet.bus_config import AGENT
from checker.fleet.bus_files import password_of
from checker.fleet.exchange import documents
from checker.model import CheckerError
from checker.registry.bucket_values import NODE, UPDATE, Key, Value
from checker.registry.entries import rev_of
from checker.registry.entry_files import entries_folder, entry_path
from checker.registry.reading import read_registry
from checker.signatures import KEY_FILE
from tests.fleet.buses import WITHIN_S, Station, stations, until_connected
from tests.programs import require
from tests.system.waiting import until

FORWARD = ("--forward", "127.0.0.1:22,banner:SSH-2.0")


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str


def start(station: Station, *words: str) -> subprocess.Popen[str]:
    """Begin a command on a gateway, with anna's key at hand."""
    return subprocess.Popen(
        [sys.executable, "-m", "checker", "--home", str(station.home), *words],
        cwd=station.home,
        env={**os.environ, KEY_FILE: str(station.home.parent / "people" / "anna")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=WITHIN_S)
    return Said(code=process.returncode, out=out, err=err)


def do(station: Station, *words: str) -> Said:
    said = ended(start(station, *words))
    assert said.code == 0, said.err
    return said


def add(station: Station, name: str, port: str = "") -> Said:
    return do(station, "node", "add", name, "--forward", f"{port}127.0.0.1:22,banner:SSH-2.0")


def nodes(station: Station) -> dict[str, tuple[int, ...]]:
    """The ports of each node of a gateway."""
    found = read_registry(station.layout.nodes).nodes
    return {name: tuple(one.ports) for name, one in found.items()}


def revision(station: Station, name: str) -> int:
    path = entry_path(station.layout, name)  # type: ignore[arg-type]
    return rev_of(path.read_bytes()) if path.exists() else 0


def in_bucket(station: Station) -> dict[str, Value]:
    """What the bucket has, by name of a node; nothing if it cannot be read now."""
    try:
        with open_as_editor(station.layout) as bucket:
            found = {one.key: one for one in bucket.after(0)}
    except CheckerError:
        return {}
    return {key.name: one for key, one in found.items() if key and key.kind == NODE}


def value_of(station: Station, name: str) -> Value:
    """What the bucket has of a node that must be there; wait until the bucket can be read."""
    return until(lambda: in_bucket(station).get(name), f"{name} in the bucket", within_s=WITHIN_S)


def last(station: Station) -> int:
    """Raises CheckerError."""
    with open_as_editor(station.layout) as bucket:
        return bucket.state().mark.seq


def at_rest(station: Station) -> int:
    """Return the last sequence, however slow the bus is."""
    until(lambda: can_edit(station), "the bucket answers", within_s=WITHIN_S)
    return last(station)


def put(station: Station, key: Key, content: bytes) -> None:
    """Write into the bucket as a rogue does: without comparing anything."""
    with open_as_editor(station.layout) as bucket:
        bucket.post([(key, content)], None)


def until_all(many: list[Station], done: Callable[[Station], object], what: str) -> None:
    for one in many:
        until(lambda one=one: done(one), f"{what} at {one.id}", within_s=WITHIN_S)  # type: ignore[misc]


def until_compared(station: Station, times: int = 2) -> BucketNews:
    """Wait until the agent compared once more with everything known; what it found."""
    for _ in range(times):
        news_path(station.layout).unlink(missing_ok=True)
        folder = entries_folder(station.layout)  # it looks at once
        next(folder.glob("*.toml")).touch()
        folder.touch()
        until(
            lambda: (found := read_news(station.layout)) and not found.trouble,
            f"{station.id} compares",
            within_s=WITHIN_S,
        )
    found = read_news(station.layout)
    assert found is not None
    return found


def until_same(many: list[Station]) -> None:
    """Wait until bucket and all disks have the same entries."""

    def texts(station: Station) -> dict[str, bytes]:
        return {
            name: sealed.text
            for (kind, name), (_, sealed) in documents(station.layout).items()
            if kind == "nodes"
        }

    def are_same() -> bool:
        first = texts(many[0])
        there = in_bucket(many[0])
        return all(texts(one) == first for one in many[1:]) and all(
            name in there and there[name].text == text for name, text in first.items()
        )

    until(are_same, "all have the same", within_s=WITHIN_S)


def can_edit(station: Station) -> bool:
    """Return whether the bucket answers this gateway."""
    try:
        return last(station) >= 0
    except CheckerError:
        return False


def copies(station: Station) -> int:
    """Return how many gateways have the bucket; 0 if it does not answer."""
    try:
        with open_as_editor(station.layout) as bucket:
            return bucket.state().replicas
    except CheckerError:
        return 0


def keep_one_copy(station: Station) -> bool:
    """Have one gateway alone have the bucket, as an agent can; return whether that was done."""
    settings = load_config(station.layout.config).fleet
    assert settings is not None
    try:
        password = password_of(station.layout, AGENT)
        with Bucket(call(settings.bus_port, AGENT, password, "test")) as bucket:
            return bucket.manage(UPDATE, 1).replicas == 1
    except CheckerError:
        return False


@contextmanager
def fleet_with_a_bucket(folder: Path) -> Iterator[list[Station]]:
    """Run three gateways with a bucket until the end of the block."""
    with redirect_stdout(StringIO()), stations(folder, ("gw1", "gw2", "gw3")) as found:
        until_connected(found)
        until_all(found, can_edit, "the bucket")
        yield found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, sbin: None) -> Iterator[list[Station]]:
    require("nats-server")
    with fleet_with_a_bucket(tmp_path_factory.mktemp("bucket")) as found:
        yield found
