"""Keys of a bundle: embedded, made by the device, unknown to the gateway; none is ever printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import OFFICE, changed
from tests.system.shell.installing import ECDSA, ED25519, OPENWRT, RSA, become, bundle, needs_root
from tests.system.shell.stand_ins import CLIENT, KEYGEN, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell


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
        lambda: box.state().get("pid") != before["pid"] and box.state().get("state") == "up",
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
