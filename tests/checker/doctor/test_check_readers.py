"""What `doctor` says about other accounts: what they read, and what they reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor.check_readers import guards
from checker.doctor.facts import ReaderFacts
from checker.doctor.findings import findings
from tests.checker.doctor.gateways import WELL, the

CLOSED = ReaderFacts(group="reversi-readers")
LISTED = """table inet reversi {
\tchain output {
\t\ttype filter hook output priority 0; policy accept;
\t\toif "lo" tcp dport 20000-29999 meta skuid != { 0, 990, 991 } reject with tcp reset
\t}
}
"""


def test_an_open_gateway_says_who_can_read_it() -> None:
    found = the(WELL, "readers")

    assert found.ok is True
    assert "every account of this machine may read" in found.sentence
    assert "readers_group" in found.sentence


def test_a_closed_gateway_names_its_readers() -> None:
    assert "members of reversi-readers" in the(replace(WELL, readers=CLOSED), "readers").sentence


@pytest.mark.parametrize(
    ("fault", "sentence", "mend"),
    [
        pytest.param({"is_missing": True}, "no group reversi-readers", "init", id="group"),
        pytest.param(
            {"outside": ("reversi",)}, "reversi cannot read the registry", "init", id="account"
        ),
        pytest.param({"loose": (Path("/a"),)}, "everyone can read /a", "init", id="open"),
        pytest.param(
            {"blind": ("anna", "otto")},
            "anna, otto may kill, but not look",
            "sudo usermod -aG reversi-readers anna",
            id="operator",
        ),
    ],
)
def test_what_is_wrong_with_readers_has_a_fix(
    fault: dict[str, object], sentence: str, mend: str
) -> None:
    found = the(replace(WELL, readers=replace(CLOSED, **fault)), "readers")  # type: ignore[arg-type]

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


def test_without_a_rule_doctor_says_that_every_account_reaches_the_ports() -> None:
    for unknown in (False, None):
        found = the(replace(WELL, is_guarded=unknown), "other accounts")

        assert found.ok is None
        assert "every account of this machine can connect to the nodes' ports" in found.sentence
        assert "docs/security.md" in found.mend


def test_a_home_is_its_owners_business() -> None:
    names = {one.name for one in findings(replace(WELL, layout=home_layout(Path("/srv/gate"))))}

    assert not names & {"readers", "other accounts"}


@pytest.mark.parametrize(
    ("rules", "guarded"),
    [
        pytest.param(LISTED, True, id="the rule of the page"),
        pytest.param(LISTED.replace('oif "lo"', 'oifname "lo"'), True, id="by the name"),
        pytest.param(LISTED.replace("20000-29999", "{ 20000-24999, 25000-29999 }"), True, id="set"),
        pytest.param(LISTED.replace("20000-29999", "20000-20999"), False, id="not all ports"),
        pytest.param(LISTED.replace("reject with tcp reset", "counter"), False, id="no refusal"),
        pytest.param(LISTED.replace("skuid !=", "skuid"), False, id="the other way round"),
        pytest.param("", False, id="no rule"),
    ],
)
def test_the_rule_of_the_security_page_is_known(rules: str, *, guarded: bool) -> None:
    assert guards(rules, range(20000, 30000)) is guarded
