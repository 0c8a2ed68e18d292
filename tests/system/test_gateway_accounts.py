"""What the accounts of a gateway can read, who is an operator, and whom sshd lets in."""

from __future__ import annotations

import pytest

from tests.system.machine import PYTHON, Machine, verdicts

pytestmark = pytest.mark.sshd
CHECKER = (PYTHON, "-I", "-m", "checker")
DROP_INS = "/etc/ssh/sshd_config.d"
ALLOW, KEYS = f"{DROP_INS}/00-reversi-allow.conf", f"{DROP_INS}/00-reversi-keys.conf"
CLOSED = (
    ("chmod 0700 /opt/reversi/venv", "because /opt/reversi/venv has mode 0700"),
    ("chmod 0640 /opt/reversi/site/checker/gate.py", "gate.py has mode 0640"),
)
"""What an installation with umask 077 or 027 leaves."""
OWN_PYTHON = """
mount -t tmpfs -o mode=700 tmpfs /root
cp "$(readlink -f "$1")" /root/python3
ln -sf /root/python3 "$1"
"""
"""An interpreter of pyenv is below /root."""


def refused(machine: Machine, *words: str) -> str:
    """What `init` says when it refuses, and changes nothing."""
    before = machine.etc()
    done = machine.checker("init", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert machine.etc() == before
    return done.stderr


def test_what_the_accounts_could_not_read_is_refused_with_the_command_that_opens_it(
    machine: Machine,
) -> None:
    for (harm, said), words in zip(CLOSED, ((), ("--dry-run",)), strict=True):
        machine.must("sh", "-c", harm)

        told = refused(machine, *words)

        assert said in told
        machine.must("sh", "-c", told.partition("; run: ")[2])
    # what init makes has its modes whatever the umask is
    made = machine.run("sh", "-c", f"umask 077; {' '.join(CHECKER)} init")
    assert made.returncode == 0, made.stderr
    closed = "find /etc/reversi /etc/systemd/system/reversi* /etc/ssh/sshd_config.d ! -perm -a+rX"
    assert machine.must("sh", "-c", closed.replace("a+rX", "0444")) == ""
    machine.must("sh", "-c", CLOSED[0][0])
    found = verdicts(machine)["way in"]
    assert found["mend"] == "sudo chmod -R a+rX /opt/reversi/venv"
    machine.must("chmod", "-R", "a+rX", "/opt/reversi/venv")
    assert verdicts(machine)["way in"]["ok"] is True


def test_an_interpreter_below_root_is_refused_and_nobody_is_told_to_open_root(
    machine: Machine,
) -> None:
    machine.is_warm = False
    before = machine.must("readlink", PYTHON)
    machine.must("sh", "-c", OWN_PYTHON, "own", PYTHON)

    said = refused(machine, "--dry-run")

    assert (
        "because /root has mode 0700; install reversi-ssh under /opt, with an interpreter" in said
    )
    assert "chmod" not in said
    machine.must("mkdir", "-p", "/run/systemd/system")
    assert "runs from /root/python3, which a service cannot see" in refused(machine)
    machine.must("ln", "-sf", before.strip(), PYTHON)


def test_a_new_member_of_the_operators_group_may_act_at_once(machine: Machine) -> None:
    machine.ok("init", "--gateway", "127.0.0.1:2222")
    machine.start_daemon()
    machine.add("office", 20010, 9)
    machine.must("useradd", "--no-create-home", "--shell", "/bin/sh", "anna")
    anna = ("setpriv", "--reuid=anna", "--regid=anna", "--init-groups", *CHECKER)
    told = machine.run(*anna, "kill", "office").stderr
    assert "run: sudo usermod -aG reversi-operators anna" in told

    machine.must("usermod", "-aG", "reversi-operators", "anna")

    assert "nobody listens" in machine.run(*anna, "kill", "office").stdout
    mute = machine.run(*anna, "mute", "office", "2h", "--why", "new roof")
    assert mute.stdout.startswith("office: no alerts until "), mute.stderr
    assert "new roof" in machine.run(*anna, "mutes").stdout
    assert "no longer muted" in machine.ok("unmute", "office")
    for words in ("disable office", "remove office", "add barn --forward 127.0.0.1:22,open"):
        done = machine.run(*anna, "node", *words.split())
        assert "only root may change nodes here: run it with sudo" in done.stderr, words
    machine.must("gpasswd", "-d", "anna", "reversi-operators")
    assert "only members of the group" in machine.run(*anna, "kill", "office").stderr


def allowed(machine: Machine) -> list[str]:
    """Whom sshd lets in."""
    said = machine.must("sshd", "-T", "-C", "user=root,host=x,addr=127.0.0.1").lower()
    return [line.partition(" ")[2] for line in said.splitlines() if line.startswith("allowusers ")]


def test_a_list_that_lets_nodes_in_never_outlives_that_of_the_admin(machine: Machine) -> None:
    mine = f"{DROP_INS}/90-mine.conf"
    machine.write(mine, "AllowUsers root\n")
    assert "have it added: init --allow-login" in machine.checker("init", "--dry-run").stderr
    machine.ok("init", "--allow-login")
    assert sorted(allowed(machine)) == ["reversi", "root"]
    machine.must("rm", ALLOW)
    assert verdicts(machine)["sshd"]["mend"] == "sudo reversi-checker init --allow-login"

    machine.ok("init", "--allow-login")

    assert sorted(allowed(machine)) == ["reversi", "root"]
    assert machine.ok("init") == "nothing to do\n"
    machine.must("mv", mine, "/run/mine")
    found = verdicts(machine)["who may log in"]
    assert (found["ok"], found["mend"]) == (False, "sudo reversi-checker init    # removes it")
    machine.ok("init")
    assert allowed(machine) == []
    # as an earlier doctor had it written
    machine.must("mv", "/run/mine", mine)
    machine.write(ALLOW, "AllowUsers reversi\n")
    machine.write(KEYS, "Match User reversi\nPubkeyAcceptedAlgorithms +ssh-rsa\nMatch all\n")

    gone = machine.checker("uninstall", "--yes", "--purge")

    assert f"removed {ALLOW}" in gone.stderr
    assert not machine.has(ALLOW)
    assert not machine.has(KEYS)
    assert allowed(machine) == ["root"]
