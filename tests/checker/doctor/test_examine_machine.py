"""The facts that `doctor` collects about the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.doctor.examine_machine import is_synchronized, stranger_on
from checker.model import Listener, Port, Publication
from tests.strategies import node

OURS, HAPROXY = 990, 0
PORT = Port(50123)


def test_the_kernel_says_whether_its_clock_is_kept() -> None:
    assert is_synchronized() in (True, False, None)


@pytest.mark.parametrize(
    ("published", "address", "stranger"),
    [
        pytest.param(PORT, "192.0.2.7", None, id="HAProxy beside the tunnel"),
        pytest.param(PORT, "127.0.0.1", HAPROXY, id="on the loopback"),
        pytest.param(PORT, "0.0.0.0", HAPROXY, id="on all addresses"),
        pytest.param(Port(443), "192.0.2.7", HAPROXY, id="published elsewhere"),
    ],
)
def test_only_a_port_that_is_published_on_itself_leaves_haproxy_room(
    published: Port, address: str, stranger: int | None
) -> None:
    (forward,) = node("office", ports=(PORT,)).forwards
    forward = replace(forward, published=(Publication(port=published),))
    found = [
        Listener(address="127.0.0.1", port=PORT, uid=OURS, inode=1),
        Listener(address=address, port=PORT, uid=HAPROXY, inode=2),
    ]

    assert stranger_on(PORT, forward, found, OURS) == stranger
