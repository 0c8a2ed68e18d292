"""A real Prometheus scrapes a gateway, and evaluates alert rules and the dashboard's queries."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Event, EventKind
from checker.state.rows import Sweep
from tests.checker.cli.homes import MAIN, UP, write_state
from tests.contrib.test_prometheus import RULES, alerts, queries
from tests.programs import require
from tests.registry_samples import register
from tests.strategies import FORWARD, free_port
from tests.system.waiting import until

EXAMPLE = RULES.with_name("prometheus.yml")


@contextmanager
def running(*words: str | Path) -> Iterator[None]:
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A gateway that swept just now, with one forward that is up, and a kill in its past."""
    made = home_layout(tmp_path / "home")
    register(made, [FORWARD])
    write_state(
        made,
        tunnels=[replace(UP, probed_at=time.time())],
        sweep=Sweep(pid=1, swept_at=time.time(), every_s=600.0),
        events=[Event(at=time.time(), kind=EventKind.KILL, text="")],
    )
    return made


@pytest.fixture
def api(layout: Layout, tmp_path: Path) -> Iterator[str]:
    """Prometheus with the example's configuration, asked as a program would."""
    require("prometheus")
    metrics, port = free_port(), free_port()
    config = tmp_path / "prometheus.yml"
    text = EXAMPLE.read_text().replace("127.0.0.1:9948", f"127.0.0.1:{metrics}")
    text = text.replace(" 30s", " 1s").replace("reversi.rules.yml", str(RULES))
    config.write_text(text.replace("127.0.0.1:9093", f"127.0.0.1:{free_port()}"))
    home = str(layout.home)
    with ExitStack() as stack:
        listen = ("metrics", "--listen", f"127.0.0.1:{metrics}")
        stack.enter_context(running(sys.executable, "-c", MAIN, "--home", home, *listen))
        stack.enter_context(
            running(
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            )
        )
        yield f"http://127.0.0.1:{port}/api/v1"


def asked(api: str, path: str, **words: str) -> Any:
    """The data of an answer; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"{api}/{path}?{urllib.parse.urlencode(words)}") as answer:
            return json.load(answer)["data"]
    except (urllib.error.URLError, ConnectionError):
        return None


def found(api: str, query: str) -> list[tuple[dict[str, str], float]]:
    """The series of a query, and the value of each."""
    data = asked(api, "query", query=query)
    return [(one["metric"], float(one["value"][1])) for one in data["result"]] if data else []


def test_prometheus_scrapes_evaluates_and_answers(api: str) -> None:
    until(lambda: found(api, 'up{job="reversi"} == 1'), "a scrape")

    assert found(api, "reversi_forward_up") == [
        (
            {
                "__name__": "reversi_forward_up",
                "instance": "gateway.example.org",
                "job": "reversi",
                "node": "office",
                "port": "20010",
            },
            1.0,
        )
    ]
    assert [value for _, value in found(api, "reversi_kills_total")] == [1.0]
    for query in queries():
        assert asked(api, "query", query=query) is not None, query
    quiet = dict.fromkeys(alerts(), ("ok", "inactive"))
    # on a busy machine a scrape that took too long makes an alert pending for a moment
    until(lambda: states(api) == quiet, "each rule was evaluated, and no alert is raised")


def states(api: str) -> dict[str, tuple[str, str]]:
    """Health and state of each rule, by its name."""
    groups = (asked(api, "rules") or {"groups": []})["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule["name"]: (rule["health"], rule["state"]) for rule in rules}
