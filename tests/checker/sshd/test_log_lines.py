"""Lines of sshd's log, as OpenSSH 8.4, 9.2p1 and 10.0 write them.

Forged lines are in test_log_forgery.py, faults in test_log_routine.py.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.sshd.log_lines import (
    Denied,
    Disconnected,
    Fact,
    LoggedIn,
    Served,
    is_routine,
    parse,
)
from tests.checker.sshd.samples import ACCEPTED, DENIED, KEY, LOCAL, PEER, TAG


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        pytest.param(ACCEPTED, LoggedIn(user="reversi", peer=PEER, fingerprint=KEY), id="login"),
        pytest.param(
            f"Accepted publickey for reversi from 2001:db8::7 port 5 ssh2: RSA {KEY}\r\n",
            LoggedIn(user="reversi", peer=("2001:db8::7", 5), fingerprint=KEY),
            id="login, IPv6",
        ),
        pytest.param(
            f"Accepted publickey for reversi from 192.0.2.7 port 5 ssh2: ED25519-CERT {KEY} ID x",
            LoggedIn(user="reversi", peer=("192.0.2.7", 5), fingerprint=""),
            id="certificate",
        ),
        pytest.param(
            "Accepted password for admin from 192.0.2.7 port 5 ssh2",
            LoggedIn(user="admin", peer=("192.0.2.7", 5), fingerprint=""),
            id="password",
        ),
        pytest.param(
            "sshd.c:privsep_postauth():560 (pid=7): User child is on pid 29666",
            Served(pid=29666),
            id="child",
        ),
        pytest.param(
            "sshd-session.c:privsep_postauth():9 (bin=/usr/lib/openssh/sshd-session, pid=7): User"
            " child is on pid 8",
            Served(pid=8),
            id="child, 10.0",
        ),
        pytest.param(
            "Disconnected from user reversi 192.0.2.7 port 41528",
            Disconnected(peer=PEER),
            id="left",
        ),
        pytest.param(
            "Connection closed by 192.0.2.7 port 41528", Disconnected(peer=PEER), id="closed"
        ),
        pytest.param(
            "Timeout, client not responding from user reversi 192.0.2.7 port 41528",
            Disconnected(peer=PEER),
            id="lost",
        ),
        pytest.param(
            "Read error from remote host 192.0.2.7 port 41528: Connection timed out",
            Disconnected(peer=PEER),
            id="timed out",
        ),
        pytest.param("Exiting on signal 15\r\n", Disconnected(), id="killed"),
        pytest.param("Received signal 15; terminating.", None, id="sshd itself killed"),
        pytest.param(
            LOCAL + "10.0.0.1 port 22", Denied(what="a connection to 10.0.0.1 port 22"), id="-L"
        ),
        pytest.param(
            "refused streamlocal port forward: originator  port 0, target /run/x",
            Denied(what="a connection to /run/x"),
            id="-L sock",
        ),
        pytest.param(
            LOCAL + "h" * 400,
            Denied(what="a connection to " + "h" * 100),
            id="-L, cut off by syslog",
        ),
        pytest.param(
            f"Received request from 192.0.2.7 port 41528 to connect to host h port 22, {DENIED}",
            Denied(what="a connection to h port 22", peer=PEER),
            id="-L by permitopen",
        ),
        pytest.param(
            "Received request from 192.0.2.7 port 41528 to remote forward to host localhost port"
            f" 22, {DENIED}",
            Denied(what="listening on localhost port 22", peer=PEER),
            id="-R",
        ),
        pytest.param(
            "Received request from 192.0.2.7 port 41528 to remote forward to host  port 22,"
            f" {DENIED}",
            Denied(what="listening on all addresses port 22", peer=PEER),
            id="-R of all addresses",
        ),
        pytest.param(
            "Received request from 192.0.2.7 port 41528 to remote forward to path /tmp/x,"
            f" {DENIED}",
            Denied(what="listening on /tmp/x", peer=PEER),
            id="-R socket by permission",
        ),
        pytest.param(
            "subsystem request for sftp by user reversi failed, subsystem not found",
            Denied(what="the subsystem sftp"),
            id="sftp",
        ),
        pytest.param(
            "error: subsystem request for sftp by user reversi failed, subsystem not found",
            Denied(what="the subsystem sftp"),
            id="sftp, syslog",
        ),
        pytest.param(
            "debug1: session.c:session_pty_req():1905 (pid=7): Allocating a pty not permitted for"
            " this connection.",
            Denied(what="a terminal"),
            id="terminal",
        ),
        pytest.param(
            "debug1: session.c:session_auth_agent_req():2150 (pid=7): agent forwarding disabled",
            Denied(what="agent forwarding"),
            id="agent",
        ),
        pytest.param(
            "debug2: session.c:session_env_req():2107 (pid=7): Ignoring env request LD_PRELOAD:"
            " disallowed name",
            Denied(what="the variable LD_PRELOAD"),
            id="environment",
        ),
        pytest.param(
            "debug2: session.c:session_env_req():2107 (pid=7): Ignoring env request LC_ALL:"
            " disallowed name",
            None,
            id="locale",
        ),
        pytest.param(
            TAG + "Server has rejected tunnel device forwarding",
            Denied(what="a tunnel device"),
            id="-w",
        ),
        pytest.param(
            "debug3: packet.c:ssh_packet_send_debug():1875: sending debug message: Server has"
            " rejected tunnel device forwarding",
            Denied(what="a tunnel device"),
            id="-w, 8.5",
        ),
        pytest.param(
            TAG + "X11 forwarding disabled by key options.",
            Denied(what="X11 forwarding"),
            id="X11",
        ),
        pytest.param(
            TAG + "X11 forwarding disabled in server configuration file.",
            Denied(what="X11 forwarding"),
            id="X11, server",
        ),
        pytest.param(
            TAG + "Server has disabled streamlocal forwarding.",
            Denied(what="listening on a Unix socket"),
            id="-R socket",
        ),
        pytest.param(
            TAG + "Server has disabled port forwarding.",
            Denied(what="listening on a port that is not its own"),
            id="-R of no port",
        ),
        pytest.param(TAG + "port forwarding refused", None, id="-R is told by another line"),
        pytest.param(
            TAG + "/etc/reversi/authorized_keys:1: key options: command permitlisten",
            None,
            id="key options",
        ),
        pytest.param(
            "session_exec_req: parse packet: Connection from user reversi 192.0.2.7 port 41528:"
            " invalid format",
            Denied(what="a malformed packet (invalid format)", peer=PEER, is_last=True),
            id="NUL",
        ),
        pytest.param(
            "fatal: ssh_dispatch_run_fatal: Connection from user reversi 192.0.2.7 port 41528:"
            " Connection corrupted",
            Denied(what="a malformed packet (Connection corrupted)", peer=PEER, is_last=True),
            id="megabyte",
        ),
        pytest.param(
            "ssh_dispatch_run_fatal: Connection from user reversi 192.0.2.7 port 41528: Broken"
            " pipe",
            Disconnected(peer=PEER),
            id="lost, no attempt",
        ),
        pytest.param(
            "Connection closed by invalid user root 192.0.2.7 port 41528 [preauth]",
            Denied(what="a login as root", peer=("192.0.2.7", 0)),
            id="another user",
        ),
        pytest.param(
            "Disconnecting invalid user root 192.0.2.7 port 41528: Too many authentication failures"
            " [preauth]",
            Denied(what="a login as root", peer=("192.0.2.7", 0)),
            id="another user, many keys",
        ),
        pytest.param("Server listening on 0.0.0.0 port 22.", None, id="not of interest"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_line_is_parsed(text: str, fact: Fact | None) -> None:
    assert parse(text) == fact


@given(
    st.text(max_size=2000)
    | st.sampled_from([LOCAL, ACCEPTED, TAG]).flatmap(
        lambda head: st.text(max_size=200).map(head.__add__)
    )
)
def test_any_line_can_be_parsed(text: str) -> None:
    fact = parse(text)

    assert not isinstance(fact, Denied) or len(fact.what) < 300
    assert is_routine(text) in (True, False)
