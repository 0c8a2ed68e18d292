"""Each status by its real cause; and what must never lead to a kill."""

from __future__ import annotations

import pytest

from checker.model import EventKind, Status
from tests.system.accounts import Mode
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import LISTENER, Manner, Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_a_tunnel_whose_target_closes_is_refused_and_not_killed(gateway: Gateway) -> None:
    service = gateway.service()
    device = gateway.add(service.target)
    gateway.connect(device)
    session = gateway.await_up(device)

    service.manner = Manner.CLOSES

    assert gateway.probe(device).startswith("refused")
    tunnel = gateway.await_status(device, Status.REFUSED)
    assert (tunnel.session, tunnel.kills, tunnel.verdict) == (session, 0, 0)
    assert not is_gone(session)


def test_a_tunnel_whose_target_does_not_exist_is_refused(gateway: Gateway) -> None:
    service = gateway.service()
    device = gateway.add(service.target)
    service.close()
    gateway.connect(device)

    assert gateway.await_status(device, Status.REFUSED).verdict == 0
    assert device.verdict("check") == 0


def test_an_unexpected_response_is_wrong_and_not_killed(gateway: Gateway) -> None:
    device = gateway.add(gateway.service(b"220 mail.example ESMTP\r\n").target)
    connection = gateway.connect(device)

    tunnel = gateway.await_status(device, Status.WRONG)

    assert tunnel.detail == "expected banner:SSH-2.0, got '220 mail.example ESMTP\\x0d\\x0a'"
    assert (tunnel.kills, tunnel.verdict) == (0, 0)
    assert tunnel.answer == "220 mail.example ESMTP\\x0d\\x0a"
    assert connection.beat() == 0


def test_a_node_that_never_connected_is_down_and_told_to_connect(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")

    tunnel = gateway.await_status(device, Status.DOWN)

    assert tunnel.detail == "nobody listens"
    assert device.verdict("check") == 1


def test_a_foreign_listener_is_reported_and_never_touched(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("a listener of another uid needs root")
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")
    stranger = Stranger(device.ports[0])
    try:
        assert gateway.probe(device).startswith("foreign")
        assert (
            gateway.await_status(device, Status.FOREIGN).detail
            == "the port is held by a process of uid 0"
        )
        held = (
            "the port is held by a process of uid 0; the checker does not touch it: its admin must"
            " free the port"
        )
        told = f"reversi: port {device.ports[0]}: {held}"
        port = str(device.ports[0])
        answers = [
            device.ask(*request)
            for request in (("check",), ("check", port), ("claim", "first"), (device.node, port))
        ]
        assert [(answer.returncode, answer.stdout) for answer in answers] == [(0, "60\n")] * 4
        assert [answer.stderr.strip() for answer in answers] == [
            told,
            told,
            told,
            "",
        ], "an old device may read both outputs as one"
        killed = gateway.run("kill", device.node)

        assert killed.returncode == 1
        assert "which we must not kill" in killed.stdout
        assert stranger.lives
        assert not gateway.events(device, EventKind.KILL)
    finally:
        stranger.close()


def test_a_silent_service_of_the_tunnel_user_is_foreign_and_never_touched(
    each_gateway: Gateway,
) -> None:
    device = each_gateway.add("127.0.0.1:9,banner:SSH-2.0")
    stranger = each_gateway.python_as(
        each_gateway.mode.tunnel, LISTENER, "127.0.0.1", str(device.ports[0]), ""
    )
    until(lambda: accepts(device.ports[0]), "it listens")

    sentence = each_gateway.probe(device)

    assert sentence.startswith(f"foreign: the port is held by process {stranger.pid} (python")
    assert sentence.endswith(f"of uid {each_gateway.mode.tunnel.uid}")
    assert device.verdict("check") == 60
    assert each_gateway.run("kill", device.node).returncode == 1
    assert stranger.poll() is None


def test_a_port_that_another_program_holds_on_ipv4_is_foreign_even_if_the_node_holds_it_on_ipv6(
    each_gateway: Gateway,
) -> None:
    device = each_gateway.add("127.0.0.1:9,banner:SSH-2.0", each_gateway.service().target)
    stranger = each_gateway.python_as(
        each_gateway.mode.tunnel, LISTENER, "127.0.0.1", str(device.ports[0]), ""
    )
    until(lambda: accepts(device.ports[0]), "it listens")

    connection = each_gateway.connect(device)
    until(lambda: each_gateway.probe(device, 1) == "up", "its other forward is up")

    assert each_gateway.probe(device).startswith(
        f"foreign: the port is held by process {stranger.pid} (python"
    )
    assert device.verdict("check") == 60
    assert connection.beat() == 0, "leaving would cost the forward that works, and free nothing"
    assert not each_gateway.events(device, EventKind.KILL)
    assert stranger.poll() is None


def test_without_privilege_a_hung_tunnel_without_hold_is_reported_and_nothing_is_killed(
    ordinary: Mode,
) -> None:
    with gateway_at(ordinary) as gateway:
        gateway.up()
        device = gateway.add(gateway.service().target)
        connection = gateway.connect_unheard(device)
        until(lambda: gateway.probe(device) == "up", "it is up")

        gateway.hang(device, connection)

        assert gateway.await_event(EventKind.KILL_FAILED, device).actor == "daemon"
        assert gateway.await_status(device, Status.HUNG).verdict == 60
        assert connection.lives


def test_one_slow_answer_is_not_a_hang(gateway: Gateway) -> None:
    service = gateway.service()
    device = gateway.add(service.target)
    gateway.connect(device)
    session = gateway.await_up(device)

    service.silent_for = 1
    sentence = gateway.probe(device)

    assert sentence == "up"
    assert service.silent_for <= 0
    assert gateway.await_up(device) == session
    assert not gateway.events(device, EventKind.KILL)


def test_a_silent_target_is_not_killed_while_its_beats_arrive(gateway: Gateway) -> None:
    service = gateway.service()
    device = gateway.add(service.target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)

    service.manner = Manner.SILENT
    lives = "hung: the target is silent, the tunnel lives: "
    with connection.beating(every_s=0.2):
        sentences = [gateway.probe(device) for _ in range(2)]
        # on a busy machine a beat may be later than a probe
        until(lambda: gateway.probe(device) == f"{lives}its beats arrive", "its beats count")

    assert [sentence.startswith(lives) for sentence in sentences] == [True, True], sentences
    tunnel = gateway.await_status(device, Status.HUNG)
    assert (tunnel.session, tunnel.kills) == (session, 0)
    assert not is_gone(session)


def test_a_silent_target_is_not_killed_while_a_sibling_answers(gateway: Gateway) -> None:
    silent, speaking = gateway.service(), gateway.service()
    device = gateway.add(silent.target, speaking.target)
    gateway.connect(device)
    session = gateway.await_up(device)

    silent.manner = Manner.SILENT
    sentences = [gateway.probe(device) for _ in range(2)]

    lives = "hung: the target is silent, the tunnel lives: "
    assert [sentence.startswith(lives) for sentence in sentences] == [True, True], sentences
    assert gateway.tunnel(device).kills == 0
    assert gateway.await_up(device, 1) == session


def test_a_silent_target_is_not_killed_while_its_device_accepts_each_probe(
    gateway: Gateway,
) -> None:
    service = gateway.service()
    device = gateway.add(service.target)
    gateway.connect(device)
    session = gateway.await_up(device)

    service.manner = Manner.SILENT
    sentences = [gateway.probe(device) for _ in range(3)]

    assert sentences == ["hung: the target is silent, the tunnel lives: its device still sends"] * 3
    assert gateway.tunnel(device).kills == 0
    assert not is_gone(session)


def test_an_incomplete_banner_is_slow_and_not_wrong(gateway: Gateway) -> None:
    service = gateway.service(b"SSH-")
    device = gateway.add(service.target)
    gateway.connect(device)

    tunnel = gateway.await_status(device, Status.HUNG)

    assert tunnel.detail == "slow: only 'SSH-' of banner:SSH-2.0 came"
    assert (tunnel.kills, tunnel.strikes, tunnel.verdict) == (0, 0, 0)


def test_each_kind_of_expectation_works_through_a_real_tunnel(gateway: Gateway) -> None:
    speakers = {
        "http": b"HTTP/1.0 200 OK\r\n\r\n",
        "tls": b"\x15\x03\x01\x00\x02\x02\x28",
        r"send:EHLO probe\r\n expect:250": b"220 ready\r\n250 pleased\r\n",
        "open": b"",
        "banner:SSH-2.0-dropbear": b"SSH-2.0-dropbear_2022.83\r\n",
    }
    device = gateway.add(
        *(
            f"127.0.0.1:{gateway.service(banner).port},{expect}"
            for expect, banner in speakers.items()
        )
    )
    gateway.connect(device)

    for number in range(len(speakers)):
        assert gateway.await_status(device, Status.UP, number).failures == 0
