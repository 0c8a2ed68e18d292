"""A row with everything that a filter can name."""

from __future__ import annotations

from checker.model import (
    Forward,
    NodeName,
    Port,
    ProcessId,
    Publication,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.rows.row import Known, Moment, Row

NOW = 1_700_000_000.0
MOMENT = Moment(now=NOW, every_s=20.0)
LATER = Moment(now=NOW + 600, every_s=20.0)
ROW = Row(
    forward=Forward(
        node=NodeName("attic"),
        port=Port(20010),
        target=parse_target("10.0.0.5:443"),
        expect=parse_expect("banner:SSH-2.0"),
        public=True,
        published=(
            Publication(port=Port(443), sni="Shop.example"),
            Publication(port=Port(443), sni="www.example"),
            Publication(port=Port(8080)),
        ),
    ),
    seen=Tunnel(
        node=NodeName("attic"),
        port=Port(20010),
        status=Status.HUNG,
        detail="No Answer within 5 s",
        answer="SSH-2.0-dropbear_2022.83",
        latency_ms=250.0,
        peer="203.0.113.7:40022",
        session=ProcessId(pid=4711, start_ticks=777),
        since=NOW - 7200,
        probed_at=NOW - 5,
        checked_at=NOW - 9,
        kills=3,
        bytes_total=2_500_000,
    ),
    known=Known(instance="brave-otter", client="reversi-client/1.0", flaps=2, hours=(1.0, 0.5)),
    tags=("openwrt", "site-a"),
    note="under the roof, Key at the bakery",
)
OTHER = Row(
    forward=Forward(
        node=NodeName("barn"),
        port=Port(20011),
        target=parse_target("127.0.0.1:22"),
        expect=parse_expect("banner:SSH-2.0"),
    ),
    seen=Tunnel(
        node=NodeName("barn"),
        port=Port(20011),
        status=Status.UP,
        detail="SSH-2.0-OpenSSH_9.2",
        latency_ms=20.0,
        since=NOW - 60,
        probed_at=NOW - 5,
    ),
    tags=("site-b",),
)
ROWS = (ROW, OTHER)
