"""Install, upgrade and uninstall a bundle on each platform, under each shell, with stand-ins."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from dataclasses import replace

import pytest

from client.bundle.compose import render
from client.bundle.settings import Settings
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import OFFICE, changed
from tests.programs import require
from tests.system.shell.installing import (
    MACOS,
    OPENWRT,
    PLATFORMS,
    RCLOCAL,
    SYSTEMD,
    Platform,
    become,
    bundle,
    calls,
    files,
    hidden,
    needs_root,
)
from tests.system.shell.stand_ins import TAKEN, program

pytestmark = pytest.mark.shell


@needs_root
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_install_twice_then_uninstall_leaves_what_was_there(box: Box, platform: Platform) -> None:
    become(box, platform)
    before = files(box)
    file = bundle(box)

    first = box.sh(file, "install")
    once = files(box)
    second = box.sh(file, "install")
    twice = files(box)
    third = box.sh(file, "uninstall")

    assert (first.returncode, second.returncode, third.returncode) == (0, 0, 0), (
        first.stderr + second.stderr + third.stderr
    )
    assert f"platform: {platform.name}, client: ssh (openssh)" in first.stderr
    assert once == twice
    assert platform.unit in once
    assert "wrote" not in second.stderr
    assert files(box) == before
    box.await_nothing_left()


@needs_root
def test_openwrt_gets_an_init_script_that_survives_upgrades(box: Box) -> None:
    become(box, OPENWRT)

    box.sh(bundle(box), "install")

    unit = box.root / OPENWRT.unit
    assert unit.stat().st_mode & 0o777 == 0o755
    assert subprocess.run(["sh", "-n", str(unit)], check=False).returncode == 0
    kept = (box.root / "etc/sysupgrade.conf").read_text().splitlines()
    assert kept[:2] == ["# kept", "/etc/mine"]
    assert {str(box.installed / "office.sh"), str(unit)} <= set(kept)
    assert calls(box) == [f"rc.common {unit} enable", f"rc.common {unit} restart"]
    procd = (
        "procd_open_instance() { :; }; procd_close_instance() { :; }; procd_set_param() { printf"
        ' "%s\\n" "$@"; }'
    )
    said = subprocess.run(
        ["sh", "-c", f'{procd}; . "$1"; start_service', "sh", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[:4] == [
        "command",
        "/bin/sh",
        str(box.installed / "office.sh"),
        "run",
    ]


@needs_root
def test_shellcheck_accepts_the_init_script(box: Box) -> None:
    require("shellcheck")
    become(box, OPENWRT)

    box.sh(bundle(box), "install")

    said = subprocess.run(
        ["shellcheck", "-s", "sh", str(box.root / OPENWRT.unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == ""


@needs_root
def test_systemd_accepts_the_unit(box: Box) -> None:
    become(box, SYSTEMD)

    box.sh(bundle(box), "install")

    unit = box.root / SYSTEMD.unit
    assert calls(box) == [
        "systemctl daemon-reload",
        *(f"systemctl {verb} reversi-office.service" for verb in ("enable", "restart")),
    ]
    if shutil.which("systemd-analyze"):
        said = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.stderr == ""
        assert said.returncode == 0
    assert f'ExecStart=/bin/sh "{box.installed}/office.sh" run' in unit.read_text()


@needs_root
def test_macos_gets_a_property_list(box: Box) -> None:
    become(box, MACOS)

    box.sh(bundle(box), "install")

    unit = box.root / MACOS.unit
    assert plistlib.loads(unit.read_bytes()) == {
        "Label": "reversi-office",
        "ProgramArguments": ["/bin/sh", str(box.installed / "office.sh"), "run"],
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
    }
    assert calls(box) == [f"launchctl unload {unit}", f"launchctl load -w {unit}"]


@needs_root
def test_rc_local_gets_its_line_before_exit(box: Box) -> None:
    become(box, RCLOCAL)
    before = files(box)

    box.sh(bundle(box), "install")

    lines = (box.root / RCLOCAL.unit).read_text().splitlines()
    assert lines == [
        "#!/bin/sh -e",
        "# mine",
        "true 'a\\b'",
        f"/bin/sh '{box.installed}/office.sh' boot # reversi-office",
        "exit 0",
    ]
    box.await_state("up")
    box.sh(bundle(box), "uninstall")
    assert files(box) == before
    box.await_nothing_left()


def test_cron_and_a_loop_are_used_if_there_is_nothing_else(box: Box) -> None:
    file = bundle(box)
    table = box.folder / "programs/crontab.txt"
    before = table.read_text()

    first = box.sh(file, "install")

    assert first.returncode == 0, first.stderr
    assert (
        table.read_text()
        == f"{before}@reboot /bin/sh '{box.installed}/office.sh' boot # reversi-office\n"
    )
    box.await_state("up")
    assert box.sh(file, "status").returncode == 0
    removed = box.sh(file, "uninstall")
    assert removed.returncode == 0, removed.stderr
    assert table.read_text() == before
    assert not (box.installed / "office.sh").exists()
    assert not box.live().exists()
    box.await_nothing_left()


def test_uninstall_ends_a_run_that_was_started_meanwhile(box: Box) -> None:
    file = bundle(box)
    box.sh(file, "install", "--offline")
    box.await_state("up")
    started, state = box.folder / "started", box.live() / "state"
    begin = (
        f"/bin/sh '{box.installed}/office.sh' run >'{started}' 2>&1 & until grep -q 'state up'"
        f" '{state}'; do sleep 0.1; done"
    )
    program(
        box.folder / "programs",
        "crontab",
        f"#!/bin/sh\n[ $1 != -l ] || [ -e '{started}' ] || {{ {begin}; }}\n",
    )

    removed = box.sh(file, "uninstall")

    assert removed.returncode == 0, removed.stderr
    assert started.exists()
    box.await_nothing_left()


def test_a_starting_run_ends_if_its_script_is_removed(box: Box) -> None:
    file = box.write(render(changed(settings={"root": str(box.root), "beat": "1"})))
    program(
        box.folder / "programs",
        "date",
        f"#!/bin/sh\nrm -f '{file}'\nexec {shutil.which('busybox')} date \"$@\"\n",
    )

    process = box.start(file)

    assert process.wait(150) == 0
    assert box.state()["state"] == "stopped"
    box.await_nothing_left()


@pytest.mark.parametrize(
    "platform",
    [pytest.param(p, marks=needs_root, id=p.name) for p in (OPENWRT, SYSTEMD, MACOS)] + [None],
)
def test_a_second_install_does_not_restart_a_tunnel_that_is_up(
    box: Box, platform: Platform | None
) -> None:
    if platform:
        become(box, platform)
    file = bundle(box)
    box.sh(file, "install")
    if platform:
        box.start(box.installed / "office.sh")
    before = box.await_state("up")
    (box.folder / "programs/calls.log").unlink(missing_ok=True)

    again = box.sh(file, "install")

    assert again.returncode == 0, again.stderr
    assert "this bundle is up already; nothing was restarted" in again.stderr
    assert not [
        line for line in calls(box) if "restart" in line or "unload" in line or "stop" in line
    ]
    assert box.state() == before
    assert (
        sum("hold" in line for line in (box.folder / "programs/ssh.log").read_text().splitlines())
        == 1
    )
    box.sh(file, "uninstall")
    box.await_nothing_left()


def test_busybox_need_not_have_every_applet(box: Box) -> None:
    for applet in ("cmp", "crontab", "logger", "mkfifo", "mktemp", "od"):
        (box.folder / "programs" / applet).unlink(missing_ok=True)
        box.environment["PATH"] = hidden(box, applet)
    file = bundle(box, started_by="cron")

    said = [box.sh(file, "install")]
    box.await_state("up")
    said += [box.sh(file, verb) for verb in ("install", "upgrade", "uninstall")]

    assert [one.returncode for one in said] == [0, 0, 0, 0]
    assert "not found" not in "".join(one.stderr for one in said)
    assert "nothing was restarted" in said[1].stderr
    box.await_nothing_left()


def test_a_second_install_restarts_a_tunnel_that_is_not_up(box: Box) -> None:
    (box.folder / "programs/claim").write_text("60\n")
    (box.folder / "programs/taken").write_text(TAKEN)
    file = bundle(box)
    box.sh(file, "install")
    box.await_state("waiting")
    (box.folder / "programs/claim").write_text("0\n")

    again = box.sh(file, "install")

    assert again.returncode == 0, again.stderr
    box.await_state("up")
    box.sh(file, "uninstall")
    box.await_nothing_left()


def test_a_bundle_that_cannot_be_written_leaves_the_installed_one_unchanged(
    box: Box,
) -> None:
    box.sh(bundle(box), "install")
    before = box.await_state("up")
    there = {path: path.read_bytes() for path in box.installed.iterdir()}
    (box.installed / "office.sh.new").mkdir()
    newer = box.write(
        render(
            replace(
                OFFICE, host_keys=("ssh-ed25519 AAAAother",), settings=Settings(root=str(box.root))
            )
        ),
        "newer.sh",
    )

    said = [box.sh(newer, verb) for verb in ("install", "upgrade")]

    assert [one.returncode for one in said] == [2, 2]
    (box.installed / "office.sh.new").rmdir()
    assert {path: path.read_bytes() for path in box.installed.iterdir()} == there
    assert box.state() == before
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()
