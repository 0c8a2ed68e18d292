"""The detail sheet's fields and pictures, as values."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from checker.model import Event, EventKind, NodeName, Port, Publication, Status, Usage, Watched
from checker.model.last_seen import LastSeen
from checker.rows.row import Known, Moment, Row
from reversi_tui.rows.detail_text import hanging, hour_labels
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.palette import palette
from reversi_tui.rows.sheet_groups import groups
from reversi_tui.rows.sheet_tabs import described
from reversi_tui.screens.detail import plain
from tests.reversi_tui.console.states import EVENTS, EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)
TODAY = time.strftime("%Y-%m-%d", time.gmtime(NOW))
DOSSIER = Dossier(
    events=EVENTS,
    days=(Watched(day=TODAY, up_s=50.0, watched_s=100.0),),
    ssh="ssh -p 20010 root@127.0.0.1",
)


def row(
    *,
    public: bool = False,
    published: tuple[Publication, ...] = (),
    status: Status = Status.UP,
    port: int = 20010,
) -> Row:
    known = Known(instance="brave-otter", client="reversi-client/1.0", flaps=2, hours=(1.0, 0.5))
    answer = "SSH-2.0-dropbear\\x0d\\x0a"
    seen = replace(
        tunnel("attic", port, status),
        bytes_total=1_200_000,
        answer=answer,
        kills=4,
        strikes=1,
        failures=7,
    )
    return Row(
        forward=replace(forward("attic", port), public=public, published=published),
        seen=seen,
        known=known,
    )


def fields(shown: Row, moment: Moment, dossier: Dossier | None = None) -> list[tuple[str, str]]:
    """The fields of all groups."""
    return [field for _, found in groups(shown, moment, dossier) for field in found]


def sheet(
    shown: Row,
    dossier: Dossier | None = DOSSIER,
    *,
    width: int = 76,
    height: int = 24,
    moment: Moment = MOMENT,
) -> str:
    return described(
        shown, moment, dossier, Paper(width=width, height=height, palette=palette("terminal"))
    ).plain


def test_what_is_published_is_told() -> None:
    ports = (
        Publication(port=Port(25), send_proxy=True),
        Publication(port=Port(443), sni="mail.example.org"),
    )

    shown = [text for name, text in fields(row(published=ports), MOMENT) if name == "published"]

    assert shown == ["on port 25 with a PROXY line", "on port 443 for mail.example.org"]


def test_tags_and_note_are_told_if_there_are_any() -> None:
    shown = dict(fields(replace(row(), tags=("openwrt", "site-a"), note="in the attic"), MOMENT))

    assert (shown["tags"], shown["note"]) == ("openwrt site-a", "in the attic")
    assert not {"tags", "note"} & dict(fields(row(), MOMENT)).keys()


def test_a_public_port_is_told_from_one_of_the_loopback() -> None:
    assert (
        dict(fields(row(public=True), MOMENT))["port"] == "20010, on all addresses of the gateway"
    )
    assert dict(fields(row(), MOMENT))["port"] == "20010"
    assert "published" not in dict(fields(row(), MOMENT))


def test_what_the_device_calls_itself_is_told_if_it_is_not_the_name() -> None:
    own = replace(row(), calls_itself="Office\x1b_Router")

    assert dict(fields(own, MOMENT))["device"] == r"calls itself Office\x1b_Router"
    assert "device" not in dict(fields(row(), MOMENT))


def test_a_row_that_the_registry_was_not_asked_about_is_told_too() -> None:
    assert dict(fields(Row(forward=None, seen=tunnel("attic", 20010)), MOMENT))["port"] == "20010"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("found", "SSH-2.0-dropbear", id="what the probe found"),
        pytest.param("target", "127.0.0.1:22", id="target"),
        pytest.param("expect", "banner:SSH-2.0", id="expect"),
        pytest.param("latency", "42.0 ms", id="latency"),
        pytest.param("sshd", "4000 (start 777)", id="process"),
        pytest.param("peer", "203.0.113.7:40022", id="peer"),
        pytest.param("instance", "brave-otter", id="instance"),
        pytest.param("client", "reversi-client/1.0", id="client"),
        pytest.param("bytes", "1.2M through this connection", id="bytes"),
        pytest.param("failures", "7 in a row, 1 towards a kill", id="failures and strikes"),
        pytest.param("kills", "4", id="kills"),
        pytest.param("flaps", "2 lately", id="flaps"),
        pytest.param("verdict", "0 s", id="verdict"),
    ],
)
def test_each_thing_that_is_known_is_told(name: str, text: str) -> None:
    assert dict(fields(row(), MOMENT))[name] == text


def test_times_are_told_with_their_age() -> None:
    told = dict(fields(row(), MOMENT))

    assert told["since"].endswith("(2h ago)")
    assert told["probed"].endswith("(<1m ago)")
    assert told["asked"].endswith("by the node")
    assert dict(fields(row(), Moment(now=NOW + 600, every_s=EVERY_S)))["probed"].endswith(
        "(10m ago), STALE"
    )


def test_what_is_not_known_is_told_as_such() -> None:
    told = dict(
        fields(
            Row(
                forward=None,
                seen=replace(tunnel("attic", 20010, Status.UNKNOWN, pid=None), probed_at=None),
            ),
            MOMENT,
        )
    )

    for name in ("target", "expect", "latency", "peer", "instance", "client", "bytes", "probed"):
        assert told[name] == "unknown"


def test_of_a_node_that_is_out_on_purpose_the_status_says_why() -> None:
    told = tunnel("attic", 20010, Status.UNKNOWN, pid=None)

    shown = sheet(replace(row(), seen=told, barred="disabled"))

    assert shown.startswith("status    ‖ disabled: its keys are rejected until you enable it")


def test_a_barred_node_and_an_unregistered_device_are_explained() -> None:
    assert (
        "it keeps its ports" in dict(fields(replace(row(), barred="disabled"), MOMENT))["disabled"]
    )
    assert "expired" in dict(fields(replace(row(), barred="expired"), MOMENT))
    assert "shared key" in dict(fields(replace(row(), unregistered=True), MOMENT))["registry"]


def test_the_sheet_has_the_day_the_month_the_events_and_the_way_in() -> None:
    shown = sheet(row())

    assert "ssh       ssh -p 20010 root@127.0.0.1\n" in shown
    assert (
        f"last 24 hours: up 75.0 % of the watched time\n{'·' * 22}_▄\n{hour_labels(NOW)}\n" in shown
    )
    assert "up 50.0 % of the watched time; worst day" in shown
    assert "100%" in shown
    assert shown.index("killed sshd 3999") < shown.index("up -> hung")


def test_a_low_terminal_gets_low_bars() -> None:
    assert "100%" not in sheet(row(), height=15)


def test_a_key_on_two_devices_is_told_from_the_last_event_of_it() -> None:
    events = tuple(
        Event(
            at=NOW - ago,
            kind=EventKind.CLONE,
            text=f"{ago} s ago",
            node=NodeName("attic"),
            port=Port(20010),
        )
        for ago in (90, 60)
    )

    shown = sheet(row(), replace(DOSSIER, events=events))

    assert "(1m ago): 60 s ago" in next(
        line for line in shown.split("\n") if line.startswith("clones")
    )
    assert "clones" not in sheet(row())


def test_what_is_still_read_or_cannot_be_is_said() -> None:
    assert sheet(row(), None).endswith("reading the rest...")
    assert sheet(row(), Dossier(trouble="the state file is gone")).endswith(
        "the state file is gone"
    )
    assert "newest first\nnone\n" in sheet(row(), Dossier())


def test_folded_rows_are_listed_each_with_its_status() -> None:
    members = (row(), row(status=Status.HUNG, port=20011))
    folded = replace(members[1], seen=replace(members[1].seen, port=Port(0)), members=members)

    shown = sheet(folded)

    assert shown.startswith("status    ✖ hung: the worst of 1 hung 1 up\n")
    assert (
        "forwards  20010  ● up          127.0.0.1:22  SSH-2.0-dropbear\n          20011  ✖ hung   "
        "     127.0.0.1:22" in shown
    )


@pytest.mark.parametrize("width", [30, 55, 76, 106])
def test_no_line_is_wider_than_the_sheet(width: int) -> None:
    shown = sheet(
        replace(row(), barred="disabled"), replace(DOSSIER, ssh="ssh " + "x" * 90), width=width
    )

    assert max(map(len, shown.split("\n"))) <= width


def test_further_lines_stand_under_the_first() -> None:
    assert hanging("aaa bbb ccc ddd", 20, 10) == "aaa bbb\n          ccc ddd"


def test_the_hours_of_the_clock_are_below_the_strip() -> None:
    hour = time.localtime(NOW - 5 * 3600).tm_hour

    assert hour_labels(NOW).endswith(f"{hour:02d}h")
    assert len(hour_labels(NOW)) == 21


def test_a_sheet_in_ascii_has_nothing_else() -> None:
    text = described(row(), MOMENT, DOSSIER, Paper(width=76, height=24, palette=palette("mono")))

    assert plain(text).plain.isascii()
    assert len(plain(text)) == len(text)


def test_the_sheet_shows_what_the_sshd_process_uses() -> None:
    usage = Usage(cpu_s=1.25, memory=8_300_000, descriptors=12, most_descriptors=1024)

    text = sheet(row(), replace(DOSSIER, usage=usage))

    assert "uses      1.2 s of CPU, 8.3M of memory, 12 descriptors and connections open" in text


def test_the_sheet_leaves_out_descriptors_that_we_may_not_count() -> None:
    usage = Usage(cpu_s=1.25, memory=8_300_000, descriptors=None, most_descriptors=None)

    text = sheet(row(), replace(DOSSIER, usage=usage))

    assert "uses      1.2 s of CPU, 8.3M of memory\n" in text


def test_a_lost_forward_shows_what_was_last_seen_of_it() -> None:
    refused = Event(at=NOW - 60, kind=EventKind.REFUSED, text="sshd refused its last login")
    last = LastSeen(
        was_up=True,
        up_until=NOW - 7200,
        connected_at=NOW - 90000,
        peer="203.0.113.7:40022",
        client="bundle-0.1.0/dropbear-2022.83",
        refused=refused,
    )

    shown = sheet(row(status=Status.DOWN), replace(DOSSIER, last=last), width=200)

    for words in (
        "last up   until ",
        "(2h ago)",
        "last peer 203.0.113.7:40022, connected ",
        "last run  bundle-0.1.0/dropbear-2022.83",
        "sshd refused its last login",
    ):
        assert words in shown


def test_a_forward_that_never_was_up_says_so() -> None:
    never = row(status=Status.DOWN)
    seen = replace(never.seen, detail="nobody listens; sshd refused its last login")

    shown = sheet(
        replace(never, seen=seen, known=Known(was_up=False)), replace(DOSSIER, last=LastSeen())
    )

    assert "last up   never: its device has not connected yet" in shown
    assert "found     never seen; sshd refused its last login" in shown


def test_a_foreign_port_names_its_holder_and_nothing_else() -> None:
    seen = replace(
        row(status=Status.FOREIGN).seen,
        session=None,
        detail="the port is held by a process of uid 33",
    )

    shown = sheet(replace(row(), seen=seen))

    assert "sshd      none: the port is held by a process of uid 33" in shown
    assert "no known process" not in shown
