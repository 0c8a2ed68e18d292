"""What the doctor says of what it sees, each thing right and wrong."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import SYSTEM, home_layout
from checker.daemon.startup import prepare_folders
from checker.doctor.examine import examine, is_synchronized, loose_part
from checker.doctor.facts import Seen, SshdSeen, Taken
from checker.doctor.findings import CHECKS, Finding, as_json, as_text, check_records, findings
from checker.install.steps import Account, Entry
from checker.model import Machine, Usage
from checker.registry.authorized_keys import KeysLag, gate_command, keys_lag, update_keys
from checker.registry.changes import add
from checker.registry.lock import is_ours, locked
from checker.sshd.lockdown import LOCKDOWN
from checker.state.store import open_store
from tests.strategies import node, public_key, rsa_key

TIGHT = {**{key.lower(): value for key, value in LOCKDOWN.items()}, "maxstartups": "200:30:1000"}
KEYS = (
    ("e", public_key()),
    ("d", rsa_key(3072)),
    ("c", rsa_key(2048)),
    ("b", rsa_key(1024)),
    ("a", rsa_key(2048)),
)
ENTRY = Entry(mode=0o644, owner="root", group="root", content=b"")
WELL = Seen(
    home=None,
    user="reversi",
    account=Account(uid=990, shell="/bin/sh", locked=False),
    is_own=False,
    sshd=SshdSeen(
        version=(9, 8),
        effective={**TIGHT, "persourcepenalties": "crash:90", "persourcepenaltyexemptlist": "none"},
    ),
    key_file=SYSTEM.authorized_keys,
    keys=ENTRY,
    daemon_pid=7,
    swept_s_ago=3.0,
    is_enabled=True,
    socket=SYSTEM.socket,
    socket_mode=0o666,
    spool=SYSTEM.spool,
    spool_seen=Entry(mode=0o770, owner="reversi", group="reversi-checker"),
    nodes=50,
    peers={"192.0.2.1": 1},
    banned=frozenset({"198.51.100.9"}),
    is_synchronized=True,
    free_bytes={"/var/lib/reversi": 1 << 40},
    state=SYSTEM.state,
    state_trouble="",
)

SMALL = Machine(
    cores=1, load=0.1, memory=1 << 30, memory_left=1 << 29, processes=90, most_processes=32768
)


def sshd(**settings: str) -> dict[str, object]:
    assert WELL.sshd is not None
    return {"sshd": replace(WELL.sshd, effective={**WELL.sshd.effective, **settings})}


def the(seen: Seen, name: str) -> Finding:
    (found,) = (one for one in findings(seen) if one.name == name)
    return found


def test_a_gateway_that_is_well_has_nothing_to_mend() -> None:
    found = findings(WELL)

    assert [one for one in found if one.ok is not True or one.mend] == []
    assert len({one.name for one in found}) == len(found) > len(CHECKS)


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param("account", {"account": None}, "is no account here", "init", id="no account"),
        pytest.param(
            "account",
            {"account": Account(uid=0, shell="/bin/sh", locked=False)},
            "rights of root",
            "reversi.toml",
            id="root",
        ),
        pytest.param(
            "account",
            {"account": Account(uid=9, shell="/sbin/nologin", locked=False)},
            "shell",
            "--shell /bin/sh",
            id="shell",
        ),
        pytest.param(
            "account",
            {"account": Account(uid=9, shell="/bin/sh", locked=True)},
            "locked",
            "usermod --password '*'",
            id="locked",
        ),
        pytest.param(
            "account",
            {"closed_by": Path("/run/nologin")},
            "nobody but root",
            "sudo rm /run/nologin",
            id="closed",
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdSeen(complaint="line 3: x")},
            "would not start: line 3: x",
            "sshd -t",
            id="complaint",
        ),
        pytest.param(
            "sshd", sshd(permittty="yes"), "PermitTTY is yes, and must be no", "init", id="settings"
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdSeen(version=(9, 8), effective=TIGHT, openings=("from 10.0.0.0/8 x",))},
            "from 10.0.0.0/8 x",
            "init",
            id="from elsewhere",
        ),
        pytest.param(
            "sshrc",
            {"sshrc": (Path("/etc/ssh/sshrc"),)},
            "sshd runs /etc/ssh/sshrc",
            "sudo sed -i '1i [",
            id="sshrc",
        ),
        pytest.param(
            "sshd",
            {"sshd": SshdSeen(version=(10, 5))},
            "PermitTTY could not be checked",
            "init",
            id="unnamed",
        ),
        pytest.param(
            "sshd",
            {**sshd(permittty="yes"), "is_drop_in_changed": True},
            "PermitTTY",
            "init --force",
            id="changed",
        ),
        pytest.param(
            "sshd",
            sshd(allowusers="root"),
            "AllowUsers names only root",
            "printf '%s\\n' 'AllowUsers reversi' |",
            id="allowed",
        ),
        pytest.param(
            "sshd", sshd(denyusers="reversi"), "DenyUsers names reversi", "grep -ri", id="denied"
        ),
        pytest.param(
            "kinds of keys",
            {**sshd(requiredrsasize="4096"), "node_keys": KEYS},
            "refuses the keys of a, b, c (and 1 more): RequiredRSASize is 4096",
            "'Match User reversi' 'RequiredRSASize 1024' 'Match all'",
            id="RSA size",
        ),
        pytest.param(
            "kinds of keys",
            {**sshd(pubkeyacceptedalgorithms="ssh-ed25519"), "node_keys": KEYS},
            "is ssh-ed25519",
            "'PubkeyAcceptedAlgorithms +rsa-sha2-512,rsa-sha2-256'",
            id="algorithms",
        ),
        pytest.param(
            "logins at once",
            sshd(maxstartups="10:30:100"),
            "drops logins",
            "MaxStartups 200:30:1000",
            id="startups",
        ),
        pytest.param(
            "penalties",
            {"peers": {"192.0.2.1": 2}},
            "locks all of them out",
            "ExemptList 192.0.2.1",
            id="penalties",
        ),
        pytest.param("key file", {"keys": None}, "missing", "init", id="no keys"),
        pytest.param(
            "key file",
            {"keys_loose": Path("/etc/reversi")},
            "others may write /etc/reversi",
            "chmod go-w",
            id="loose",
        ),
        pytest.param(
            "key file",
            {"keys": replace(ENTRY, mode=0o600)},
            "can not read",
            "chmod 0644",
            id="unreadable",
        ),
        pytest.param("key file", {"keys_lag": True}, "does not follow", "init", id="lag"),
        pytest.param(
            "key file",
            {"keys_lag": True, "programs_gone": ("/a/python3", "/b/gate.py")},
            "names /a/python3, /b/gate.py, which is gone",
            "init",
            id="upgraded",
        ),
        pytest.param(
            "private keys",
            {"open_secrets": (Path("/a b"), Path("/c"))},
            "/a b, /c",
            "chmod 0600 '/a b' /c",
            id="secrets",
        ),
        pytest.param(
            "way in",
            {"unreachable": "blocked", "unreachable_at": Path("/root")},
            "blocked",
            "chmod a+x /root",
            id="unreachable",
        ),
        pytest.param(
            "daemon", {"daemon_pid": None}, "no daemon answers", "systemctl restart", id="no daemon"
        ),
        pytest.param(
            "daemon", {"swept_s_ago": 90.0}, "last swept 90 s ago", "systemctl restart", id="late"
        ),
        pytest.param(
            "daemon", {"swept_s_ago": None}, "last swept never", "systemctl restart", id="never"
        ),
        pytest.param(
            "service",
            {"is_enabled": False},
            "does not start at boot",
            "systemctl enable",
            id="not enabled",
        ),
        pytest.param("socket", {"socket_mode": 0o600}, "has mode 0600", "chmod 0666", id="socket"),
        pytest.param(
            "socket",
            {"socket_blocked": Path("/run/reversi")},
            "can not pass /run/reversi",
            "chmod a+x /run/reversi",
            id="way",
        ),
        pytest.param("spool", {"spool_seen": None}, "missing", "init", id="no spool"),
        pytest.param(
            "spool",
            {"spool_seen": Entry(mode=0o770, owner="root", group="root")},
            "belongs to root",
            "init",
            id="spool owner",
        ),
        pytest.param(
            "spool",
            {"spool_seen": Entry(mode=0o777, owner="reversi", group="x")},
            "others may enter",
            "init",
            id="spool mode",
        ),
        pytest.param(
            "ports",
            {"taken": (Taken(port=20010, node="office", uid=5),)},
            "port 20010 of office",
            "sport = :20010",
            id="taken",
        ),
        pytest.param(
            "ports",
            {"taken": (Taken(port=9, node="x", uid=5, free=20000),)},
            "port 9 of x",
            "node move x 9 20000",
            id="free",
        ),
        pytest.param(
            "reserved ports",
            {"unreserved": (50000,)},
            "1 ports, 50000 among them",
            "init",
            id="ephemeral",
        ),
        pytest.param(
            "fail2ban",
            {"banned": frozenset({"192.0.2.1"})},
            "keeps out 192.0.2.1",
            "unbanip 192.0.2.1",
            id="banned",
        ),
        pytest.param(
            "clock", {"is_synchronized": False}, "not synchronized", "set-ntp", id="clock"
        ),
        pytest.param("clock", {"ahead_s": 999.0}, "999 s in the future", "set-ntp", id="behind"),
        pytest.param("disk", {"free_bytes": {"/x": 1 << 20}}, "/x (1 MiB)", "make room", id="disk"),
        pytest.param(
            "capacity",
            {"nodes": 1000, "machine": SMALL},
            "1000 nodes need about 2.9 GiB",
            "add memory",
            id="memory",
        ),
        pytest.param(
            "capacity",
            {
                "machine": SMALL,
                "daemon_usage": Usage(cpu_s=1.0, memory=1, descriptors=900, most_descriptors=1024),
            },
            "900 of at most 1024 descriptors open",
            "restart",
            id="descriptors",
        ),
        pytest.param("state file", {"state_trouble": "damaged"}, "damaged", "restart", id="state"),
        pytest.param(
            "state file",
            {"state_trouble": "newer", "state_is_newer": True},
            "newer",
            "mv /var/lib/reversi/state.db* /var/backups/reversi/newer",
            id="newer",
        ),
        pytest.param(
            "state file", {"state_strays": True}, "not the daemon's to write", "init", id="strays"
        ),
        pytest.param(
            "registry",
            {"problems": ("x.toml: bad",)},
            "x.toml: bad",
            "mend these files",
            id="registry",
        ),
    ],
)
def test_a_thing_that_is_wrong_is_told_with_what_mends_it(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    found = the(replace(WELL, **change), name)  # type: ignore[arg-type]

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


@pytest.mark.parametrize("swept_s_ago", [None, 900.0])
def test_a_daemon_that_was_started_just_now_need_not_have_swept(swept_s_ago: float | None) -> None:
    young = the(replace(WELL, swept_s_ago=swept_s_ago, daemon_age_s=2.0), "daemon")
    old = the(replace(WELL, swept_s_ago=swept_s_ago, daemon_age_s=90.0), "daemon")

    assert (young.ok, old.ok) == (True, False)
    assert "was started just now" in young.sentence


def test_no_other_thing_is_wrong_because_one_is() -> None:
    found = findings(replace(WELL, daemon_pid=None))

    assert [one.name for one in found if not one.ok] == ["daemon"]


def home(**seen: object) -> Seen:
    """A home under a path with a space, whose `up` told sshd to listen on 127.0.0.1:2222."""
    asked = {**TIGHT, "listenaddress": "[::1]:2222", "strictmodes": "no"}
    return replace(
        WELL,
        home=Path("/srv/a b"),
        is_enabled=None,
        sshd=SshdSeen(effective=asked),
        **seen,  # type: ignore[arg-type]
    )


UP = "reversi-checker --home '/srv/a b' up --listen ::1 --ssh-port 2222"
AGAIN = f"kill 7; tail --pid=7 -f /dev/null; {UP}"


@pytest.mark.parametrize(
    ("name", "seen", "mend"),
    [
        pytest.param("daemon", home(daemon_pid=None), UP, id="no daemon"),
        pytest.param(
            "daemon",
            replace(home(daemon_pid=None), sshd=None),
            "reversi-checker --home '/srv/a b' serve",
            id="no sshd",
        ),
        pytest.param("daemon", home(swept_s_ago=90.0), AGAIN, id="late"),
        pytest.param("key file", home(keys=None, daemon_pid=None), UP, id="no keys"),
        pytest.param(
            "key file",
            home(keys_lag=True),
            "reversi-checker --home '/srv/a b' log --limit 5",
            id="lag",
        ),
        pytest.param(
            "key file", home(keys_loose=Path("/srv/a b")), "chmod go-w '/srv/a b'", id="loose"
        ),
        pytest.param(
            "state file",
            home(state_trouble="damaged"),
            f"{AGAIN}    # which moves it aside",
            id="state",
        ),
        pytest.param(
            "ports",
            home(taken=(Taken(port=9, node="x", uid=5, free=20000),)),
            "reversi-checker --home '/srv/a b' node move x 9 20000    # or stop what this shows: ss"
            " -ltnp 'sport = :9'",
            id="a",
        ),
        pytest.param(
            "reserved ports",
            home(unreserved=(50000, 50001), reserved=frozenset({8080})),
            "sudo sysctl -w net.ipv4.ip_local_reserved_ports=8080,50000-50001"
            "    # else an outgoing connection may take one, and the node's -R then fails",
            id="reserved",
        ),
    ],
)
def test_what_mends_a_home_is_about_that_home(name: str, seen: Seen, mend: str) -> None:
    assert the(seen, name).mend == mend


def test_what_does_not_apply_is_not_told_of() -> None:
    seen = replace(
        WELL, home=Path("/srv/gate"), sshd=None, is_enabled=None, banned=None, socket_mode=None
    )

    names = {one.name for one in findings(seen)}

    assert not names & {"sshd", "logins at once", "penalties", "service", "fail2ban", "socket"}


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(replace(WELL, sshd=SshdSeen(is_asked=False)), id="sshd"),
        pytest.param(replace(WELL, is_synchronized=None), id="clock"),
        pytest.param(
            replace(WELL, is_synchronized=False, has_systemd=False), id="a container's clock"
        ),
    ],
)
def test_what_can_not_be_told_is_neither_right_nor_wrong(seen: Seen) -> None:
    unknown = [one for one in findings(seen) if one.ok is None]

    assert len(unknown) == 1
    assert as_json(findings(seen))["ok"] is True


@pytest.mark.parametrize("version", [(9, 7), (8, 4), None])
def test_older_servers_have_no_penalties(version: tuple[int, int] | None) -> None:
    assert WELL.sshd is not None
    seen = replace(WELL, sshd=replace(WELL.sshd, version=version), peers={"192.0.2.1": 2})

    assert "penalties" not in {one.name for one in findings(seen)}


def test_settings_that_can_not_be_read_are_all_that_is_told() -> None:
    assert findings(replace(WELL, trouble="reversi.toml: bad")) == (
        Finding(name="settings", ok=False, sentence="reversi.toml: bad", mend="mend that file"),
    )


def test_the_text_marks_what_is_wrong() -> None:
    lines = as_text(findings(replace(WELL, daemon_pid=None, is_synchronized=None))).splitlines()

    assert [line.split()[0] for line in lines].count("WRONG") == 1
    assert [line.split()[0] for line in lines].count("?") == 1


def test_the_doctor_sees_a_home_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = home_layout(tmp_path)
    prepare_folders(layout, os.geteuid())
    with locked(layout):
        add(layout, node(), gate_command(layout))
    open_store(layout.state).close()

    code = run(["--home", str(tmp_path), "doctor", "--json"])

    document = json.loads(capsys.readouterr().out)
    by_name = {check["name"]: check["ok"] for check in document["checks"]}
    assert code == ExitCode.NOT_UP
    assert (document["schema"], document["ok"]) == (1, False)
    assert {name for name, ok in by_name.items() if ok is False} - {"clock", "disk"} == {"daemon"}
    assert run(["--home", str(tmp_path), "doctor"]) == ExitCode.NOT_UP
    assert "WRONG  daemon" in capsys.readouterr().out


def test_the_doctor_sees_a_home_that_is_damaged(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    prepare_folders(layout, os.geteuid())
    layout.state.write_bytes(b"no database" * 100)
    (layout.nodes / "bad.toml").write_text("bad")
    layout.authorized_keys.write_text(f"restrict,x ssh-ed25519 AAAA reversi:gone{chr(10)}")

    seen = examine(layout)

    assert seen.state_trouble
    assert seen.problems
    assert seen.keys_lag
    layout.config.write_text("nonsense = 1")
    assert "unknown key 'nonsense'" in examine(layout).trouble


def test_key_lines_that_name_an_interpreter_or_a_gate_that_is_gone_are_told(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "a home")
    prepare_folders(layout, os.geteuid())
    here = gate_command(layout)
    python, gate = tmp_path / "py thon3", tmp_path / "gate.py"
    python.symlink_to(tmp_path / "python3.11")
    with locked(layout):
        add(layout, node(), replace(here, python=str(python), gate=str(gate)))

    assert examine(layout).programs_gone == (str(gate), str(python))

    gate.touch()
    (tmp_path / "python3.11").touch()
    assert examine(layout).programs_gone == ()


def test_the_command_that_the_doctor_prints_moves_the_state_file_of_a_newer_release_away(
    tmp_path: Path,
) -> None:
    layout = home_layout(tmp_path / "a home")
    prepare_folders(layout, os.geteuid())
    with closing(open_store(layout.state)):
        pass
    with closing(sqlite3.connect(layout.state)) as db:
        db.execute("PRAGMA user_version = 99")

    found = next(check_records(examine(layout)))

    assert found.ok is False
    assert "written by a newer reversi" in found.sentence
    assert "permissions" not in found.sentence
    moves = found.mend.rpartition("; ")[0]
    subprocess.run(["sh", "-c", moves], check=True)
    assert (tmp_path / "a home" / "newer" / "state.db").exists()
    assert examine(layout).state_trouble is None


def test_a_state_file_of_another_program_is_told(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    with sqlite3.connect(layout.state) as db:
        db.execute("CREATE TABLE x (y)")
        db.execute("PRAGMA user_version = 99")
    db.close()

    assert examine(layout).state_trouble


def test_who_else_may_write_the_key_file_is_named(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    (place / "keys").write_text("")
    tmp_path.chmod(0o777)

    found = loose_part(place / "keys", os.geteuid())

    tmp_path.chmod(0o700)
    assert found == tmp_path


def test_a_home_is_not_judged_by_what_lies_above_it(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    prepare_folders(layout, os.geteuid())
    with locked(layout):
        add(layout, node(), gate_command(layout))
    tmp_path.chmod(0o777)
    assert examine(layout).keys_loose is None

    layout.authorized_keys.chmod(0o666)
    layout.host_key.write_text("secret")
    layout.host_key.chmod(0o644)

    seen = examine(layout)
    assert seen.keys_loose == layout.authorized_keys
    assert seen.open_secrets == (layout.host_key,)


def test_the_kernel_says_whether_its_clock_is_kept() -> None:
    assert is_synchronized() in (True, False, None)


def test_who_may_write_the_key_file_does_and_who_may_not_complains(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    with locked(layout):
        add(layout, node(), gate_command(layout))
    assert is_ours(layout)
    layout.authorized_keys.write_text("")
    assert keys_lag(layout)

    update_keys(layout)

    assert not keys_lag(layout)
    assert str(KeysLag(layout)).endswith("run: sudo reversi-checker init")


def test_what_waits_for_a_device_too_long_is_named() -> None:
    overdue = tuple(
        (f"node{number}: old key still valid since 2023-11-14", f"node rekey node{number} --now")
        for number in range(5)
    )

    found = the(replace(WELL, overdue=overdue), "old keys and ports")

    assert found.ok is False
    assert found.sentence.startswith("node0: old key still valid since 2023-11-14; node1: ")
    assert found.sentence.endswith("(and 2 more)")
    assert found.mend.startswith("sudo reversi-checker node rekey node0 --now ")


def test_a_node_that_has_had_two_keys_for_a_month_is_seen(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, replace(node(), next_key=public_key(2)), gate_command(layout))
    assert examine(layout).overdue == ()
    (layout.nodes / "office.next").write_text(f'key = "{public_key(2)}"\nkey_at = 1\n')

    assert [words for _, words in examine(layout).overdue] == ["node rekey office --now"]
