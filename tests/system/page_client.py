"""docs/client.md: the Python client as a service of root, and of a user."""

from __future__ import annotations

from pathlib import Path

from tests.system.page_server import PageServer
from tests.system.page_steps import Step
from tests.system.user_sessions import user_manager
from tests.system.waiting import until

UNIT = "reversi-client-attic.service"
FILE = f"/etc/systemd/system/{UNIT}"
CONFIG = "/root/attic.toml"
COMMAND = "/opt/reversi/bin/reversi-client"


def is_started(server: PageServer) -> None:
    """It is up, as an account without rights, and does not see anybody's home."""
    until(lambda: has_state(server, "up"), "the service is up")
    process = f"/proc/{server.main_pid(UNIT)}"
    status = server.read(f"{process}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert 61184 <= int(fields["Uid"].split()[1]) <= 65519, "of DynamicUser"
    words = server.read(f"{process}/cmdline").split("\0")
    assert words[0].startswith("/opt/reversi/bin/python")
    assert words[1:5] == ["-E", "-P", COMMAND, "run"]
    assert not server.has(f"{process}/root{CONFIG}")
    assert "up via" in server.must("systemctl", "show", "--property=StatusText", UNIT)
    again = server.type(f"reversi-client install --config {CONFIG}")
    assert again.startswith("nothing to do\n")


def has_state(server: PageServer, state: str) -> bool:
    done = server.typed(f"reversi-client status --config {CONFIG} --json")
    return f'"state": "{state}"' in done.stdout


def comes_back(server: PageServer) -> None:
    """It restarts by itself when it is killed, or when a second install brings a change."""
    until(lambda: has_state(server, "up"), "the service is up after a restart")
    first = server.main_pid(UNIT)
    server.must("sh", "-c", f"echo '# changed' >>{CONFIG}")
    said = server.type(f"reversi-client install --config {CONFIG}")
    assert f"wrote {FILE}\n" in said
    assert f"ran: systemctl restart {UNIT}\n" in said
    until(lambda: server.main_pid(UNIT) not in {0, first}, "another process runs")
    until(lambda: has_state(server, "up"), "the service is up after an upgrade")
    log = server.journal(UNIT)
    assert "Traceback" not in log, log


def left_nothing(server: PageServer) -> None:
    places = "/etc/systemd /var/lib/private /var/lib /run/systemd/transient"
    found = server.run("sh", "-c", f"find {places} -name 'reversi-client-*'").stdout
    assert found == ""
    assert server.run("systemctl", "cat", UNIT).returncode != 0
    until(lambda: not server.run("pgrep", "-f", f"{COMMAND} run").stdout, "its processes ended")
    again = server.typed(f"reversi-client uninstall --config {CONFIG}")
    assert again.returncode == 2
    assert again.stderr.endswith(f"reversi-client install made no service for {CONFIG}\n")
    assert server.has(CONFIG)


CLIENT: tuple[Step[PageServer], ...] = (
    Step(
        "sudo reversi-checker node add attic --forward 127.0.0.1:22,banner:SSH-2.0"
        " --client-config attic.toml"
    ),
    Step(
        "sudo reversi-client install --config attic.toml --dry-run",
        says=f"would write {FILE}:",
        after=lambda server: server.must("test", "!", "-e", FILE),
    ),
    Step(
        "sudo reversi-client install --config attic.toml",
        says="as an account of its own without rights",
        after=is_started,
    ),
    Step("sudo reversi-client status --config attic.toml", says="attic: up via"),
    Step("sudo journalctl --unit reversi-client-attic --lines 5 --no-pager", says="attic: "),
    Step("systemd-analyze security --no-pager reversi-client-attic", says="Overall exposure"),
    Step("sudo systemctl restart reversi-client-attic", after=comes_back),
    Step(
        "sudo reversi-client uninstall --config attic.toml",
        says=f"removed {FILE}",
        after=left_nothing,
    ),
)


def try_as_user(server: PageServer) -> None:
    """Anna, who is not root, installs and uninstalls a service of her own."""
    home, live = "/var/lib/anna", "/run/anna"
    config = f"{home}/attic.toml"
    server.must("useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", "anna")
    server.must("cp", CONFIG, f"{CONFIG}.key", home)
    server.must("chown", "anna", config, f"{config}.key")
    anna = user_manager(server, home, live)

    said = server.must(*anna, COMMAND, "install", "--config", config)

    unit = Path(home, ".config/systemd/user", UNIT)
    assert f"wrote {unit}\n" in said
    assert "loginctl enable-linger" in said
    until(
        lambda: server.run(*anna, COMMAND, "status", "--config", config).returncode == 0,
        "the tunnel is up",
    )

    server.must(*anna, COMMAND, "uninstall", "--config", config)

    until(lambda: not server.run("pgrep", "-f", f"{COMMAND} run").stdout, "its processes ended")
    assert server.must("find", home, "-name", "reversi-client-*") == ""
    server.must("systemctl", "stop", "anna.service")
    until(
        lambda: server.run("userdel", "--remove", "anna").returncode in {0, 12},
        "the account is removed",
    )
    server.type("reversi-checker node remove attic --yes")
