"""What `init` and `uninstall` plan, from what they find."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import SYSTEM, Layout
from checker.config.settings import load_config
from checker.install.plan import (
    CONFIG,
    DROP_IN,
    MANIFEST,
    REST,
    RUN,
    STATE,
    SYSCTL,
    TMPFILES,
    UNIT_FILE,
    UNITS,
    Refused,
    all_folders,
    contents,
    live_drop_ins,
    package,
    plan,
)
from checker.install.rehearsal import probe_unknown
from checker.install.steps import (
    Account,
    Choices,
    Command,
    Entry,
    File,
    Folder,
    Found,
    GoLive,
    KeysInLine,
    Plan,
    Remove,
    Step,
    digest,
)
from checker.install.undo import EndSessions, Installed, Leave, Withdraw, undo
from checker.install.unit_files import DAEMON_USER, ranges_in, ranges_out, reversi_toml, unit
from checker.sshd.lockdown import (
    LOCKDOWN,
    differences,
    drop_in,
    redirected,
    released_drop_in,
    rest_of_drop_in,
    settings,
    shut_out,
    unknown_options,
    unknown_to,
    unwelcome,
    version_in,
)
from checker.sshd.program import effective
from checker.sshd.sshrc import guard, spares
from tests.programs import require
from tests.strategies import public_key, rsa_key

PYTHON = "/opt/reversi/bin/python3"
STOCK = Found(python=PYTHON, choices=Choices(), has_systemd=True, sshd_unit="ssh.service")


def done(found: Found) -> Found:
    """The machine after all that is planned was carried out."""
    entries = {folder.path: entry_of(folder) for folder in all_folders(found.choices.tunnel_user)}
    files = {
        path: Entry(mode=0o644, owner="root", group="root", content=content)
        for path, content in contents(found).items()
    }
    account = Account(uid=990, shell="/bin/sh", locked=False)
    return replace(
        found,
        accounts={found.choices.tunnel_user: account, DAEMON_USER: account},
        groups=frozenset({found.choices.operators}),
        entries={**entries, **files},
        written={str(path): digest(content) for path, content in contents(found).items()},
        reserved=found.reserved | (set(found.choices.ports) & set(found.ephemeral)),
        is_enabled=True,
        is_active=True,
    )


def entry_of(folder: Folder) -> Entry:
    return Entry(mode=folder.mode, owner=folder.owner, group=folder.group)


def words(planned: Plan) -> list[str]:
    return [shlex.join(step.words) for step in planned.steps if isinstance(step, Command)]


def files_of(step: Step) -> tuple[File, ...]:
    return step.files if isinstance(step, GoLive) else (step,) if isinstance(step, File) else ()


def written(planned: Plan) -> dict[Path, File]:
    return {file.path: file for step in planned.steps for file in files_of(step)}


def test_a_stock_server_gets_all_of_it_accounts_first_and_the_service_last() -> None:
    planned = plan(STOCK)

    assert words(planned) == [
        "groupadd --system reversi-operators",
        (
            "useradd --system --user-group --no-create-home --home-dir / --shell /bin/sh --password"
            " '*' reversi"
        ),
        (
            "useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin"
            " --password '*' reversi-checker"
        ),
        "systemctl daemon-reload",
        "systemctl enable --now reversi-checker.service reversi-keys.path",
    ]
    assert list(written(planned)) == [
        SYSTEM.config,
        SYSTEM.authorized_keys,
        TMPFILES,
        *UNITS,
        DROP_IN,
        REST,
    ]
    assert [step.reload for step in planned.steps if isinstance(step, GoLive)] == [
        ("systemctl", "try-reload-or-restart", "ssh.service")
    ]
    assert planned.notes == ()


@pytest.mark.parametrize(
    "ports", [range(20000, 30000), range(50000, 50100), range(30000, 40000)], ids=str
)
@pytest.mark.parametrize("has_systemd", [True, False])
def test_a_second_run_plans_nothing(ports: range, has_systemd: bool) -> None:
    found = replace(
        STOCK, choices=Choices(ports=ports), reserved=frozenset({40000}), has_systemd=has_systemd
    )

    assert plan(done(found)) == Plan(steps=())


def test_without_systemd_nothing_is_started_and_that_is_said() -> None:
    planned = plan(replace(STOCK, has_systemd=False, sshd_unit=""))

    assert not any("systemctl" in text for text in words(planned))
    assert [step.reload for step in planned.steps if isinstance(step, GoLive)] == [()]
    assert "no systemd runs here" in planned.notes[0]


def test_where_no_service_will_run_reversi_may_lie_anywhere() -> None:
    planned = plan(replace(STOCK, has_systemd=False, python="/home/me/venv/bin/python"))

    assert UNIT_FILE in written(planned)
    assert planned.notes[0].startswith(
        "reversi runs from /home/me/venv/bin/python, where a service may not look"
    )


def test_a_gateway_that_is_asked_for_and_stands_otherwise_is_told() -> None:
    asked = replace(STOCK.choices, gateways=("a:22",), asked_gateways=("b:22",))

    planned = plan(
        replace(done(replace(STOCK, choices=replace(asked, asked_gateways=()))), choices=asked)
    )

    assert planned.steps == ()
    assert planned.notes == (
        (
            "left as it is: gateway in /etc/reversi/reversi.toml, which says a:22, and not b:22;"
            " change it there"
        ),
    )


def test_files_of_a_daemon_that_root_runs_are_left_to_it() -> None:
    there = done(STOCK)
    entry = Entry(mode=0o755, owner=DAEMON_USER, group=DAEMON_USER, strays=True)

    assert (
        plan(replace(there, entries={**there.entries, STATE: entry}, is_served_by_root=True)).steps
        == ()
    )


def test_ports_of_the_ephemeral_range_are_reserved_beside_what_is() -> None:
    found = replace(
        STOCK,
        choices=Choices(ports=range(32000, 33000)),
        reserved=frozenset({8080, 32770}),
        node_ports=frozenset({60000, 70}),
    )

    planned = plan(found)

    assert written(planned)[SYSCTL].content.endswith(
        b"\nnet.ipv4.ip_local_reserved_ports = 8080,32768-32999,60000\n"
    )
    assert f"sysctl -q -p {SYSCTL}" in words(planned)
    assert SYSCTL not in written(plan(STOCK))


def test_what_the_kernel_forgot_is_reserved_again() -> None:
    found = replace(
        done(replace(STOCK, choices=Choices(ports=range(50000, 50010)))), reserved=frozenset()
    )

    assert words(plan(found)) == [f"sysctl -q -p {SYSCTL}"]


def test_a_file_of_an_earlier_version_is_replaced_and_one_of_the_admins_is_not() -> None:
    there = done(STOCK)
    changed = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    entries = {**there.entries, UNIT_FILE: changed}
    ours = replace(there, entries=entries, written={str(UNIT_FILE): digest(b"mine\n")})
    admins = replace(there, entries=entries)

    assert words(plan(ours)) == [
        "systemctl daemon-reload",
        "systemctl restart reversi-checker.service",
    ]
    assert plan(admins).steps == ()
    assert plan(admins).notes[0].startswith(f"left as it is: {UNIT_FILE}")
    assert written(plan(replace(admins, force=True)))[UNIT_FILE].backup


def released(content: bytes | None = None, *, noted: bytes = b"") -> Found:
    """A gateway whose drop-in of sshd is all in the file that is now the second."""
    there = done(STOCK)
    entries = {path: entry for path, entry in there.entries.items() if path != DROP_IN}
    mine = released_drop_in("reversi", there.unknown_options) if content is None else content
    old = Entry(mode=0o644, owner="root", group="root", content=mine)
    return replace(there, entries={**entries, REST: old}, written={str(REST): digest(noted)})


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(released(), id="as the release before wrote it"),
        pytest.param(released(b"earlier\n", noted=b"earlier\n"), id="as one long ago wrote it"),
        pytest.param(released(released_drop_in("reversi")), id="of a package"),
    ],
)
def test_the_drop_in_of_an_earlier_release_moves_to_the_front(found: Found) -> None:
    planned = plan(found)
    (step,) = planned.steps

    assert isinstance(step, GoLive)
    assert [file.path for file in step.files] == [DROP_IN, REST]
    assert not any(file.backup for file in step.files)
    assert live_drop_ins(found, planned) == {
        DROP_IN: drop_in("reversi"),
        REST: rest_of_drop_in("reversi"),
    }


def test_a_drop_in_of_an_earlier_release_that_the_admin_changed_counts_until_force() -> None:
    found = released(b"mine\n")
    forced = replace(found, force=True)

    assert plan(found).steps == ()
    assert plan(found).notes[0].startswith(f"left as it is: {REST}")
    assert live_drop_ins(found, plan(found)) == {REST: b"mine\n"}
    (step,) = plan(forced).steps
    assert isinstance(step, GoLive)
    assert [(file.path, file.backup) for file in step.files] == [(DROP_IN, False), (REST, True)]


def test_no_list_has_an_item_twice_when_an_earlier_release_comes_back() -> None:
    """It takes `AcceptEnv X X` for wrong, and then refuses."""
    both = (drop_in("reversi", ()) + released_drop_in("reversi", ())).decode()

    assert both.count("AcceptEnv") == 1
    assert both.count("PermitTTY") == 2
    together = (drop_in("reversi", ()) + rest_of_drop_in("reversi")).decode()
    assert [key for key in LOCKDOWN if f"    {key} " not in together] == []


def test_uninstall_withdraws_both_files_of_sshd() -> None:
    there = done(STOCK)
    installed = Installed(
        files=there.written,
        folders=[],
        made=[],
        entries=there.entries,
        has_systemd=False,
        sshd_unit="",
        tunnel_user="reversi",
    )

    assert [
        step.path for step in undo(installed, purge=False)[0] if isinstance(step, Withdraw)
    ] == [DROP_IN, REST]


def test_a_file_that_sshd_runs_at_each_login_is_warned_of() -> None:
    planned = plan(replace(done(STOCK), sshrc=(Path("/etc/ssh/sshrc"),)))

    assert planned.steps == ()
    (warning,) = planned.warnings
    assert warning.startswith("sshd runs /etc/ssh/sshrc at each login")
    assert "old client" in warning
    assert "sudo sed -i" in warning


@pytest.mark.parametrize(
    ("text", "spared"),
    [
        pytest.param("", True, id="empty"),
        pytest.param("#!/bin/sh\n\n# nothing\n", True, id="comments"),
        pytest.param("echo hello\n", False, id="prints"),
        pytest.param(f"{guard('reversi')}\n#!/bin/sh\necho hello\n", True, id="guarded"),
        pytest.param(f"{guard('reversi')}0\n", False, id="another line"),
        pytest.param(f"echo\n{guard('reversi')}\n", False, id="guarded too late"),
        pytest.param(f"{guard('another')}\necho\n", False, id="guarded for another user"),
    ],
)
def test_an_sshrc_that_ends_at_once_for_the_tunnel_user_is_well(text: str, spared: bool) -> None:
    assert spares(text, "reversi") is spared


def test_the_admins_settings_and_keys_are_never_replaced() -> None:
    there = done(STOCK)
    mine = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    entries = {**there.entries, SYSTEM.config: mine, SYSTEM.authorized_keys: mine}

    assert plan(replace(there, entries=entries, force=True)) == Plan(steps=())


def test_a_directory_with_another_mode_or_owner_or_strays_is_mended() -> None:
    there = done(STOCK)
    for entry in (
        Entry(mode=0o777, owner=DAEMON_USER, group=DAEMON_USER),
        Entry(mode=0o755, owner="root", group=DAEMON_USER),
        Entry(mode=0o755, owner=DAEMON_USER, group=DAEMON_USER, strays=True),
    ):
        steps = plan(replace(there, entries={**there.entries, STATE: entry})).steps
        assert [step.path for step in steps if isinstance(step, Folder)] == [STATE]


def test_a_key_file_that_lags_is_brought_in_line() -> None:
    assert plan(replace(done(STOCK), keys_lag=True)).steps == (KeysInLine(),)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            {"choices": Choices(tunnel_user="a b")}, "no name that useradd takes", id="name"
        ),
        pytest.param(
            {"choices": Choices(tunnel_user=DAEMON_USER)},
            "the daemon's own account",
            id="the daemon's",
        ),
        pytest.param({"python": "/home/me/venv/bin/python"}, "install it under /opt", id="home"),
        pytest.param(
            {"accounts": {"reversi": Account(uid=0, shell="/bin/sh", locked=False)}},
            "the rights of root",
            id="root",
        ),
        pytest.param(
            {"accounts": {"reversi": Account(uid=9, shell="/bin/false", locked=False)}},
            "usermod --shell /bin/sh",
            id="shell",
        ),
        pytest.param(
            {"accounts": {"reversi": Account(uid=9, shell="", locked=False)}},
            "usermod --shell",
            id="no shell",
        ),
        pytest.param(
            {"accounts": {"reversi": Account(uid=9, shell="/bin/sh", locked=True)}},
            "locked with '!'",
            id="locked",
        ),
    ],
)
def test_what_only_the_admin_can_change_is_refused(
    change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence.replace("(", r"\(")):
        plan(replace(STOCK, **change))  # type: ignore[arg-type]


def test_a_package_gets_files_alone_and_its_postinst_the_rest() -> None:
    planned, after = package(replace(STOCK, choices=Choices(ports=range(50000, 50010))))

    assert set(written(planned)) == {
        SYSTEM.config,
        SYSTEM.authorized_keys,
        TMPFILES,
        SYSCTL,
        *UNITS,
        DROP_IN,
        REST,
    }
    assert all(isinstance(step, File | Folder) for step in planned.steps)
    assert not [
        step for step in planned.steps if isinstance(step, Folder) and step.path.is_relative_to(RUN)
    ]
    assert after[0] == "groupadd --system reversi-operators"
    assert "install -d -m 0755 -o reversi-checker -g reversi-checker /var/lib/reversi" in after
    assert after[-1] == "systemctl try-reload-or-restart ssh.service"


def test_uninstall_takes_back_what_init_noted_in_the_opposite_order() -> None:
    there = done(STOCK)
    installed = Installed(
        files=there.written,
        folders=[str(path) for path in (CONFIG, STATE, RUN)],
        made=["group reversi-operators", "user reversi"],
        entries=there.entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )

    steps, notes = undo(installed, purge=False)

    assert steps == (
        Command(
            words=("systemctl", "disable", "--now", "reversi-checker.service", "reversi-keys.path"),
            must=False,
        ),
        *(
            Withdraw(path=path, reload=("systemctl", "try-reload-or-restart", "ssh.service"))
            for path in (DROP_IN, REST)
        ),
        Remove(path=TMPFILES),
        *(Remove(path=path) for path in UNITS),
        Command(words=("systemctl", "daemon-reload")),
        EndSessions(user="reversi"),
        Remove(path=RUN),
        Remove(path=STATE),
        Command(words=("userdel", "reversi")),
        Command(words=("groupdel", "reversi-operators")),
        Leave(path=CONFIG),
    )
    assert "left: /etc/reversi, with the registry" in notes[0]
    assert undo(installed, purge=True)[0][-1] == Remove(path=CONFIG)
    assert not installed.is_undone
    left = replace(
        installed, files={}, folders=[str(CONFIG)], made=[], has_systemd=False, entries={}
    )
    assert left.is_undone
    assert undo(left, purge=True)[0] == (Remove(path=CONFIG),)


def test_uninstall_leaves_what_was_changed_and_accounts_that_were_there_before() -> None:
    there = done(STOCK)
    changed = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    installed = Installed(
        files=there.written,
        folders=[],
        made=[],
        entries={TMPFILES: changed},
        has_systemd=False,
        sshd_unit="",
        tunnel_user="reversi",
    )

    steps, notes = undo(installed, purge=False)

    assert steps == (Remove(path=MANIFEST),)
    assert notes[0] == f"left: {TMPFILES}, which was changed since init wrote it"
    assert Remove(path=TMPFILES) in undo(installed, purge=True)[0]


@given(st.frozensets(st.integers(1, 65535), max_size=60))
def test_ports_survive_the_kernels_notation(ports: frozenset[int]) -> None:
    assert ranges_in(ranges_out(ports) + "\n") == ports


def test_ports_in_a_row_become_a_range() -> None:
    assert ranges_out({1, 2, 3, 7, 9, 10}) == "1-3,7,9-10"


def test_the_settings_that_init_writes_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "reversi.toml"

    path.write_bytes(
        reversi_toml("reversi", "reversi-operators", ("a.example:22", "b.example:2222"))
    )
    assert load_config(path).gateway == ("a.example:22", "b.example:2222")
    path.write_bytes(reversi_toml("reversi", "reversi-operators", ()))
    found = load_config(path)
    assert (found.tunnel_user, found.operators_group, found.gateway) == (
        "reversi",
        "reversi-operators",
        (),
    )


def test_a_percent_sign_in_a_path_is_no_specifier_of_systemds() -> None:
    assert b"ExecStart=/opt/100%%/python -I -m checker serve\n" in unit("/opt/100%/python")


def test_the_drop_in_holds_what_sshd_is_to_say_and_ends_its_block() -> None:
    text = drop_in("reversi", {"unusedconnectiontimeout"}).decode()

    assert "UnusedConnectionTimeout" not in text
    assert (
        text.index("MaxStartups")
        < text.index("Match User reversi")
        < text.index("AllowTcpForwarding remote")
    )
    assert text.endswith("\nMatch all\n")


def test_what_sshd_does_not_know_is_read_from_its_complaint() -> None:
    said = (
        "f line 3: Bad configuration option: Foo\nf line 4: Directive 'Bar' is not allowed within a"
        " Match block\nf: terminating"
    )

    assert unknown_options(said) == {"Foo", "Bar"}
    assert unknown_options("f line 9: Bad yes/no argument: maybe") == frozenset()


OLD_SSHD = """#!/bin/sh
name=$(grep -oE 'LogVerbose|UnusedConnectionTimeout' "$3" | head -n 1)
[ -z "$name" ] && exit 0
echo "$3: line 9: Bad configuration option: $name" >&2
echo "$3 line 9: Directive '$name' is not allowed within a Match block" >&2
exit 255
"""
"""`sshd -t -f FILE` of OpenSSH 8.4, which stops at the first option of a Match block that it does
not know.
"""


def test_each_option_that_an_old_sshd_does_not_know_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sshd"
    program.write_text(OLD_SSHD, encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert probe_unknown("reversi") == {"LogVerbose", "UnusedConnectionTimeout"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026", (9, 2), id="9.2"),
        pytest.param(
            "unknown option -- V\nOpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1n\nusage: sshd",
            (8, 4),
            id="8.4",
        ),
        pytest.param("OpenSSH_10.0p2 Debian-7", (10, 0), id="10"),
        pytest.param("dropbear", None, id="another"),
    ],
)
def test_the_version_is_read_from_new_and_old_servers(
    text: str, version: tuple[int, int] | None
) -> None:
    assert version_in(text) == version


TIGHT = {key.lower(): value for key, value in LOCKDOWN.items()}


def test_settings_that_differ_are_named() -> None:
    assert differences(TIGHT) == ()
    assert differences({**TIGHT, "permittty": "yes"}) == ("PermitTTY is yes, and must be no",)
    assert differences({**TIGHT, "clientaliveinterval": "5"}) == ()
    assert differences({**TIGHT, "clientaliveinterval": "0"}) != ()
    assert differences({**TIGHT, "clientalivecountmax": "3"}) == (), "what earlier releases wrote"
    assert (
        differences(
            {key: value for key, value in TIGHT.items() if key != "unusedconnectiontimeout"}
        )
        == ()
    )
    assert differences({**TIGHT, "gatewayports": "no"}) != ()
    assert (
        differences({**TIGHT, "gatewayports": "no", "authorizedkeysfile": "/x"}, private=True) == ()
    )
    assert differences({**TIGHT, "gatewayports": "yes"}, private=True) != ()
    assert differences({**TIGHT, "maxsessions": "100"}) == ()
    assert differences({**TIGHT, "maxsessions": "0"}) == ("MaxSessions is 0, and must be 10",)


def test_a_setting_that_sshd_does_not_name_is_never_taken_for_tight() -> None:
    for key in set(LOCKDOWN) - {"LogVerbose"}:
        without = {name: value for name, value in TIGHT.items() if name != key.lower()}

        assert differences(without, unknown=()) == (
            f"{key} could not be checked, as sshd does not print it",
        )
    assert differences(TIGHT, unknown=unknown_to((10, 5))) == ()
    assert unknown_to((9, 1)) == {"UnusedConnectionTimeout"}
    assert unknown_to(None) == frozenset()


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        pytest.param("permittty", "NO", False, id="a word in capitals"),
        pytest.param("allowtcpforwarding", "Remote", False, id="a word in mixed case"),
        pytest.param("authorizedkeysfile", "/ETC/reversi/authorized_keys", True, id="a path"),
        pytest.param("setenv", "shlvl=2", True, id="a variable"),
        pytest.param("clientaliveinterval", "15s", True, id="no number"),
        pytest.param("maxsessions", "unlimited", True, id="no number of sessions"),
    ],
)
def test_words_are_compared_without_case_and_what_is_no_number_is_wrong(
    key: str, value: str, wrong: bool
) -> None:
    assert bool(differences({**TIGHT, key: value})) is wrong


EFFECTIVE_10_5 = Path(__file__).parents[2] / "data/sshd/effective-10.5.txt"
"""What `sshd -T` of OpenSSH 10.5p1 printed for a user with `AllowTcpForwarding remote` and
`PermitOpen none`.
"""


def test_mixed_case_of_openssh_10_5_is_read_as_lower_case_is() -> None:
    mixed = EFFECTIVE_10_5.read_text(encoding="ascii")
    lower = "".join(
        f"{key.lower()} {value}\n"
        for key, _, value in (line.partition(" ") for line in mixed.splitlines())
    )

    assert settings(mixed) == settings(lower)
    wrong = differences(settings(mixed), unknown=unknown_to((10, 5)))
    assert "PermitTTY is yes, and must be no" in wrong
    assert "SetEnv could not be checked, as sshd does not print it" in wrong
    assert not [
        clause for clause in wrong if clause.startswith(("AllowTcpForwarding ", "PermitOpen "))
    ]
    opened = differences(
        settings(mixed.replace("AllowTcpForwarding remote", "AllowTcpForwarding yes"))
    )
    assert "AllowTcpForwarding is yes, and must be remote" in opened


def test_what_sshd_prints_is_read_by_keyword() -> None:
    assert settings("port 22\nallowusers a\nallowusers b\n") == {"port": "22", "allowusers": "a b"}


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
            {"allowgroups": "ssh"},
            "AllowGroups names only ssh: add the group reversi to it",
            id="group",
        ),
        pytest.param({"allowgroups": "ssh reversi"}, "", id="own group"),
    ],
)
def test_who_sshd_lets_in_is_told(told: dict[str, str], why: str) -> None:
    assert shut_out(told, "reversi") == why


@pytest.mark.parametrize(
    ("told", "key", "way_out"),
    [
        pytest.param({}, public_key(), None, id="an sshd that does not say"),
        pytest.param(
            {"pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-256"},
            public_key(),
            None,
            id="accepted",
        ),
        pytest.param(
            {"pubkeyacceptedalgorithms": "ssh-ed25519,rsa-sha2-256"},
            rsa_key(3072),
            None,
            id="RSA, by one of its algorithms",
        ),
        pytest.param(
            {"pubkeyacceptedalgorithms": "rsa-sha2-256"},
            public_key(),
            ("PubkeyAcceptedAlgorithms", "+ssh-ed25519"),
            id="ed25519",
        ),
        pytest.param(
            {"pubkeyacceptedkeytypes": "ssh-ed25519"},
            rsa_key(3072),
            ("PubkeyAcceptedKeyTypes", "+rsa-sha2-512,rsa-sha2-256"),
            id="before 8.5",
        ),
        pytest.param({"requiredrsasize": "3072"}, rsa_key(3072), None, id="RSA, large enough"),
        pytest.param(
            {"requiredrsasize": "4096"},
            rsa_key(3072),
            ("RequiredRSASize", "3072"),
            id="RSA, too small",
        ),
        pytest.param({"requiredrsasize": "4096"}, public_key(), None, id="not RSA"),
    ],
)
def test_an_option_that_refuses_a_key_is_named_with_the_way_out(
    told: dict[str, str], key: str, way_out: tuple[str, str] | None
) -> None:
    assert unwelcome(told, key) == way_out


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("line", "key", "refused"),
    [
        pytest.param("", rsa_key(3072), False, id="as sshd is by itself"),
        pytest.param("RequiredRSASize 4096", rsa_key(3072), True, id="size"),
        pytest.param("PubkeyAcceptedAlgorithms -ssh-ed25519", public_key(), True, id="algorithm"),
    ],
)
def test_sshd_itself_says_which_keys_it_takes_and_the_way_out_works(
    tmp_path: Path, line: str, key: str, refused: bool
) -> None:
    require("sshd")
    config = tmp_path / "sshd_config"
    config.write_text(f"{line}\n", encoding="ascii")
    way_out = unwelcome(effective(config, "root"), key)

    assert (way_out is not None) is refused
    config.write_text(
        f"{line}\nMatch User root\n{' '.join(way_out or ())}\nMatch all\n", encoding="ascii"
    )
    assert unwelcome(effective(config, "root"), key) is None


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        pytest.param("Include /etc/ssh/sshd_config.d/*.conf", "Include /new/*.conf", id="Debian's"),
        pytest.param("include sshd_config.d/*.conf", "include /new/*.conf", id="relative"),
        pytest.param(
            'Include "/etc/ssh/sshd_config.d/*.conf" /etc/x',
            "Include /new/*.conf /etc/x",
            id="quoted, and another",
        ),
        pytest.param("#Include /etc/ssh/sshd_config.d/*.conf", None, id="commented out"),
        pytest.param("Include /etc/ssh/other.d/*.conf", None, id="elsewhere"),
    ],
)
def test_a_rehearsal_reads_the_candidate_in_place_of_the_live_file(
    line: str, changed: str | None
) -> None:
    found = redirected(f"Port 22\n{line}\nUsePAM yes\n", DROP_IN, Path("/new"))

    assert found == (None if changed is None else f"Port 22\n{changed}\nUsePAM yes\n")


def test_the_folders_are_those_that_the_daemon_uses() -> None:
    layout: Layout = SYSTEM

    assert {folder.path for folder in all_folders("reversi")} >= {
        layout.nodes,
        layout.run,
        layout.spool,
        layout.state.parent,
    }
