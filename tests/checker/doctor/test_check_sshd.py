"""What `doctor` finds about the tunnel user's account and sshd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.doctor.facts import (
    SshdFacts,
)
from checker.doctor.findings import findings
from checker.install.steps import UserAccount
from checker.model import Machine
from tests.checker.doctor.gateways import TIGHT, WELL, assert_wrong, changed, sshd, the
from tests.strategies import public_key, rsa_key

ACCOUNT = UserAccount(uid=9, shell="/bin/sh", is_locked=False, expires_in_days=31)
KEYS = (
    ("e", public_key()),
    ("d", rsa_key(3072)),
    ("c", rsa_key(2048)),
    ("b", rsa_key(1024)),
    ("a", rsa_key(2048)),
)

FOUR = Machine(
    cores=4,
    load=0.1,
    memory=1 << 33,
    memory_left=1 << 32,
    processes=90,
    most_processes=32768,
)
BOTH = ("AllowUsers", "AllowGroups")


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param("account", {"account": None}, "does not exist", "init", id="no account"),
        pytest.param(
            "account",
            {"account": UserAccount(uid=0, shell="/bin/sh", is_locked=False)},
            "rights of root",
            "reversi.toml",
            id="root",
        ),
        pytest.param(
            "account",
            {"account": UserAccount(uid=9, shell="/sbin/nologin", is_locked=False)},
            "shell",
            "--shell /bin/sh",
            id="shell",
        ),
        pytest.param(
            "account",
            {
                "account": UserAccount(uid=9, shell="/bin/sh", is_locked=True),
                **sshd(usepam="no"),
            },
            "locked with '!' and sshd has UsePAM no",
            "usermod --password '*'",
            id="locked",
        ),
        pytest.param(
            "account",
            {"account": replace(ACCOUNT, expires_in_days=0)},
            "the account reversi has expired",
            "chage --expiredate -1 reversi",
            id="expired",
        ),
        pytest.param(
            "account",
            {"account": replace(ACCOUNT, expires_in_days=30)},
            "the account of reversi expires in 30 days",
            "chage --expiredate -1 reversi",
            id="expires soon",
        ),
        pytest.param(
            "account",
            {"account": replace(ACCOUNT, password_in_days=-1)},
            "the password of reversi has expired",
            'chage --maxdays -1 --lastday "$(date +%F)" reversi',
            id="aged",
        ),
        pytest.param(
            "account",
            {"account": replace(ACCOUNT, password_in_days=0)},
            "the password of reversi expires in 0 days",
            "chage --maxdays -1",
            id="ages soon",
        ),
        pytest.param(
            "account",
            {"login.closed_by": Path("/run/nologin")},
            "only root can log in while",
            "sudo rm /run/nologin",
            id="closed",
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdFacts(complaint="line 3: x")},
            "would not start: line 3: x",
            "sshd -t",
            id="complaint",
        ),
        pytest.param(
            "sshd", sshd(permittty="yes"), "PermitTTY is yes, and must be no", "init", id="settings"
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdFacts(version=(9, 8), effective=TIGHT, openings=("from 10.0.0.0/8 x",))},
            "from 10.0.0.0/8 x",
            "init",
            id="from elsewhere",
        ),
        pytest.param(
            "sshrc",
            {"login.sshrc": (Path("/etc/ssh/sshrc"),)},
            "sshd runs /etc/ssh/sshrc",
            "sudo sed -i '1i [",
            id="sshrc",
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdFacts(version=(10, 5))},
            "PermitTTY could not be checked",
            "init",
            id="unnamed",
        ),
        pytest.param(
            "sshd",
            {**sshd(permittty="yes"), "login.is_drop_in_changed": True},
            "PermitTTY",
            "init --force",
            id="changed",
        ),
        pytest.param(
            "sshd",
            {**sshd(allowusers="root"), "sshd.refusals": ("AllowUsers names only root",)},
            "sshd rejects every key of reversi: AllowUsers names only root",
            "sudo reversi-checker init --allow-login",
            id="allowed",
        ),
        pytest.param(
            "sshd",
            {**sshd(denygroups="reversi"), "sshd.refusals": ("DenyGroups names reversi",)},
            "DenyGroups names reversi",
            "grep -ri",
            id="denied",
        ),
        pytest.param(
            "sshd",
            {
                **sshd(revokedkeys="/etc/ssh/revoked keys"),
                "sshd.refusals": ("RevokedKeys names /etc/ssh/revoked keys, which ...",),
            },
            "RevokedKeys names",
            "sudo touch '/etc/ssh/revoked keys'",
            id="revoked",
        ),
        pytest.param(
            "addresses",
            {
                **sshd(allowusers="root *@10.0.0.0/8"),
                "sshd.limits": ("AllowUsers lets reversi in only from 10.0.0.0/8",),
                "machine.peers": {},
            },
            "sshd rejects some addresses: AllowUsers lets",
            "sudo reversi-checker init --allow-login",
            id="addresses",
        ),
        pytest.param(
            "who may log in",
            {**sshd(allowusers="reversi", allowgroups="admins reversi"), "login.own_lists": BOTH},
            "nobody but reversi can log in here",
            "sudo reversi-checker init    # removes it",
            id="only ours",
        ),
        pytest.param(
            "kinds of keys",
            {**sshd(requiredrsasize="4096"), "registry.node_keys": KEYS},
            "rejects the keys of a, b, c (and 1 more): RequiredRSASize is 4096",
            "'Match User reversi' 'RequiredRSASize 1024' 'Match all'",
            id="RSA size",
        ),
        pytest.param(
            "kinds of keys",
            {**sshd(pubkeyacceptedalgorithms="ssh-ed25519"), "registry.node_keys": KEYS},
            "is ssh-ed25519",
            "'PubkeyAcceptedAlgorithms +rsa-sha2-512,rsa-sha2-256'",
            id="algorithms",
        ),
        pytest.param(
            "logins at once",
            {**sshd(maxstartups="10:30:100"), "machine.capacity": FOUR},
            "drops logins",
            "MaxStartups 400:30:800",
            id="startups",
        ),
        pytest.param(
            "logins at once",
            {**sshd(maxstartups="200:30:1000"), "machine.capacity": FOUR},
            "lets more logins wait than 4 cores can serve",
            "sudo reversi-checker init",
            id="startups of an earlier release",
        ),
        pytest.param(
            "penalties",
            {"machine.peers": {"192.0.2.1": 2}},
            "locks all of them out",
            "ExemptList 192.0.2.1",
            id="penalties",
        ),
    ],
)
def test_what_is_wrong_with_sshd_is_reported_with_its_fix(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    assert_wrong(name, change, sentence, mend)


def test_a_distant_expiry_date_is_fine() -> None:
    distant = replace(ACCOUNT, password_in_days=400)

    assert the(changed(WELL, {"account": distant}), "account").ok is True


def test_a_limit_by_address_may_be_meant_while_nodes_are_connected() -> None:
    limits = ("AllowUsers lets reversi in only from 10.0.0.0/8",)

    assert the(changed(WELL, {"sshd.limits": limits}), "addresses").ok is None
    assert "addresses" not in {one.name for one in findings(WELL)}


@pytest.mark.parametrize("settings", [{"usepam": "yes"}, {}], ids=["with PAM", "not known"])
def test_a_locked_account_is_well_unless_sshd_has_no_pam(settings: dict[str, str]) -> None:
    locked = UserAccount(uid=9, shell="/bin/sh", is_locked=True)

    assert the(changed(WELL, {"account": locked, **sshd(**settings)}), "account").ok


@pytest.mark.parametrize("version", [(9, 7), (8, 4), None])
def test_older_servers_have_no_penalties(version: tuple[int, int] | None) -> None:
    assert WELL.sshd is not None
    facts = changed(WELL, {"sshd.version": version, "machine.peers": {"192.0.2.1": 2}})

    assert "penalties" not in {one.name for one in findings(facts)}
