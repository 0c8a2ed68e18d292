"""Scripts, crontabs and lists of command lines: which tunnels they start, and what is said."""

from __future__ import annotations

import pytest

from checker.registry.imported import FileRead, Found
from checker.registry.shell_words import commands_in
from checker.registry.tunnel_files import read_tunnels

SSH = "ssh -N -R 20010:nas:80 a@gw"


def read(text: str, stem: str = "office", name: str = "") -> FileRead:
    found = read_tunnels(text, stem=stem, added_at=7, name=name)
    assert found is not None
    return found


def only(text: str) -> Found:
    found = read(text)
    assert found.problems == ()
    (one,) = found.found
    return one


def problems(text: str) -> list[tuple[int, str]]:
    return [(one.line, one.text) for one in read(text).problems]


@pytest.mark.parametrize(
    "text",
    [
        SSH,
        f"#!/bin/sh\nwhile true; do {SSH}; sleep 10; done\n",
        f"until {SSH} >/dev/null 2>&1; do sleep 5; done &",
        "ssh -N \\\n    -R 20010:nas:80 \\\n    a@gw",
        "PORT=20010\nGW='a@gw'\nssh -N -R $PORT:nas:80 $GW",
        "PORT=20010 GW=a@gw\nssh -N -R ${PORT}:nas:${WEB:-80} $GW",
        'OPTS="-N -R 20010:nas:80"\nexec /usr/bin/ssh $OPTS a@gw # reconnects',
        "export PORT=20010; nohup autossh -M 0 -f -N -R $PORT:nas:80 a@gw &",
        "AUTOSSH_PORT=0 autossh -N -R 20010:nas:80 a@gw",
        "@reboot sleep 20; autossh -M 0 -f -N -R 20010:nas:80 a@gw",
        "*/5 * * * * pgrep -f 'ssh -N -R 20010:nas:80' || ssh -f -N -R 20010:nas:80 a@gw",
        'su - pi -c "autossh -M 0 -f -N -R 20010:nas:80 a@gw"',
        "su pi -c 'sh -c \"ssh -N -R 20010:nas:80 a@gw\"' &",
        "screen -dmS tunnel bash -c 'while :; do ssh -N -R 20010:nas:80 a@gw; done'",
        "start-stop-daemon -S -b -x /usr/bin/autossh -- -M 0 -N -R 20010:nas:80 a@gw",
        "procd_set_param command /usr/bin/dbclient -N -R 20010:nas:80 a@gw",
        "command=/usr/bin/autossh -M 0 -N -R 20010:nas:80 a@gw\nautostart=true",
        "ssh -M -N -R 20010:nas:80 a@gw",
        "ssh -N -o 'RemoteForward 20010 nas:80' a@gw",
        f"echo 'starting ssh -R 1:a:2'\n{SSH}\nkillall ssh\nssh a@gw uptime\n",
        f"{SSH}\n{SSH}\n",
    ],
)
def test_a_tunnel_is_found_in_all_the_ways_to_start_it(text: str) -> None:
    one = only(text)

    assert (one.node.name, one.node.ports) == ("office", (20010,))
    assert str(one.node.forwards[0].target) == "nas:80"
    assert one.login is not None
    assert (one.login.user, one.login.host) == ("a", "gw")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param("\nssh -R $1:nas:80 gw", 2, "uses $1, which the file does not", id="argument"),
        pytest.param("ssh -R ${P}:nas:80 gw", 1, "uses $P, which", id="not-set"),
        pytest.param("P=$1\nssh -R $P:nas:80 gw", 2, "uses $1, which", id="set-to-an-argument"),
        pytest.param("ssh -R 1:nas:80 $GW", 1, "uses $GW, which", id="host"),
        pytest.param("ssh -p $PORT -R 1:nas:80 gw", 1, "uses $PORT, which", id="login-port"),
        pytest.param("ssh -R $(cat p):nas:80 gw", 1, "the output of a command", id="output"),
        pytest.param("ssh -R `cat p`:nas:80 gw", 1, "the output of a command", id="backticks"),
        pytest.param('ssh -R "$(cat p):nas:80" gw', 1, "the output of a command", id="quoted"),
        pytest.param("for p in 1; do ssh -R $p:nas:80 gw; done", 1, "uses $p, which", id="loop"),
        pytest.param("autossh -M 0 -N gw", 1, "~/.ssh/config, import that file", id="no-forward"),
        pytest.param("ssh -N -L 1:a:2 gw", 1, "ssh opens no port here (-R)", id="local"),
        pytest.param("ssh -R 20010 gw", 1, "-R 20010 does not lead from a port", id="socks"),
        pytest.param("ssh -R 0:nas:80 gw", 1, "-R '0' is not a port", id="chosen-by-sshd"),
        pytest.param("ssh -R 1:nas:80 -p x gw", 1, "-p 'x' is not a port", id="wrong-port"),
        pytest.param("/etc/init.d/autossh start", 0, "no tunnel with -R", id="service"),
        pytest.param("command -v autossh -M || exit", 0, "no tunnel with -R", id="is-it-there"),
        pytest.param("ssh gw uptime", 0, "no tunnel with -R", id="no-tunnel"),
    ],
)
def test_a_line_that_is_not_taken_says_why(text: str, line: int, says: str) -> None:
    ((at, why),) = problems(text)

    assert at == line
    assert says in why
    assert read(text).found == ()


def test_unknown_variables_that_decide_nothing_do_no_harm() -> None:
    one = only("ssh -o ServerAliveInterval=$ALIVE -i $KEY -R 20010:nas:80 gw >>$LOG")

    assert one.login is not None
    assert one.login.key == "$KEY"
    assert one.left_out == ("-o ServerAliveInterval=$ALIVE",)


def test_each_line_of_a_list_is_a_node_named_by_its_comment_or_its_port() -> None:
    found = read(f"{SSH} # Shed\nssh -R 20011:nas:80 b@gw # not a name\nssh -R 20012:a:1 b@gw")

    assert [(one.line, one.node.name) for one in found.found] == [
        (1, "shed"),
        (2, "office-20011"),
        (3, "office-20012"),
    ]
    assert "--name NAME: then they are one node" in str(found.found[1].notes)
    assert "--name NAME" not in str(found.found[0].notes)


def test_with_a_name_the_lines_of_a_file_are_one_node() -> None:
    found = read(f"{SSH}\nssh -R 20011:nas:81 a@gw", name="lobby")

    (one,) = found.found
    assert (one.node.name, one.node.ports) == ("lobby", (20010, 20011))
    assert "--name NAME" not in str(one.notes)
    assert len(read(f"{SSH}\nssh -R 20011:nas:81 a@other", name="lobby").found) == 2


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("autossh -M 20000 -N -R 1:a:2 b", True),
        ("AUTOSSH_PORT=20000 autossh -N -R 1:a:2 b", True),
        ("export AUTOSSH_PORT=0\nautossh -N -R 1:a:2 b", False),
        ("autossh -M 0 -N -R 1:a:2 b", False),
    ],
)
def test_the_port_through_which_autossh_tests_itself_is_said(text: str, is_said: bool) -> None:
    assert ("set its monitor port (-M) to 0" in str(only(text).notes)) is is_said


def test_a_value_that_doubles_line_by_line_stays_unknown() -> None:
    text = "A=xxxxxxxxxx\n" + "A=$A$A\n" * 40 + "ssh -R $A:nas:80 gw\n"

    assert sum(len(word) for one in commands_in(text) for word in one.words) < 10_000


def test_a_quote_that_does_not_end_hides_only_its_own_line() -> None:
    assert only(f"echo it's\n{SSH}\n").node.ports == (20010,)


def test_each_command_that_is_not_taken_is_named() -> None:
    text = (
        f"{SSH} # attic\n{SSH} # barn\n"
        "ssh -N -R 0:nas:80 a@gw # cabin\nssh -N -R /tmp/s:nas:80 a@gw # shed\n"
        "plink -N -R 20011:nas:80 a@gw # dock\n"
    )

    assert [one.node.name for one in read(text).found] == ["attic"]
    lines = dict(problems(text))
    assert lines[2] == "asks for the same port as attic, line 1"
    assert "'0' is not a port" in lines[3]
    assert "-R /tmp/s:nas:80 does not lead" in lines[4]
    assert lines[5].startswith("plink is neither ssh nor autossh nor dbclient")


def test_a_recursive_option_is_not_a_tunnel() -> None:
    text = f"{SSH}\nchown -R 1000:1000 /srv\nchmod -R 755 /srv\nls -R a:b:c\n"

    assert only(text).node.name == "office"
