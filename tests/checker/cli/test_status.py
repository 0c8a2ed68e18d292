"""The verb `status`."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.registry.changes import add
from checker.registry.enrolments import write_enrolment
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.rows import Sweep
from tests.checker.cli.homes import COMMAND, UP, Run, write_state
from tests.enrolled import FIELD, applicant
from tests.strategies import NOW, node


def test_status_without_a_state_file_shows_what_is_registered(checker: Run, office: Layout) -> None:
    code, out, err = checker("status", "--json")

    document = json.loads(out)
    assert code == ExitCode.NOT_UP
    assert list(document) == [
        "schema",
        "now",
        "swept_at",
        "probe_every_s",
        "tunnels",
        "unregistered",
        "broken",
        "pending",
        "draining",
    ]
    assert (document["schema"], document["swept_at"], document["probe_every_s"]) == (1, None, 20.0)
    assert list(document["tunnels"][0]) == [
        "node",
        "port",
        "target",
        "expect",
        "status",
        "detail",
        "latency_ms",
        "pid",
        "peer",
        "since",
        "probed_at",
        "checked_at",
        "failures",
        "kills",
        "calls_itself",
        "tags",
        "note",
    ]
    assert document["tunnels"][0]["status"] == "unknown"
    assert err.startswith("reversi-checker: warning: there is no state file")
    assert not office.state.exists()


def test_status_shows_what_was_seen(checker: Run, office: Layout) -> None:
    write_state(office, tunnels=[UP], sweep=Sweep(pid=1, swept_at=NOW, every_s=30.0))

    code, out, _ = checker("status", "--json", "office")
    document = json.loads(out)
    table = checker("status")[1].splitlines()

    assert code == ExitCode.NOT_UP, "what was seen long ago is not known to be up"
    assert (document["swept_at"], document["probe_every_s"]) == (NOW, 30.0)
    assert (document["tunnels"][0]["pid"], document["tunnels"][0]["latency_ms"]) == (7, 12.4)
    assert table[0].split()[:4] == ["NODE", "PORT", "TARGET", "STATUS"]
    assert table[1].split()[:5] == ["office", "20010", "127.0.0.1:22", "up", "(stale)"]


def test_the_last_line_says_that_devices_wait(checker: Run, office: Layout) -> None:
    asked = [applicant(1), applicant(2), applicant(3, is_rejected=True)]
    write_state(office, applicants=asked)
    write_enrolment(office, FIELD)

    assert checker("status")[2] == ("2 devices wait to be accepted: reversi-checker node pending\n")
    assert json.loads(checker("status", "--json")[1])["pending"] == 2
    assert checker("status", "office")[2] == ""
    assert (
        f"{asked[0].name} is not a node yet: its device"
        in checker("node", "show", asked[0].name)[2]
    )

    write_state(office, dropped=[asked[0].fingerprint])
    assert checker("status")[2].startswith("1 device waits to be accepted")
    write_state(office, dropped=[asked[1].fingerprint])
    assert checker("status")[2] == ""


def test_the_exit_status_is_0_if_all_are_up(checker: Run, office: Layout) -> None:
    write_state(
        office,
        tunnels=[replace(UP, probed_at=time.time())],
        sweep=Sweep(pid=1, swept_at=time.time(), every_s=30.0),
    )

    assert checker("status")[0] == ExitCode.OK


def test_a_copied_node_file_has_its_own_row(checker: Run, office: Layout) -> None:
    (office.nodes / "office-old.toml").write_bytes((office.nodes / "office.toml").read_bytes())
    os.utime(office.nodes / "office.toml", (1, 1))

    code, out, _ = checker("status")
    assert code == ExitCode.NOT_UP
    assert re.search(
        r"^office-old +- +- +broken .*office-old.toml: .* belongs to node office; ",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^office +20010 ", out, re.MULTILINE)
    assert checker("status", "office-old")[0] == ExitCode.NOT_UP
    code, out, _ = checker("node", "list")
    assert re.search(r"^office-old .*broken: ", out, re.MULTILINE)
    code, _, err = checker("node", "show", "office-old")
    assert code == ExitCode.USAGE
    assert "belongs to node office" in err
    code, _, err = checker("node", "expire", "office-old", "2031-12-31")
    assert code == ExitCode.USAGE
    assert "only node disable and node remove work on it" in err
    assert checker("node", "remove", "office-old")[0] == ExitCode.OK
    assert list(read_registry(office.nodes).nodes) == ["office"]


def test_a_node_comes_before_its_namesake_with_a_number(checker: Run, office: Layout) -> None:
    with locked(office):
        add(office, node("office-2", number=2, ports=(20011,)), COMMAND)

    names = [tunnel["node"] for tunnel in json.loads(checker("status", "--json")[1])["tunnels"]]
    listed = [one["name"] for one in json.loads(checker("node", "list", "--json")[1])["nodes"]]

    assert names == listed == ["office", "office-2"]
