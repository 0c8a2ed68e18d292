"""docs/sizing.md: whether a gateway is large enough, and a metered link."""

from __future__ import annotations

from checker.linux.machine import cores
from checker.sshd.lockdown import max_startups
from tests.system.page_server import PageServer
from tests.system.page_steps import Step

SIZING: tuple[Step[PageServer], ...] = (
    Step("sudo reversi-checker doctor", says="more tunnels", ends=(0, 1)),
    Step("free -m", says="Mem:"),
    Step("ps -u reversi --no-headers -o comm | sort | uniq -c", says="sshd"),
    Step("cat /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max"),
    Step(
        "systemctl show --property=TasksMax --property=TasksCurrent ssh.service", says="TasksMax="
    ),
    Step("sudo sshd -T | grep -i maxstartups", says=max_startups(cores())),
    Step("sudo reversi-checker doctor", says="logins at once", ends=(0, 1)),
    Step("journalctl -t sshd -t sshd-session --since today --grep MaxStartups", ends=(0, 1)),
    Step("sudo reversi-client build office --beat 60", says="wrote office.sh"),
    Step(
        "sudo reversi-checker node set office --probe-beating-every 300",
        says="while it beats, probed every default -> 300 s",
    ),
)
