"""docs/metrics.md: the service, the textfile, and what both say about a gateway."""

from __future__ import annotations

from tests.system.page_server import PageServer
from tests.system.page_steps import Step
from tests.system.waiting import until

UNIT = "reversi-metrics.service"
TEXTFILES = "/var/lib/prometheus/node-exporter"
ASK = (
    "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9948/metrics').read().decode())"
)


def served(server: PageServer) -> str:
    return server.run("/opt/reversi/bin/python3", "-c", ASK).stdout


def check_service(server: PageServer) -> None:
    """The service has no rights, serves the state of this moment, and nobody's port is harmed."""
    until(lambda: "\nreversi_build_info{" in served(server), "the service answers")
    status = server.read(f"/proc/{server.main_pid(UNIT)}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    uid = int(fields["Uid"].split()[1])
    assert 61184 <= uid <= 65519, "of DynamicUser"
    assert 'reversi_forwards{status="up"} ' in served(server)


def check_textfile(server: PageServer) -> None:
    assert server.must("stat", "-c", "%a", f"{TEXTFILES}/reversi.prom") == "644\n"
    assert "reversi_nodes{" in server.read(f"{TEXTFILES}/reversi.prom")
    server.type("reversi-checker init --no-metrics")
    assert not server.has(f"/etc/systemd/system/{UNIT}")
    assert server.run("systemctl", "is-active", UNIT).stdout != "active\n"


METRICS: tuple[Step[PageServer], ...] = (
    Step("sudo /opt/reversi/bin/pip install --quiet prometheus_client"),
    Step("sudo reversi-checker init --metrics", says=f"ran: systemctl enable --now {UNIT}"),
    Step("systemctl is-active reversi-metrics.service", says="active", after=check_service),
    Step("sudo reversi-checker doctor", says=f"{UNIT} runs", ends=(0, 1)),
    Step("reversi-checker metrics --per none", says="reversi_kills_total "),
    Step(
        "sudo reversi-checker metrics --textfile /var/lib/prometheus/node-exporter/reversi.prom",
        before=lambda server: server.must("mkdir", "-p", TEXTFILES),
        after=check_textfile,
    ),
)
"""`init --no-metrics` at the end, so that the pages after this one find the gateway as it was."""
