"""The services behind the forwards of the tests."""

from __future__ import annotations

import socket
from contextlib import closing

from tests.system.services import BANNER, Manner, Service
from tests.system.waiting import until


def visit(service: Service) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    if service.manner is Manner.ANSWERS:
        assert peer.recv(100) == BANNER
    return peer


def test_a_service_keeps_only_connections_that_the_other_side_keeps() -> None:
    with closing(Service()) as service, visit(service) as staying:
        for _ in range(20):
            visit(service).close()

        visit(service).close()

        assert len(service.kept) <= 3
        assert service.kept[0].getpeername() == staying.getsockname()


def test_a_silent_service_keeps_all() -> None:
    with closing(Service()) as service:
        service.manner = Manner.SILENT
        for _ in range(20):
            visit(service).close()
        until(lambda: service.visits == 20, "it met all")
        service.manner = Manner.CLOSES
        with visit(service) as last:
            assert last.recv(1) == b""

        assert len(service.kept) == 20
