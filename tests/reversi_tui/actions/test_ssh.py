"""The SSH command for a node, and when there is none."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Forward, NodeName, Port, Publication, Status, Target, Tunnel, parse_expect
from checker.rows.row import Moment, Row
from reversi_tui.actions.ssh import by_hand, doubt, ssh_command
from reversi_tui.terminal.process_group import shown
from tests.programs import require


def row(
    port: int,
    expect: str = "banner:SSH-2.0",
    *,
    target: int = 22,
    node: str = "office",
    status: Status = Status.UP,
    answer: str = "",
) -> Row:
    name = NodeName(node)
    forward = Forward(
        node=name,
        port=Port(port),
        target=Target(host="127.0.0.1", port=Port(target)),
        expect=parse_expect(expect),
    )
    return Row(
        forward=forward, seen=Tunnel(node=name, port=Port(port), status=status, answer=answer)
    )


SSH, WEB = row(20010), row(20011, "http", target=80)


def port_of(found: tuple[str, ...] | str) -> str:
    assert isinstance(found, tuple), found
    return found[found.index("-p") + 1]


def test_the_command_names_the_tunnels_port_and_the_nodes_own_host_key() -> None:
    found = ssh_command([SSH], SSH, user="root")

    assert isinstance(found, tuple)
    assert found[:4] == ("ssh", "-p", "20010", "-k")
    options = {found[place + 1] for place, word in enumerate(found) if word == "-o"}
    assert {
        "HostName=127.0.0.1",
        "HostKeyAlias=office",
        "StrictHostKeyChecking=ask",
        "CheckHostIP=no",
    } <= options
    assert found[-4:] == ("-l", "root", "--", "office")
    assert shlex.split(shown(found)) == list(found)


def test_by_hand_it_is_short_enough_to_be_read_and_typed() -> None:
    found = ssh_command([SSH], SSH, user="root")
    assert isinstance(found, tuple)

    assert shown(by_hand(found)) == (
        "ssh -p 20010 -o HostName=127.0.0.1 -o HostKeyAlias=office -o CheckHostIP=no"
        " -o StrictHostKeyChecking=ask -o ProxyCommand=none -o ControlPath=none -l root -- office"
    )


HOSTILE = """\
Host office
 User admin
 IdentityFile ~/.ssh/office
Host *
 ForwardAgent yes
 ForwardX11 yes
 ForwardX11Trusted yes
 LocalForward 8080 127.0.0.1:80
 RemoteForward 9090 127.0.0.1:90
 DynamicForward 1080
 Tunnel yes
 RemoteCommand tmux attach
 RequestTTY no
 ControlMaster auto
 ControlPath ~/.ssh/%C
 ControlPersist yes
 PermitLocalCommand yes
 LocalCommand touch /tmp/seen
 ProxyJump nowhere
 AddressFamily inet6
 CanonicalizeHostname always
 BatchMode yes
 GSSAPIDelegateCredentials yes
"""


def test_nothing_of_the_operators_configuration_leaks_or_hangs(tmp_path: Path) -> None:
    require("ssh")
    config = tmp_path / "config"
    config.write_text(HOSTILE, encoding="ascii")
    found = ssh_command([SSH], SSH)
    assert isinstance(found, tuple)

    said = subprocess.run(
        ["ssh", "-G", "-F", str(config), *found[1:]],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    ).stdout
    told = dict(line.partition(" ")[::2] for line in said.splitlines())

    assert {name: told.get(name) for name in WANTED} == WANTED
    assert not {"localforward", "remoteforward", "dynamicforward", "proxyjump"} & told.keys()
    assert told.get("gssapidelegatecredentials", "no") == "no", "some builds of ssh lack it"
    assert (told["user"], told["hostname"]) == ("admin", "127.0.0.1")
    assert told["identityfile"].endswith("/.ssh/office")


WANTED = {
    "forwardagent": "no",
    "forwardx11": "no",
    "clearallforwardings": "yes",
    "tunnel": "false",
    "requesttty": "auto",
    "controlmaster": "false",
    "controlpath": None,
    "controlpersist": "no",
    "permitlocalcommand": "no",
    "remotecommand": None,
    "addressfamily": "any",
    "canonicalizehostname": "false",
    "batchmode": "no",
}


def test_a_port_that_listens_on_ipv6_only_is_reached_there() -> None:
    found = ssh_command([SSH], SSH, on_ipv6={20010})

    assert "HostName=::1" in found
    assert "HostName=127.0.0.1" in ssh_command([SSH], SSH, on_ipv6={20011})


def test_without_a_user_ssh_decides() -> None:
    assert "-l" not in ssh_command([SSH], SSH)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(row(1, "banner:SSH-2.0-dropbear", target=2222), id="expected"),
        pytest.param(row(1, "open"), id="by the port of its target"),
        pytest.param(
            row(1, "banner:220", status=Status.WRONG, answer="SSH-2.0-OpenSSH_9.2"), id="heard"
        ),
        pytest.param(
            replace(row(1, answer="SSH-2.0-x"), forward=None),
            id="heard before the registry is read",
        ),
    ],
)
def test_a_forward_that_leads_to_an_ssh_server_is_taken(there: Row) -> None:
    assert port_of(ssh_command([WEB, there], there)) == "1"


def test_a_row_that_leads_elsewhere_takes_another_forward_of_the_node_first_one_that_is_up() -> (
    None
):
    down, up = row(20012, status=Status.DOWN), row(20013)

    assert port_of(ssh_command([WEB, down, up], WEB)) == "20013"
    assert port_of(ssh_command([WEB, down], WEB)) == "20012"
    assert port_of(ssh_command([WEB, down, up], down)) == "20012"


def test_a_folded_row_stands_for_its_forwards() -> None:
    folded = replace(row(0), forward=None, members=(WEB, SSH))

    assert port_of(ssh_command([], folded)) == "20010"


def test_another_nodes_forward_is_never_taken() -> None:
    assert (
        ssh_command([WEB, row(20099, node="attic")], WEB)
        == "no forward of node office leads to an SSH server"
    )


@pytest.mark.parametrize(
    ("there", "user", "says"),
    [
        pytest.param(WEB, "", "no forward of node office leads to an SSH server", id="no SSH"),
        pytest.param(
            row(1, "open", target=80), "", "leads to an SSH server", id="open and some port"
        ),
        pytest.param(
            row(1, status=Status.FOREIGN),
            "",
            "port 1 is held by a process that is not the node's tunnel",
            id="foreign",
        ),
        pytest.param(
            replace(
                SSH,
                forward=(
                    replace(SSH.forward, published=(Publication(port=Port(2200), send_proxy=True),))
                    if SSH.forward
                    else None
                ),
            ),
            "",
            "expects a PROXY line",
            id="PROXY",
        ),
        pytest.param(
            row(1, node="-oProxyCommand=x"),
            "",
            "name a node",
            id="a name that is an option",
        ),
        pytest.param(row(1, node="%h"), "", "name a node", id="a name that ssh would fill in"),
        pytest.param(
            SSH, "-oProxyCommand=x", "cannot be a user's name", id="a user that is an option"
        ),
        pytest.param(SSH, "a b", "cannot be a user's name", id="a user of two words"),
    ],
)
def test_where_nobody_should_log_in_a_clause_says_why(there: Row, user: str, says: str) -> None:
    found = ssh_command([there], there, user=user)

    assert isinstance(found, str)
    assert says in found


def test_a_login_through_a_hung_tunnel_gives_up() -> None:
    found = ssh_command([SSH], SSH)

    assert {"ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=4"} <= set(found)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        pytest.param(Status.UP, "", id="up"),
        pytest.param(Status.WRONG, "", id="wrong"),
        pytest.param(
            Status.HUNG,
            "port 20010 is hung since 2m: ssh waits up to 30 s for an answer; ctrl+c comes back",
            id="hung",
        ),
        pytest.param(
            Status.DOWN,
            "port 20010 is down since 2m: ssh finds nobody there; ctrl+c comes back",
            id="down",
        ),
        pytest.param(
            Status.REFUSED,
            "port 20010 is refused since 2m: its target closes each connection at once; ctrl+c"
            " comes back",
            id="refused",
        ),
    ],
)
def test_a_login_that_will_probably_fail_is_said(status: Status, says: str) -> None:
    seen = replace(SSH.seen, status=status, since=880.0, probed_at=990.0)
    moment = Moment(now=1000.0, every_s=20.0)

    assert doubt(replace(SSH, seen=seen), moment) == says
    assert not doubt(replace(SSH, seen=seen), replace(moment, now=9000.0)), "nobody knows any more"
