"""Install, upgrade and uninstall a bundle on each platform, under each shell, with stand-ins."""

from __future__ import annotations

import contextlib
import os
import plistlib
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from client.bundle.compose import render
from client.bundle.keyforms import KeyForms
from client.bundle.settings import Settings
from tests.bundles import EACH_SHELL, Box, applets
from tests.client.bundle.samples import OFFICE, changed
from tests.programs import require
from tests.system.accounts import temporary_account
from tests.system.shell.stand_ins import CLIENT, KEYGEN, RC_COMMON, program, programs
from tests.system.waiting import until

pytestmark = [pytest.mark.shell, pytest.mark.timeout(120)]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can install there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform, and the unit that install writes there."""

    name: str
    unit: str


OPENWRT = Platform(name="openwrt", unit="etc/init.d/reversi-office")
SYSTEMD = Platform(name="systemd", unit="etc/systemd/system/reversi-office.service")
MACOS = Platform(name="macos", unit="Library/LaunchDaemons/reversi-office.plist")
RCLOCAL = Platform(name="rclocal", unit="etc/rc.local")
PLATFORMS = [pytest.param(platform, id=platform.name) for platform in (OPENWRT, SYSTEMD, MACOS)]


def become(box: Box, platform: Platform) -> None:
    """Make the files by which a bundle detects the platform."""
    (box.root / "etc").mkdir()
    match platform.name:
        case "openwrt":
            (box.root / "etc/openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
            (box.root / "etc/rc.common").write_text(RC_COMMON)
            (box.root / "etc/sysupgrade.conf").write_text("# kept\n/etc/mine\n")
        case "systemd":
            (box.root / "run/systemd/system").mkdir(parents=True)
        case "macos":
            program(box.folder / "programs", "uname", "#!/bin/sh\nprintf '%s\\n' Darwin\n")
        case _:
            program(box.root / "etc", "rc.local", "#!/bin/sh -e\n# mine\ntrue 'a\\b'\nexit 0\n")


def calls(box: Box) -> list[str]:
    """Return the calls of the service managers' stand-ins."""
    log = box.folder / "programs/calls.log"
    return (
        [line for line in log.read_text().splitlines() if not line.startswith("logger")]
        if log.exists()
        else []
    )


def files(box: Box) -> dict[str, bytes]:
    """Return all files under the device's root, except those of a running bundle."""
    found = {}
    for path in sorted(box.root.rglob("*")):
        name = str(path.relative_to(box.root))
        if path.is_file() and not name.startswith("var/run"):
            found[name] = path.read_bytes()
    return found


def bundle(box: Box, **settings: str) -> Path:
    return box.write(render(changed(settings={"root": str(box.root), "beat": "1", **settings})))


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
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_the_installed_script_is_small_and_private_and_works(box: Box) -> None:
    become(box, OPENWRT)

    box.sh(bundle(box), "install")

    script = box.installed / "office.sh"
    assert script.stat().st_mode & 0o777 == 0o600
    assert script.stat().st_size < 16_000
    assert script.with_suffix(".keys").stat().st_mode & 0o777 == 0o600
    assert "KEY_OPENSSH=" not in script.read_text()
    assert (
        box.sh(script, "check", HOST_KEYS="x", GATEWAYS="x:22").stdout
        == "office: gateway.example.org:22 says that the tunnel works\n"
    )
    assert box.sh(script, "status").stdout == "office: not running\n"
    assert "the installed script has no uninstall" in box.sh(script, "uninstall").stderr


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

    assert process.wait(20) == 0
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


def test_a_new_bundle_without_a_key_can_uninstall(box: Box) -> None:
    file = bundle(box)
    box.sh(file, "install")
    box.await_state("up")
    file.unlink()
    other = box.write(
        render(
            changed(key=None, forwards=("20010:127.0.0.1:22",), settings={"root": str(box.root)})
        ),
        "new.sh",
    )

    said = box.sh(other, "uninstall")

    assert said.returncode == 0, said.stderr
    box.await_nothing_left()
    assert not box.live().exists()
    assert [path for path in box.root.rglob("*") if path.is_file()] == []
    assert list(box.user_home.iterdir()) == []


def with_device_key(box: Box, *types: str) -> Path:
    """Return a bundle whose device makes its own key, of one of these types."""
    program(box.folder / "programs", "ssh-keygen", KEYGEN)
    (box.folder / "programs/types").write_text("".join(f"{name}\n" for name in types))
    return box.write(
        render(changed(key=None, settings={"root": str(box.root), "beat": "1"})), "device.sh"
    )


@pytest.mark.parametrize("verb", ["install", "upgrade"])
@pytest.mark.parametrize("options", [(), ("--offline",)], ids=["asking", "offline"])
def test_a_bundle_with_an_unknown_key_does_not_replace_another(
    box: Box, verb: str, options: tuple[str, ...]
) -> None:
    box.sh(bundle(box), "install")
    before = box.await_state("up")
    (box.folder / "programs/refusal").write_text(
        "reversi@gateway.example.org: Permission denied (publickey).\n"
    )
    device = with_device_key(box, "ssh-ed25519")

    said = box.sh(device, verb, *options)

    assert said.returncode == 2
    assert said.stdout == "ssh-ed25519 AAAA office\n"
    assert f"| {OFFICE.node_add}" in said.stderr
    assert "stays" in said.stderr
    assert box.state() == before
    assert "KEY=embed" in (box.installed / "office.sh").read_text()
    (box.folder / "programs/refusal").unlink()
    assert box.sh(device, verb).returncode == 0
    until(
        lambda: box.state()["pid"] != before["pid"] and box.state()["state"] == "up",
        "it is replaced",
    )
    box.sh(device, "uninstall")
    box.await_nothing_left()


def test_the_key_is_printed_if_one_gateway_does_not_know_it(box: Box) -> None:
    file = with_device_key(box, "ssh-ed25519")
    file.write_text(
        file.read_text().replace("GATEWAYS=gateway.example.org:22", "GATEWAYS='one:22 two:22'")
    )
    (box.folder / "programs/refusal").write_text("reversi@one: Permission denied (publickey).\n")
    unreachable = "case $* in *' two '*) printf '%s\\n' 'no route' >&2; exit 255 ;; esac\nfor last;"
    program(box.folder / "programs", "ssh", CLIENT.replace("for last;", unreachable))

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert said.stdout == "ssh-ed25519 AAAA office\n"
    assert "two:22: no route" in said.stderr
    box.sh(file, "uninstall")
    box.await_nothing_left()


ED25519, ECDSA, RSA = "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"


@pytest.mark.parametrize(
    ("types", "best"),
    [
        pytest.param((RSA, ECDSA, ED25519), ED25519, id="all"),
        pytest.param((RSA, ECDSA), ECDSA, id="no ed25519"),
        pytest.param((RSA,), RSA, id="only RSA"),
    ],
)
@pytest.mark.parametrize("client", ["openssh", "dropbear"])
def test_the_device_makes_the_best_key_that_it_can(
    box: Box, client: str, types: tuple[str, ...], best: str
) -> None:
    file = with_device_key(box, *types)
    if client == "dropbear":
        (box.folder / "programs/ssh-keygen").rename(box.folder / "programs/dropbearkey")
        program(
            box.folder / "programs", "ssh", CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2019.78")
        )

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert f" {best} AAAA\n" in (box.installed / "office.key").read_text()
    box.sh(file, "uninstall")
    box.await_nothing_left()


@needs_root
@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken by another user"])
def test_without_root_it_runs_from_memory_that_other_users_cannot_write(taken: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="reversi-") as place, temporary_account() as account:
        Path(place).chmod(0o755)
        folder = Path(place) / "a box"
        box = Box(
            folder,
            ("dash",),
            path=[folder / "programs", applets(Path(place) / "bin")],
            account=account,
        )
        programs(folder / "programs")
        box.live().parent.mkdir(parents=True)
        file = bundle(box)
        if taken:
            box.live().mkdir(mode=0o777)
            box.live().chmod(0o777)
        live = box.installed / "run-office" if taken else box.live()

        said = box.sh(file, "install")

        assert said.returncode == 0, said.stderr
        until(
            lambda: (live / "state").exists() and "state up" in (live / "state").read_text(),
            "it is up",
        )
        assert (live.stat().st_uid, live.stat().st_mode & 0o777) == (account.uid, 0o700)
        assert (live / "key").stat().st_mode & 0o777 == 0o600
        assert (box.installed / "run-office").exists() == taken
        assert not taken or list(box.live().iterdir()) == []
        assert box.sh(file, "status").returncode == 0
        assert box.sh(file, "uninstall").returncode == 0
        box.await_nothing_left()
        assert not live.exists()
        assert list(box.user_home.iterdir()) == []


@needs_root
def test_rc_local_is_made_if_nothing_else_starts_at_boot_and_is_removed_again(box: Box) -> None:
    (box.folder / "programs/crontab").unlink()
    box.environment["PATH"] = hidden(box, "crontab")
    before = files(box)

    said = box.sh(bundle(box), "install")

    assert said.returncode == 0, said.stderr
    assert (box.root / RCLOCAL.unit).read_text().splitlines()[2:] == [
        f"/bin/sh '{box.installed}/office.sh' boot # reversi-office"
    ]
    assert os.access(box.root / RCLOCAL.unit, os.X_OK)
    box.await_state("up")
    assert "is unchanged" in box.sh(bundle(box), "install").stderr
    box.sh(bundle(box), "uninstall")
    assert files(box) == before
    box.await_nothing_left()


def test_a_user_without_crontab_is_told_what_to_start_at_boot(box: Box) -> None:
    (box.folder / "programs/crontab").unlink()
    box.environment["PATH"] = hidden(box, "crontab")
    file = bundle(box, started_by="cron")

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert f"run this at boot: /bin/sh '{box.installed}/office.sh' boot" in said.stderr
    box.await_state("up")
    assert box.sh(file, "uninstall").returncode == 0
    box.await_nothing_left()


def hidden(box: Box, applet: str) -> str:
    """Return a PATH without one of busybox's applets."""
    programs, applets_folder = box.environment["PATH"].split(os.pathsep)
    fewer = box.folder / "fewer"
    if Path(applets_folder) != fewer:
        shutil.copytree(applets_folder, fewer, symlinks=True)
    (fewer / applet).unlink(missing_ok=True)
    return os.pathsep.join([programs, str(fewer)])


def test_the_loop_restarts_a_killed_process(box: Box) -> None:
    file = bundle(box)
    brief_naps(box)
    box.sh(file, "install")
    first = box.await_state("up")["pid"]

    os.kill(int(first.split()[0]), 9)

    until(
        lambda: box.state()["pid"] != first and box.state()["state"] == "up",
        "another process is up",
    )
    box.sh(file, "uninstall")
    box.await_nothing_left()


def brief_naps(box: Box) -> None:
    """Let the restart loop wait one second instead of ten."""
    program(
        box.folder / "programs",
        "sleep",
        f'#!/bin/sh\n[ "$1" != 10 ] || set -- 1\nexec {shutil.which("busybox")} sleep "$@"\n',
    )


def upgraded(box: Box) -> str:
    """Install a bundle, wait until it is up, and upgrade to one that finds no gateway.

    Return the first one's installed script.
    """
    older = bundle(box)
    box.sh(older, "install")
    box.await_state("up")
    before = (box.installed / "office.sh").read_text()
    (box.folder / "programs/refusal").write_text("no route\n")
    newer = box.write(
        render(changed(settings={"root": str(box.root), "beat": "1", "trial": "6"})), "newer.sh"
    )
    assert box.sh(newer, "upgrade", "--offline").returncode == 0
    until((box.live() / "trial").exists, "the newer one begins")
    return before


def test_an_upgrade_that_keeps_crashing_is_rolled_back(box: Box) -> None:
    brief_naps(box)
    before = upgraded(box)

    def killed() -> bool:
        if (box.installed / "office.sh").read_text() == before:
            return True
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.kill(int(box.state()["pid"].split()[0]), signal.SIGKILL)
        return False

    until(killed, "the older one is back", within_s=30)
    assert not (box.installed / "office.sh.old").exists()
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


def test_an_upgrade_that_cannot_be_rolled_back_keeps_trying(box: Box) -> None:
    upgraded(box)
    old = box.installed / "office.sh.old"
    old.unlink()
    old.mkdir()

    until(lambda: not (box.live() / "trial").exists(), "its time is over", within_s=30)
    (box.folder / "programs/refusal").unlink()

    box.await_state("up")
    old.rmdir()
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


@pytest.mark.parametrize(
    ("refusal", "heard", "why"),
    [
        pytest.param(
            "ssh: connect to host gateway.example.org port 22: Network is unreachable\r\n",
            "Network is unreachable\n",
            "no gateway answers",
            id="no route",
        ),
        pytest.param(
            "reversi@gw: Permission denied (publickey).\n",
            "Permission denied (publickey).\n",
            "no gateway accepts this key",
            id="refused",
        ),
    ],
)
def test_without_an_answer_nothing_is_installed(
    box: Box, refusal: str, heard: str, why: str
) -> None:
    (box.folder / "programs/refusal").write_text(refusal)
    before = files(box)

    said = box.sh(bundle(box), "install")

    assert (said.returncode, said.stdout) == (2, "")
    assert heard in said.stderr
    assert f"{why}, so nothing was installed; use --offline to install anyway\n" in said.stderr
    assert not box.installed.exists()
    assert files(box) == before
    assert list(box.live().iterdir()) == []


def test_offline_installs_without_an_answer(box: Box) -> None:
    (box.folder / "programs/refusal").write_text("no route\n")

    said = box.sh(bundle(box), "install", "--offline")

    assert said.returncode == 0, said.stderr
    assert (box.installed / "office.sh").exists()
    assert "no route" in box.await_state("waiting")["error"]
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


def test_the_next_install_completes_a_half_finished_one(box: Box) -> None:
    file = bundle(box)
    box.installed.mkdir(parents=True)
    (box.installed / "office.sh").write_text("#!/bin/sh\n# cut o")
    (box.installed / "office.sh.new").write_text("#!/bin/sh\n# cut off earl")

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert sorted(path.name for path in box.installed.iterdir() if path.is_file()) == [
        "office.keys",
        "office.sh",
    ]
    box.await_state("up")
    box.sh(file, "uninstall")


def test_a_file_that_cannot_be_written_ends_the_install_before_anything_starts(
    box: Box,
) -> None:
    table = box.folder / "programs/crontab.txt"
    before = table.read_text()
    box.installed.mkdir(parents=True)
    (box.installed / "office.sh.new").mkdir()

    said = box.sh(bundle(box), "install")

    assert said.returncode == 2
    assert "office.sh cannot be written" in said.stderr
    assert table.read_text() == before
    box.await_nothing_left()


def test_a_device_without_a_client_says_what_is_missing(box: Box) -> None:
    (box.folder / "programs/ssh").unlink()

    said = box.sh(bundle(box), "install")

    assert said.returncode == 2
    assert "no SSH client found" in said.stderr


@pytest.mark.parametrize("words", [("dance",), ("--version",)], ids=["word", "option"])
def test_an_unknown_verb_is_refused(box: Box, words: tuple[str, ...]) -> None:
    assert box.sh(bundle(box), *words).returncode == 2


@pytest.mark.parametrize(
    "words", ["install --ofline", "upgrade --offline now", "run --offline", "status all"]
)
def test_an_unknown_option_is_refused(box: Box, words: str) -> None:
    verb, _, option = words.partition(" ")

    done = box.sh(bundle(box), *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{verb} has no option {option}" in done.stderr
    assert not box.installed.exists()


@pytest.mark.parametrize(
    "words", [("help",), ("--help",), ("-h",), ()], ids=lambda words: " ".join(words) or "nothing"
)
def test_help_names_every_verb(box: Box, words: tuple[str, ...]) -> None:
    said = box.sh(bundle(box), *words).stdout

    assert all(
        verb in said for verb in ("install", "uninstall", "run", "status", "check", "upgrade")
    )


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_check_asks_the_gateway(box: Box) -> None:
    file = bundle(box)
    well = box.sh(file, "check")
    (box.folder / "programs/verdict").write_text("17\n")
    ill = box.sh(file, "check")
    (box.folder / "programs/refusal").write_text("no route\n")
    none = box.sh(file, "check")

    assert (well.returncode, ill.returncode, none.returncode) == (0, 1, 3)
    assert "works" in well.stdout
    assert "17 s" in ill.stdout
    assert "no route" in none.stderr
    assert list(box.live().iterdir()) == []


@pytest.mark.parametrize("words", [("check",), ("upgrade",), ("install",)], ids=" ".join)
def test_another_bundle_does_not_change_the_files_of_the_running_one(
    box: Box, words: tuple[str, ...]
) -> None:
    box.sh(bundle(box), "install")
    box.await_state("up")
    before = {
        path: path.read_bytes() for path in (box.live() / "key", box.live() / ".ssh/known_hosts")
    }
    (box.folder / "programs/refusal").write_text("Host key verification failed.\n")
    other = replace(
        OFFICE,
        key=KeyForms(openssh="another", dropbear=b"another", public=""),
        host_keys=("ssh-ed25519 AAAAother",),
    )
    newer = box.write(render(replace(other, settings=Settings(root=str(box.root)))), "newer.sh")

    said = box.sh(newer, *words)

    assert said.returncode in (2, 3)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(box.live().glob("ask*"))
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


def test_no_output_contains_the_key(box: Box) -> None:
    file = box.write(
        render(changed(settings={"root": str(box.root), "beat": "1"})).replace(
            "an OpenSSH key", "SECRET"
        )
    )

    said = [box.sh(file, verb) for verb in ("install", "status", "check", "uninstall")]

    notes = (box.folder / "programs/calls.log").read_text() + (
        box.folder / "programs/ssh.log"
    ).read_text()
    assert "SECRET" not in notes + "".join(one.stdout + one.stderr for one in said)
