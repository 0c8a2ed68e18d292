"""What `doctor --login` finds, from what came of each login."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checker.doctor.examine import refused_nodes
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding
from checker.doctor.findings import findings
from checker.doctor.login_facts import Trial, first_refusal, ours_among, places, worth_showing
from checker.doctor.login_trial import is_here
from checker.model import NodeName, Port, Tunnel
from checker.sshd.log_lines import LogLine
from checker.sshd.refused_logins import Reason, RefusedLogin
from checker.tunnels.shut_out import CONDITION
from tests.checker.doctor.gateways import WELL, changed, the

HERE = "127.0.0.1:22"
GATEWAY = "gateway.example.org:22"
DENIED = "User reversi from 127.0.0.1 not allowed because a group is listed in DenyGroups"


def with_trial(**values: Any) -> Facts:
    place = values.pop("place", HERE)
    return replace(WELL, trials=(Trial(place=place, is_own=place == HERE, **values),))


def judged(**values: Any) -> Finding:
    return the(with_trial(**values), f"login {values.get('place', HERE)}")


def refusal(reason: Reason, words: str = DENIED) -> RefusedLogin:
    return RefusedLogin(reason=reason, words=words)


def test_a_login_that_the_gate_answers_is_good() -> None:
    found = judged(answer="1 0.2.0")

    assert found.ok is True
    assert found.sentence == "a node's key logs in, and the gate answers '1 0.2.0'"


@pytest.mark.parametrize(
    ("values", "sentence", "mend"),
    [
        pytest.param(
            {"exit_status": 255, "refusal": refusal(Reason.DENY_GROUPS)},
            f"sshd does not let a node's key in: {DENIED}",
            "grep -ri '^ *Deny' /etc/ssh",
            id="refused, by sshd's words",
        ),
        pytest.param(
            {
                "exit_status": 255,
                "refusal": refusal(Reason.PAM, "pam_unix(sshd:account): account has expired"),
            },
            "account has expired",
            "chage --expiredate -1 reversi",
            id="expired",
        ),
        pytest.param(
            {"exit_status": 255, "refusal": refusal(Reason.AGED)},
            DENIED,
            "chage --maxdays -1 --lastday",
            id="aged",
        ),
        pytest.param(
            {"exit_status": 255, "complaint": "Permission denied", "logged": ("a", "b")},
            "a; b; Permission denied",
            "sudo journalctl -t sshd",
            id="refused, in words that we do not know",
        ),
        pytest.param(
            {"exit_status": 255, "complaint": "Permission denied"},
            "Permission denied; sshd here logged nothing about it",
            "sudo journalctl -t sshd",
            id="another machine",
        ),
        pytest.param(
            {"exit_status": 0, "answer": "1 0.2.0", "refusal": refusal(Reason.SESSION, "PAM: x")},
            "PAM: x",
            "maxlogins",
            id="accepted, but without rights",
        ),
        pytest.param(
            {"exit_status": 127, "complaint": "sh: 1: exec: /opt/x: not found"},
            "a node's key logs in, but its command fails: sh: 1: exec: /opt/x: not found",
            "doctor",
            id="no gate",
        ),
        pytest.param(
            {"exit_status": 255, "complaint": "Host key verification failed.", "place": GATEWAY},
            "none of the host keys that sshd -T names",
            "ssh-keyscan -p 22 gateway.example.org",
            id="another host key",
        ),
        pytest.param(
            {"is_reached": False, "exit_status": 255, "complaint": "Connection refused"},
            "sshd does not answer there: Connection refused",
            "sudo ss -ltnp | grep sshd",
            id="nobody listens",
        ),
    ],
)
def test_a_login_that_fails_is_wrong(values: dict[str, Any], sentence: str, mend: str) -> None:
    found = judged(**values)

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


def test_an_address_that_the_gateway_cannot_reach_is_not_known_to_be_wrong() -> None:
    found = judged(place=GATEWAY, is_reached=False, complaint="timed out")

    assert found.ok is None
    assert "cannot be reached from the gateway itself (timed out)" in found.sentence


def test_modules_of_pam_count_until_a_login_works() -> None:
    facts = changed(WELL, {"login.pam": ("pam_access.so in /etc/pam.d/sshd",)})

    found = the(facts, "PAM")
    assert (found.ok, found.mend) == (None, "sudo reversi-checker doctor --login")
    assert found.sentence == "pam_access.so in /etc/pam.d/sshd may shut reversi out"
    works = replace(facts, trials=(Trial(place=HERE, is_own=True, answer="1 0.2.0"),))
    assert "PAM" not in {one.name for one in findings(works)}


def test_devices_that_sshd_refuses_are_named_with_its_words() -> None:
    refused = {"barn": "no matching MAC found", "office": "x", "roof": "y", "shop": "z"}

    found = the(changed(WELL, {"login.refused": refused}), "refused logins")

    assert found.ok is False
    assert found.sentence == "sshd refuses barn, office, roof (and 1 more): no matching MAC found"
    row = Tunnel(node=NodeName("barn"), port=Port(1), detail=f"nobody listens; {CONDITION}: x: y")
    assert refused_nodes([row, replace(row, node=NodeName("a"), detail="x")]) == {"barn": "x: y"}


@pytest.mark.parametrize(
    ("effective", "own"),
    [
        pytest.param({}, "127.0.0.1:22", id="unknown"),
        pytest.param({"port": "22 2222"}, "127.0.0.1:22", id="ports"),
        pytest.param({"listenaddress": "[::]:2222 0.0.0.0:2222"}, "127.0.0.1:2222", id="all"),
        pytest.param({"listenaddress": "[::]:22"}, "[::1]:22", id="IPv6"),
        pytest.param(
            {"listenaddress": "192.0.2.1:22 rdomain red"}, "192.0.2.1:22", id="one address"
        ),
    ],
)
def test_the_first_login_goes_where_sshd_listens_here(effective: dict[str, str], own: str) -> None:
    assert places(effective, [GATEWAY, own]) == {own: True, GATEWAY: False}


def test_only_lines_about_this_login_count() -> None:
    lines = [
        LogLine(text="Accepted publickey for root from 127.0.0.1 port 411 ssh2: x", pid=1),
        LogLine(text="fatal: Access denied for user reversi by PAM", pid=2, uid=0),
        LogLine(text="Connection closed by 127.0.0.1 port 41 [preauth]", pid=3, uid=0),
        LogLine(text="what the same process says", pid=3, uid=0),
        LogLine(text="drop connection #1 from [127.0.0.1]:41 on [127.0.0.1]:22 x", pid=4, uid=0),
        LogLine(text="error: Error checking authentication key ED25519 SHA256:me in", pid=5, uid=0),
        LogLine(text="refused connect from localhost (127.0.0.1)", pid=6, uid=0),
        LogLine(text="refused connect from other (192.0.2.9)", pid=7, uid=0),
    ]

    lines += [
        LogLine(text="User child is on pid 9", pid=3, uid=0),
        LogLine(text="error: do_exec_no_pty: fork: x", pid=9, uid=990),
    ]

    found = ours_among(lines, pids=[2], peer=("127.0.0.1", "41"), key="SHA256:me")

    assert [line.pid for line in found] == [2, 3, 3, 4, 5, 6, 3, 9]
    assert worth_showing(found[-3:]) == (
        "refused connect from localhost (127.0.0.1)",
        "do_exec_no_pty: fork: x",
    )
    assert first_refusal(lines[:1], "reversi", 990) is None


@pytest.mark.parametrize(
    ("host", "here"),
    [
        pytest.param("127.0.0.1", True, id="ours"),
        pytest.param("192.0.2.77", False, id="another machine's"),
    ],
)
def test_addresses_of_this_machine_are_known(host: str, here: bool) -> None:
    assert is_here(host) is here
