"""`init --tune`, `init --no-tune` and `uninstall`: the limit on unsent data."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.install.carry_out import note
from checker.install.manifest import Manifest
from checker.install.plan import MANIFEST, contents, package, plan
from checker.install.steps import (
    Choices,
    Command,
    Entry,
    File,
    Found,
    NotSent,
    Plan,
    Remove,
    digest,
)
from checker.install.sysctl_files import sets, setter
from checker.install.tuning import KEY, LIMIT, TUNE, tuning
from checker.install.undo import Installed, Undo, undo

DEFAULT = "4294967295"
APPLY = f"sysctl -q -p {TUNE}"
RESTORE = f"sysctl -q -w {KEY}={DEFAULT}"
STOCK = Found(python="/opt/reversi/bin/python3", choices=Choices(), not_sent=NotSent(value=DEFAULT))
ASKED = replace(STOCK, tune=True)
ADMINS = Path("/etc/sysctl.d/50-mine.conf")
ADMINS_TOO = NotSent(value=LIMIT, set_in=ADMINS)
HINDRANCES = [
    pytest.param(NotSent(is_missing=True), f"this kernel has no {KEY}", id="missing"),
    pytest.param(
        NotSent(value=DEFAULT, is_read_only=True),
        "set it where the container is started",
        id="read-only",
    ),
    pytest.param(
        NotSent(value="131072", set_in=ADMINS),
        f"{ADMINS} sets {KEY}, and is left as it is",
        id="the admin's",
    ),
]


def tuned(
    content: bytes = tuning(DEFAULT), *, noted: bytes | None = None, now: str = LIMIT
) -> Found:
    """A machine with such a file of the limit, noted with that content."""
    entry = Entry(mode=0o644, owner="root", group="root", content=content)
    written = {str(TUNE): digest(content if noted is None else noted)}
    return replace(STOCK, entries={TUNE: entry}, written=written, not_sent=NotSent(value=now))


def steps(planned: Plan) -> list[str | bytes]:
    """What is planned about the limit: contents of the file, commands, and the path that goes."""
    found: list[str | bytes] = []
    for step in planned.steps:
        match step:
            case File(path=path, content=content) if path == TUNE:
                found.append(content)
            case Command(words=words) if words[0] == "sysctl":
                found.append(shlex.join(words))
                assert not step.must
            case Remove(path=path):
                found.append(f"remove {path}")
            case _:
                pass
    return found


def undone(found: Found, *, purge: bool = False) -> tuple[list[Undo], list[str]]:
    """The same of `uninstall`, and what is left."""
    there = Installed(
        files=found.written,
        folders=[],
        made=[],
        entries=found.entries,
        has_systemd=False,
        sshd_unit="",
        tunnel_user="reversi",
        not_sent=found.not_sent,
    )
    planned, notes = undo(there, purge=purge)
    about: list[Undo] = [
        step for step in planned if step == Remove(path=TUNE) or isinstance(step, Command)
    ]
    return about, [text for text in notes if not text.startswith("left: /etc/reversi,")]


def test_nothing_is_tuned_unless_asked_for() -> None:
    assert steps(plan(STOCK)) == []
    assert steps(plan(replace(STOCK, tune=False))) == []
    assert TUNE not in contents(STOCK)


def test_the_limit_is_written_with_the_earlier_value_and_applied() -> None:
    assert steps(plan(ASKED)) == [
        f"# written by: reversi-checker init\n# before: {KEY} = {DEFAULT}\n{KEY} = {LIMIT}\n".encode(),  # noqa: E501 - one line of what runs
        APPLY,
    ]


@pytest.mark.parametrize("asked", [None, True])
def test_a_later_init_keeps_it_and_the_earlier_value(asked: bool | None) -> None:
    assert steps(plan(replace(tuned(), tune=asked))) == []
    assert steps(plan(replace(tuned(now=DEFAULT), tune=asked))) == [APPLY]
    old = f"# before: {KEY} = {DEFAULT}\n{KEY} = 9\n".encode()
    assert steps(plan(replace(tuned(old, now="9"), tune=asked))) == [tuning(DEFAULT), APPLY]


def test_a_file_that_the_admin_changed_is_left_and_named() -> None:
    changed = tuned(b"mine\n", noted=tuning(DEFAULT), now="5")

    for asked in (None, True, False):
        planned = plan(replace(changed, tune=asked))
        assert steps(planned) == []
        assert any(text.startswith(f"left as it is: {TUNE}") for text in planned.notes)
    assert steps(plan(replace(changed, force=True))) == [tuning(""), APPLY]


@pytest.mark.parametrize(("now", "why"), HINDRANCES)
def test_what_is_in_the_way_is_one_warning_and_init_goes_on(now: NotSent, why: str) -> None:
    planned = plan(replace(ASKED, not_sent=now))

    assert steps(planned) == []
    assert len(planned.steps) == len(plan(STOCK).steps)
    (warning,) = planned.warnings
    assert why in warning


def test_a_limit_that_the_container_was_started_with_is_no_hindrance() -> None:
    assert steps(plan(replace(ASKED, not_sent=NotSent(value=LIMIT, is_read_only=True)))) == [
        tuning(LIMIT)
    ]


def test_no_tune_restores_the_earlier_value_and_removes_the_file() -> None:
    assert steps(plan(replace(tuned(), tune=False))) == [RESTORE, f"remove {TUNE}"]
    packaged = plan(replace(tuned(tuning(""), noted=b""), tune=False))
    assert steps(packaged) == [f"remove {TUNE}"]
    assert f"left until the next boot: {KEY} = {LIMIT}" in packaged.notes


def test_what_init_no_longer_wants_leaves_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.install.carry_out.MANIFEST", tmp_path / "none" / MANIFEST.name)
    manifest = Manifest(files={str(TUNE): "digest"})

    note(Remove(path=TUNE), manifest, lambda: None)

    assert manifest.files == {}


def test_uninstall_restores_the_earlier_value_and_removes_the_file() -> None:
    assert undone(tuned()) == (
        [Command(words=tuple(RESTORE.split()), must=False), Remove(path=TUNE)],
        [],
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(tuned(now=DEFAULT), [], id="as before already"),
        pytest.param(
            tuned(now="131072"), [f"left: {KEY} = 131072, which was set since"], id="set since"
        ),
        pytest.param(
            tuned(tuning("")), [f"left until the next boot: {KEY} = {LIMIT}"], id="of a package"
        ),
        pytest.param(
            replace(tuned(), not_sent=ADMINS_TOO),
            [f"left: {KEY} = {LIMIT}; {ADMINS} sets it at boot"],
            id="the admin's",
        ),
        pytest.param(replace(tuned(), not_sent=NotSent(is_missing=True)), [], id="another kernel"),
    ],
)
def test_uninstall_sets_no_value_that_is_not_ours(found: Found, said: list[str]) -> None:
    assert undone(found) == ([Remove(path=TUNE)], said)


def test_uninstall_leaves_a_file_that_was_changed_and_its_value() -> None:
    changed = tuned(tuning(DEFAULT) + b"# mine\n", noted=tuning(DEFAULT))

    assert undone(changed) == ([], [f"left: {TUNE}, which was changed since init wrote it"])
    assert undone(changed, purge=True)[0] == [
        Command(words=tuple(RESTORE.split()), must=False),
        Remove(path=TUNE),
    ]


def test_a_package_gets_the_file_and_its_postinst_the_command() -> None:
    planned, after = package(replace(ASKED, not_sent=NotSent()))

    assert steps(planned) == [tuning("")]
    assert APPLY in after
    assert after.index(APPLY) < after.index("systemctl daemon-reload")
    assert APPLY not in package(replace(STOCK, not_sent=NotSent()))[1]


def test_a_tree_keeps_the_choice_until_no_tune(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = ["init", "--python", STOCK.python, "--root", str(tmp_path)]
    place = tmp_path / TUNE.relative_to("/")

    assert run([*init, "--tune", "--dry-run"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert (
        f"would write: {TUNE} (0644, root:root)\n    # written by: reversi-checker init\n    {KEY}"
        f" = {LIMIT}\n" in shown
    )
    assert run([*init, "--tune"]) == ExitCode.OK
    assert place.read_bytes() == tuning("")
    assert run(init) == ExitCode.OK
    said = capsys.readouterr().out
    assert APPLY in said
    assert run([*init, "--no-tune", "--dry-run"]) == ExitCode.OK
    assert f"would remove: {TUNE}\n" in capsys.readouterr().out
    assert place.exists()
    assert run([*init, "--no-tune"]) == ExitCode.OK
    assert not place.exists()
    assert APPLY not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        (f"{KEY} = 1\n", True),
        ("# a comment\n-net/ipv4/tcp_notsent_lowat=1", True),
        ("net.ipv4.tcp_* = 1\n", True),
        (f"# {KEY} = 1\n; {KEY} = 1\n", False),
        ("net.ipv4.tcp_rmem = 1 2 3\n", False),
        (f"-{KEY}\n", False),
    ],
)
def test_a_line_of_sysctl_is_known_however_it_is_written(text: str, is_set: bool) -> None:
    assert sets(text, KEY) == is_set


def test_the_file_that_counts_is_found_and_ours_is_not_the_admins(tmp_path: Path) -> None:
    line = f"{KEY} = 1\n"
    for name in ("etc/sysctl.d", "usr/lib/sysctl.d"):
        (tmp_path / name).mkdir(parents=True)
    ours = tmp_path / "etc/sysctl.d/99-reversi-tune.conf"
    ours.write_text(line)
    assert setter(KEY, but=ours, root=tmp_path) is None

    (tmp_path / "usr/lib/sysctl.d/50-a.conf").write_text(line)
    (tmp_path / "usr/lib/sysctl.d/60-b.conf").write_text(line)
    assert setter(KEY, but=ours, root=tmp_path) == tmp_path / "usr/lib/sysctl.d/60-b.conf"
    (tmp_path / "etc/sysctl.d/60-b.conf").symlink_to("/dev/null")
    assert setter(KEY, but=ours, root=tmp_path) == tmp_path / "usr/lib/sysctl.d/50-a.conf"
    (tmp_path / "etc/sysctl.conf").write_text(line)
    assert setter(KEY, but=ours, root=tmp_path) == tmp_path / "etc/sysctl.conf"
