"""The benchmark runs and prints what README quotes; no test judges its figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.bundles import NAMES
from bench.figures import Figure, row
from bench.links.clients import Kind
from tests.programs import require, run_program

CHECKOUT = Path(__file__).parents[2]


def quick_run(
    folder: Path, *benchmarks: str, within_s: int = 400
) -> subprocess.CompletedProcess[str]:
    """Run these benchmarks, with the folder as the only place for files of their own."""
    return run_program(
        [sys.executable, "-m", "bench", "--quick", "--only", *benchmarks],
        cwd=CHECKOUT,
        timeout=within_s,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "TMPDIR": str(folder),
            "HOME": str(folder),
        },
    )


@pytest.mark.sshd
def test_a_quick_run_prints_every_figure_beside_its_target(tmp_path: Path) -> None:
    require("sshd", "ssh", "ssh-keygen")

    done = quick_run(tmp_path, "checks", "gate", "takeover", "throughput", "metrics", "ssh")

    assert done.returncode == 0, done.stderr
    for what in (
        "beat",
        "check, kept",
        "check, new login",
        "gate",
        "own stale port",
        "throughput, device",
        "throughput, gateway",
        "metrics of 300 forwards",
        "a scrape of 300 forwards",
        "ssh-config, 300 nodes: size",
        "ssh -G NAME",
        "inventory",
    ):
        assert f"\n| {what}" in done.stdout
    assert not list(tmp_path.rglob("*"))


@pytest.mark.sshd
def test_a_quick_run_compares_bundles_with_autossh(tmp_path: Path) -> None:
    require("sshd", "ssh", "dbclient", "busybox", "autossh")

    done = quick_run(tmp_path, "bundles")

    assert done.returncode == 0, done.stderr
    for what in ("memory", "client CPU in ten minutes", "logins an hour"):
        for name in NAMES.values():
            assert f"\n| {what}, {name} |" in done.stdout
    assert "| autossh + ssh: " in done.stdout
    assert "after 0 to come up" not in done.stdout
    assert "left out" not in done.stdout
    assert not list(tmp_path.rglob("*"))


@pytest.mark.sshd
def test_a_quick_run_tries_every_client_on_a_shaped_link(tmp_path: Path) -> None:
    require("sshd", "ssh", "dbclient", "busybox", "autossh", "ip", "tc", "unshare", "nsenter")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")

    done = quick_run(tmp_path, "links")

    assert done.returncode == 0, done.stderr
    for kind in Kind:
        assert f"{kind.value}: " in done.stderr
        assert not kind.is_watched or f"up: {kind.value} | whole in " in done.stdout
    assert "did not come up" not in done.stdout
    assert not list(tmp_path.rglob("*"))


@pytest.mark.sshd
def test_a_quick_run_counts_what_each_client_sends_and_receives(tmp_path: Path) -> None:
    require("sshd", "ssh", "dbclient", "busybox", "ss")

    done = quick_run(tmp_path, "traffic")

    assert done.returncode == 0, done.stderr
    for name in NAMES.values():
        assert f"\n| idle traffic, {name} |" in done.stdout
    assert "left out" not in done.stdout
    assert not list(tmp_path.rglob("*"))


LARGE = {
    "scale": (
        "CPU of a login, 60 keys, by fingerprint",
        "node add, 60 registered",
        "one sweep, by a gateway that has just started",
        "one sweep, by the same gateway again",
        "daemon, 60 registered: CPU",
        "daemon, 60 registered: memory",
        "daemon restarted with 2 held",
        "console, 150 rows: first rows",
        "`--once --json`, 150 nodes",
    ),
    "herd": (
        "herd: a login of 6 nodes",
        "herd, 6 nodes, sshd and daemon restarted: up again",
        "herd, 6 nodes, sshd alone restarted: up again",
        "herd, 6 nodes, sshd alone restarted: daemon",
        "herd, 6 logins at once beside 6 healthy tunnels: tunnels lost",
        "herd, 6 logins at once beside 6 healthy tunnels: their beats",
        "herd, 6 logins at once beside 6 healthy tunnels: all logged in",
    ),
    "failover": (
        "failover, 4 nodes: their gateway dies silently",
        "failover, 4 nodes: their gateway is repaired",
        "failover, 4 nodes: orderly stop",
    ),
}
"""The rows of benchmarks that need namespaces of their own."""


@pytest.mark.sshd
@pytest.mark.parametrize("name", LARGE)
def test_a_quick_run_measures_large_gateways(name: str, tmp_path: Path) -> None:
    require("sshd", "ssh", "dbclient", "busybox", "ip", "mount", "unshare", "nsenter", "setpriv")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")

    done = quick_run(tmp_path, name, within_s=500)

    assert done.returncode == 0, done.stderr
    for what in LARGE[name]:
        assert f"\n| {what}" in done.stdout
    assert "left out" not in done.stdout
    assert not list(tmp_path.rglob("*"))


def test_the_help_names_every_benchmark() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )

    assert all(name in told.stdout for name in BENCHMARKS)


@pytest.mark.parametrize(
    ("met", "word"), [(None, "|  |"), (True, "| met |"), (False, "| MISSED |")]
)
def test_a_row_says_whether_its_target_is_met(met: bool | None, word: str) -> None:
    assert row(Figure(what="beat", measured="1 ms", target="<= 2 ms", met=met)).endswith(word)


@pytest.mark.sshd
def test_a_quick_run_measures_a_fleet(tmp_path: Path, sbin: None) -> None:
    require("sshd", "ssh", "ssh-keygen", "openssl", "nats-server", "dbclient")

    done = quick_run(tmp_path, "fleet")

    assert done.returncode == 0, done.stderr
    for what in (
        "fleet: login CPU",
        "fleet: mirror of 100 rows",
        "fleet: a change",
        "fleet, 150 rows",
        "fleet: `node add`, 60 registered, signed and posted",
        "fleet: `node add`, 60 registered, until all gateways obey",
        "fleet: a probe at another gateway",
        "console, 150 rows over three gateways: first rows",
        "console, 150 rows over three gateways: key to paint, down",
    ):
        assert f"\n| {what}" in done.stdout, done.stdout
    assert "\n| fleet: tunnels lost to faults of the bus, of 12 | 0 |" in done.stdout
    assert not list(tmp_path.rglob("*"))
