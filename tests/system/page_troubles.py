"""docs/troubleshooting.md: devices with one trouble each, and the page's section about it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.system.page_server import NAME, PageServer
from tests.system.page_steps import Step
from tests.system.waiting import until

WEB_PORT = 20001
HOLD_PORT = f"exec python3 -m http.server --bind 127.0.0.1 {WEB_PORT} >/dev/null 2>&1"
AN_HOUR_AGO = """
import sqlite3
with sqlite3.connect("/var/lib/reversi/state.db") as db:
    db.execute("UPDATE tunnel SET probed_at = probed_at - 3600")
db.close()
"""
DENIES = "/etc/ssh/sshd_config.d/20-mine.conf"
LIMIT = """nft -f - <<'RULES'
table inet of_the_test {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 22 ct state new limit rate over 100/second counter
    }
}
RULES
"""
ANOTHER = "ssh -i cabin.key -o IdentitiesOnly=yes reversi@gateway.example.org claim another"


@dataclass(slots=True)
class Ward:
    """A gateway and its devices; only the first device is healthy."""

    server: PageServer

    def prepare(self) -> None:
        """Add devices on this server, each with its bundle as a service."""
        self.server.add_device("office", "20000=127.0.0.1:22,banner:SSH-2.0")
        self.server.add_device("shop", f"{WEB_PORT}=127.0.0.1:8080,http")
        self.server.add_device("barn", "20002=127.0.0.1:22,banner:SSH-2.0-dropbear")
        self.server.add_device("cabin", "20003=127.0.0.1:22,banner:SSH-2.0")
        for node in ("office", "cabin"):
            self.server.await_up(node)
        self.freeze()

    def is_so(self, node: str, status: str) -> None:
        """The node's row shows the status that the section is about."""
        until(lambda: f": {status}: " in self.server.probed(node), f"{node} is {status}")

    def freeze(self) -> None:
        """Stop the device with all of its processes."""
        self.hang(yes=True)

    def hang(self, *, yes: bool) -> None:
        """Stop all processes of the service at once; `systemctl freeze` would need D-Bus."""
        group = self.server.must(
            "systemctl", "show", "--property=ControlGroup", "--value", "reversi-office.service"
        ).strip()
        self.server.must("sh", "-c", f"echo {yes:d} >/sys/fs/cgroup{group}/cgroup.freeze")

    def is_killed(self) -> None:
        until(lambda: not self.server.listens(20000), "its tunnel is killed")
        self.hang(yes=False)
        self.server.await_up("office")

    def disable(self) -> None:
        self.server.type("reversi-checker node disable office --yes")

    def is_back(self) -> None:
        """Restart a refused device, as the page says: it would wait for five minutes."""
        self.server.must("systemctl", "restart", "reversi-office.service")
        self.server.await_up("office")

    def is_shut_out(self) -> None:
        """Let sshd refuse the device, as the page's example does."""
        self.server.write(DENIES, "DenyGroups reversi\n")
        self.server.must("systemctl", "reload", "ssh.service")
        self.server.type("reversi-checker kill office --yes")
        until(
            lambda: "sshd refused" in self.server.probed("office"), "the row says that sshd refuses"
        )

    def is_let_in(self) -> None:
        self.server.must("rm", DENIES)
        self.server.must("systemctl", "reload", "ssh.service")
        self.is_back()

    def is_refused(self) -> None:
        self.is_so("shop", "refused")

    def is_wrong(self) -> None:
        self.is_so("barn", "wrong")

    def is_mended(self) -> None:
        self.server.await_up("barn")

    def take_the_port(self) -> None:
        """Let another program take the port before the device comes."""
        self.server.must("systemctl", "stop", "reversi-shop.service")
        until(lambda: not self.server.listens(WEB_PORT), "the port is free")
        self.server.must("systemd-run", "--quiet", "--unit=web", "sh", "-c", HOLD_PORT)
        until(lambda: self.server.listens(WEB_PORT), "the program listens")
        self.is_so("shop", "foreign")

    def give_it_back(self) -> None:
        self.server.must("systemctl", "stop", "web.service")
        self.server.must("systemctl", "start", "reversi-shop.service")
        self.is_refused()

    def stop_the_daemon(self) -> None:
        self.server.must("systemctl", "stop", "reversi-checker.service")
        self.server.must("python3", "-c", AN_HOUR_AGO)
        assert "(stale)" in self.server.typed("reversi-checker status office").stdout

    def is_fresh(self) -> None:
        until(
            lambda: "(stale)" not in self.server.typed("reversi-checker status office").stdout,
            "the row is fresh",
        )
        self.server.await_up("office")

    def copy_the_key(self) -> None:
        """Let another device with the same key ask for the port."""
        assert self.server.type(ANOTHER) == "10\n"
        until(
            lambda: "two devices" in self.server.typed("reversi-checker status cabin").stdout,
            "the row says so",
        )

    def has_two_bundles(self) -> None:
        """The old key of both devices opens nothing, and each device has its own bundle."""
        assert self.server.typed(ANOTHER).returncode == 255
        self.server.type("sh cabin.sh upgrade")
        self.server.await_up("cabin")

    def limit_connections(self) -> None:
        self.server.must("sh", "-c", LIMIT)

    def limit_nothing(self) -> None:
        self.server.must("nft", "delete", "table", "inet", "of_the_test")

    def lose_the_name(self) -> None:
        self.server.write("/etc/hosts", "127.0.0.1 localhost\n")
        self.server.type("reversi-checker kill office --yes")
        looked_for = "journalctl --unit reversi-office --lines 5"
        until(
            lambda: "name resolution" in self.server.type(looked_for),
            "the device does not find the name",
        )

    def find_the_name(self) -> None:
        self.server.write("/etc/hosts", f"127.0.0.1 localhost {NAME}\n")
        self.server.await_up("office")


TROUBLES: tuple[Step[Ward], ...] = (
    Step("reversi-checker status", says="shop", ends=(1,)),
    Step("sudo reversi-checker doctor", says="daemon", ends=(0, 1)),
    Step("reversi-checker log --limit 20", says="office"),
    Step(
        "sh /etc/reversi/office.sh status", says="last error:", ends=(0, 1), before=Ward.is_killed
    ),
    Step("sh /etc/reversi/office.sh check", says="says that the tunnel works"),
    Step("journalctl --unit reversi-office --lines 20", says="up, at gateway.example.org:22"),
    Step("reversi-checker probe office", says="office:20000: up"),
    Step("reversi-checker log --node office --limit 20", says="hung: nothing came in"),
    Step("reversi-checker report --days 7", says="WORST DAY"),
    Step("sudo reversi-checker node set office --deadline 20", says="20 s"),
    Step("reversi-checker node show office", says="state     disabled", before=Ward.disable),
    Step("reversi-checker log --node office --limit 10", says="disabled"),
    Step("sudo reversi-checker node enable office", says="enabled"),
    Step("sudo reversi-checker node expire office never", after=Ward.is_back),
    Step(
        "reversi-checker status office",
        says="a group is listed in DenyGroups",
        ends=(1,),
        before=Ward.is_shut_out,
    ),
    Step(
        "reversi-checker log --node office --limit 10", says="sshd refused a login from 127.0.0.1"
    ),
    Step(
        "sudo reversi-checker doctor --login",
        says="sshd does not let a node's key in: User reversi from 127.0.0.1 not allowed",
        ends=(1,),
        after=Ward.is_let_in,
    ),
    Step("reversi-checker node show shop", says="127.0.0.1:8080", before=Ward.is_refused),
    Step("ss -ltn", says="LISTEN"),
    Step("sudo reversi-checker node set shop --target 192.168.1.1:8080", says="192.168.1.1:8080"),
    Step("sudo reversi-client build shop", says="wrote shop.sh"),
    Step(
        "reversi-checker status barn",
        says="expected banner:SSH-2.0-dropbear, got 'SSH-2.0-OpenSSH",
        ends=(1,),
        before=Ward.is_wrong,
    ),
    Step("sudo reversi-checker node set barn --expect banner:SSH-2.0", after=Ward.is_mended),
    Step("sudo ss -ltnp 'sport = :20001'", says="python3", before=Ward.take_the_port),
    Step(
        "sudo reversi-checker doctor",
        says="holds port 20001 of shop",
        ends=(1,),
        after=Ward.give_it_back,
    ),
    Step(
        "systemctl status reversi-checker --no-pager",
        says="inactive",
        ends=(3,),
        before=Ward.stop_the_daemon,
    ),
    Step("journalctl --unit reversi-checker --lines 20", says="the daemon stopped"),
    Step("sudo reversi-checker doctor", says="no daemon answers", ends=(1,)),
    Step("sudo systemctl restart reversi-checker", after=Ward.is_fresh),
    Step(
        "reversi-checker status cabin", says="its key is on two devices", before=Ward.copy_the_key
    ),
    Step("reversi-checker log --node cabin --limit 5", says="is the key on two devices?"),
    Step("sudo reversi-checker node rekey cabin --now", says="wrote cabin-2.key"),
    Step("sudo reversi-client build cabin", says="wrote cabin.sh"),
    Step(
        "sudo reversi-checker node add cabin-2 --forward 127.0.0.1:22,banner:SSH-2.0",
        says="cabin-2: port",
    ),
    Step("sudo reversi-client build cabin-2", says="wrote cabin-2.sh", after=Ward.has_two_bundles),
    Step("reversi-checker log --node office --limit 10", says="office"),
    Step("sudo reversi-checker reset office", says="20000"),
    Step("sudo reversi-checker doctor", says="MaxStartups", ends=(0, 1)),
    Step(
        "sudo sshd -T -C user=reversi,host=localhost,addr=127.0.0.1 | grep -i -e"
        " persource -e maxstartups",
        says="maxstartups",
    ),
    Step(
        "journalctl -t sshd -t sshd-session --since -1h --grep 'penalty|MaxStartups'", ends=(0, 1)
    ),
    Step(
        "journalctl -t sshd -t sshd-session --since -1h --grep 'by authenticating user reversi'",
        says="authenticating user reversi 127.0.0.1",
    ),
    Step(
        "sudo nft list ruleset | grep -i -e limit -e recent",
        says="limit rate",
        before=Ward.limit_connections,
        after=Ward.limit_nothing,
    ),
    Step("journalctl --dmesg --since -1h --grep 'UFW LIMIT'", ends=(0, 1)),
    Step(
        "sudo reversi-checker node add roof --forward 127.0.0.1:22,banner:SSH-2.0 --key-type rsa",
        says="roof: port",
    ),
    Step("sudo reversi-client build roof", says="wrote roof.sh"),
    Step("sudo reversi-client build office --key device", says="wrote office.sh"),
    Step("date", before=Ward.lose_the_name),
    Step("nslookup gateway.example.org", ends=(1,)),
    Step(
        "sh /etc/reversi/office.sh status",
        says="name resolution",
        ends=(1,),
        after=Ward.find_the_name,
    ),
    Step(
        "sudo reversi-client build office --gateway gateway.example.org:22 --gateway 192.0.2.7:22",
        says="wrote office.sh",
    ),
)
