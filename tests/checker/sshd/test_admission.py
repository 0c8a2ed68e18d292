"""Whom sshd lets in, by its settings and by PAM."""

from __future__ import annotations

import pytest

from checker.sshd.admission import PamLine, limited, may_refuse, pam_service, shut_out

GROUPS = ("reversi", "tunnels")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param({}, "", id="nobody is named"),
        pytest.param({"allowusers": "root rev*"}, "", id="by a pattern"),
        pytest.param(
            {"allowusers": "root"}, "AllowUsers names only root: add reversi to it", id="left out"
        ),
        pytest.param({"denyusers": "reversi"}, "DenyUsers names reversi: take it out", id="denied"),
        pytest.param(
            {"denyusers": "rev*@*"}, "DenyUsers names reversi: take it out", id="from everywhere"
        ),
        pytest.param({"denyusers": "*@203.0.113.0/24"}, "", id="denied from some addresses only"),
        pytest.param(
            {"allowgroups": "ssh"},
            "AllowGroups names only ssh: add the group reversi to it",
            id="group",
        ),
        pytest.param({"allowgroups": "ssh reversi"}, "", id="own group"),
        pytest.param({"allowgroups": "ssh tun*"}, "", id="another group, by a pattern"),
        pytest.param(
            {"denygroups": "ssh tun*"},
            "DenyGroups names tunnels, a group of reversi: take it out",
            id="denied group",
        ),
        pytest.param({"denygroups": "ssh"}, "", id="denied group of others"),
        pytest.param(
            {"refuseconnection": "yes"}, "RefuseConnection is set: take it out", id="nobody"
        ),
    ],
)
def test_the_list_that_shuts_the_user_out_is_named(told: dict[str, str], why: str) -> None:
    assert shut_out(told, "reversi", GROUPS) == why


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param({"allowusers": "root reversi"}, "", id="from everywhere"),
        pytest.param({"allowusers": "root *@*"}, "", id="by a pattern"),
        pytest.param(
            {"allowusers": "root *@10.0.0.0/8"},
            "AllowUsers lets reversi in only from 10.0.0.0/8",
            id="allowed",
        ),
        pytest.param({"allowusers": "root *@10.0.0.0/8 reversi"}, "", id="allowed, and everywhere"),
        pytest.param(
            {"denyusers": "reversi@10.* *@192.0.2.1"},
            "DenyUsers shuts reversi out from 10.*, 192.0.2.1",
            id="denied",
        ),
    ],
)
def test_addresses_that_matter_are_named(told: dict[str, str], why: str) -> None:
    assert limited(told, "reversi") == why


FILES = {
    "sshd": """# PAM for sshd
account    required     pam_nologin.so
account sufficient pam_succeed_if.so uid = 0
account [success=1 default=ignore] pam_succeed_if.so quiet user = x
@include common-account
auth required pam_listfile.so item=user sense=deny file=/etc/ssh/denied
-account  include  system   # others
session required pam_limits.so
""",
    "common-account": (
        "account [default=bad success=ok] \\\n /lib/security/pam_access.so accessfile=/etc/a\n"
    ),
    "system": "account requisite pam_listfile.so item=user\n@include sshd\n",
}


def test_modules_that_can_refuse_a_login_by_key_are_found_in_included_files() -> None:
    found = list(dict.fromkeys(may_refuse("sshd", lambda name: FILES.get(name, ""))))

    assert found == [
        PamLine(module="pam_access.so", file="common-account", arguments="accessfile=/etc/a"),
        PamLine(module="pam_listfile.so", file="system", arguments="item=user"),
    ]


def test_sshd_names_the_service_of_pam() -> None:
    assert pam_service({"usepam": "no"}) == ""
    assert pam_service({"usepam": "yes"}) == "sshd"
    assert pam_service({"usepam": "yes", "pamservicename": "tunnels"}) == "tunnels"
