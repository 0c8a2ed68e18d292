"""The verbs `probe`, `kill` and `reset`."""

from __future__ import annotations

import json

import pytest

from checker.cli.acts import act_code
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.control.client import Control
from checker.model import Aim, Outcome, Port, Verb
from checker.registry.reading import read_registry
from tests.checker.cli.homes import Run
from tests.strategies import OFFICE, PORT


@pytest.mark.parametrize("verb", ["kill", "reset"])
def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    checker: Run, office: Layout, verb: str
) -> None:
    assert checker(verb, "office", "--dry-run") == (
        ExitCode.OK,
        f"office:20010: would {verb}\n",
        "",
    )
    assert checker("node", "remove", "office", "--dry-run") == (
        ExitCode.OK,
        (
            f"would remove node office: {office.nodes}/office.toml\n"
            "would reject its key: its device cannot log in again\n"
            "would free port 20010 for other nodes\n"
            "would end its tunnel\n"
        ),
        "",
    )
    assert list(read_registry(office.nodes).nodes) == ["office"]
    assert not office.state.exists()


def test_an_act_without_a_daemon_is_done_by_the_command_itself(checker: Run, own: Port) -> None:
    code, out, _ = checker("kill", "office", "--json", "--yes")

    assert code == ExitCode.NOT_UP
    document = json.loads(out)
    assert list(document) == ["schema", "verb", "outcomes"]
    assert document["outcomes"] == [
        {"node": "office", "port": own, "done": False, "sentence": f"nobody listens on port {own}"}
    ]


def test_an_act_without_a_registry_says_so(layout: Layout) -> None:
    aims = [Aim(node=OFFICE, port=PORT)]

    outcomes = Control(layout=layout).act(Verb.RESET, aims)

    assert [one.sentence for one in outcomes] == [
        f"the registry cannot be read: there is no directory {layout.nodes}"
    ]


def test_a_probe_without_a_daemon_prints_and_stores_the_status(checker: Run, own: Port) -> None:
    code, out, _ = checker("probe", str(own))

    assert (code, out) == (ExitCode.NOT_UP, f"office:{own}: down: nobody listens\n")
    assert json.loads(checker("status", "--json")[1])["tunnels"][0]["status"] == "down"


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        pytest.param("up", ExitCode.OK, id="up"),
        pytest.param("up: its key is on two devices", ExitCode.OK, id="up, with a remark"),
        pytest.param("unknown: could not be probed", ExitCode.NOT_UP, id="unknown"),
        pytest.param("hung: nothing came", ExitCode.NOT_UP, id="hung"),
    ],
)
def test_the_exit_status_of_a_probe_depends_on_what_it_saw(sentence: str, code: ExitCode) -> None:
    assert (
        act_code(Verb.PROBE, [Outcome(node=OFFICE, port=PORT, done=True, sentence=sentence)])
        is code
    )
