"""The words of a message: title, text, and a document for a command. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from checker.alerts.outages import UNWATCHED, UP, Ended, Outage
from checker.alerts.picture import GATEWAY, ONE_PATH, STALE
from checker.alerts.telling import News
from checker.model import HOUR_S, NodeName, Status, printable

MINUTE_S, DAY_S = 60, 86400
PHRASES = {
    Status.DOWN: ("is down", "has been down", "nobody listens"),
    Status.HUNG: ("hangs", "has been hanging", "nothing comes back through its tunnel"),
    Status.REFUSED: (
        "refuses connections",
        "has refused connections",
        "its tunnel works, but its target does not",
    ),
    Status.WRONG: (
        "answers wrongly",
        "has answered wrongly",
        "its target sends another response than expected",
    ),
    Status.FOREIGN: (
        "is shut out",
        "has been shut out",
        "another program on the gateway holds its port",
    ),
    Status.BROKEN: (
        "has a broken registry file",
        "has had a broken registry file",
        "see: reversi-checker doctor",
    ),
    STALE: ("is not tested", "has not been tested", "the daemon does not get to it"),
}
"""In a title, with a duration, and why."""
ANY = ("is not up", "has not been up", "")
LOST = ("has lost one of its two paths", "has had only one of its two paths")
"""As in PHRASES, without why: the outage says which path it is."""
MOST_SHOWN = 200
"""Characters of a text that is not ours."""
PATH_HEADINGS = {
    "down": "without one of two paths",
    "down after a mute": "without one of two paths after a mute",
    "up again": "no longer without one of two paths",
    "back after a short outage": "back on both paths after a short time",
    "still down": "still without one of two paths",
}
"""What stands for each heading if the nodes only lost one of two paths."""
Part = Outage | Ended
P = TypeVar("P", Outage, Ended)
Lines = Callable[[Sequence[P], "Scene"], list[tuple[str, str]]]


class Kind(StrEnum):
    """What a message is about; Apprise's kinds have the same words."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a way sends."""

    title: str
    body: str
    kind: Kind
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the words need besides the news."""

    gateway: str
    """The machine's name."""
    now: float
    storm: int
    forwards: Mapping[NodeName, int]
    """How many forwards each node has."""


def span(seconds: float) -> str:
    """A duration in at most two units: `50 s`, `4 min`, `2 h 3 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    big, unit, small, less = (
        (HOUR_S, "h", MINUTE_S, "min") if whole < DAY_S else (DAY_S, "d", HOUR_S, "h")
    )
    rest = whole % big // small
    return f"{whole // big} {unit}" + (f" {rest} {less}" if rest else "")


def clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def message(news: News, scene: Scene) -> Message:
    """Write a message about this news, which must not be empty."""
    paragraphs = [
        *gateway_lines(news, scene),
        *crowd_lines(news),
        *sections("down", news.down, scene, down_lines, in_short=bool(crowd(news))),
        *sections("down after a mute", news.again, scene, down_lines),
        *sections("up again", news.ended, scene, ended_lines),
        *sections("back after a short outage", news.missed, scene, missed_lines),
        *sections("still down", news.still, scene, down_lines),
    ]
    if news.dropped:
        paragraphs.append(f"{news.dropped} more outages ended before they could be told.")
    return Message(
        title=f"{scene.gateway}: {title(news)}",
        body="\n".join(paragraphs),
        kind=kind(news),
        document=document(news, scene),
    )


def forwards(parts: Sequence[P]) -> tuple[P, ...]:
    """Those that are about more than a lost path."""
    return tuple(one for one in parts if one.place[1] != ONE_PATH)


def paths(parts: Sequence[P]) -> tuple[P, ...]:
    """Those about a node that lost one of its two paths: it is not down."""
    return tuple(one for one in parts if one.place[1] == ONE_PATH)


def kind(news: News) -> Kind:
    if forwards((*news.down, *news.again)):
        return Kind.FAILURE
    if news.down or news.again or news.still:
        return Kind.WARNING
    return Kind.SUCCESS if any(one.how == UP for one in news.ended) else Kind.INFO


def title(news: News) -> str:
    """The news in one clause."""
    of_gateway = [one for one in news.down if one.place == GATEWAY]
    if of_gateway:
        return "the gateway does not test its tunnels"
    together = crowd(news)
    if together:
        return f"{together[0]} of {together[1]} nodes are down; look at the gateway"
    failing = (*news.down, *news.again)
    fresh, back = names(forwards(failing)), names(forwards(news.ended))
    if len(fresh) == 1 and not back:
        return f"{fresh[0]} {phrase(forwards(failing)[0].why)[0]}"
    if not fresh and failing:
        lost = names(failing)
        return (
            f"{lost[0]} {LOST[0]}"
            if len(lost) == 1
            else f"{len(lost)} nodes have lost one of their two paths"
        )
    if fresh:
        return f"{counted(fresh)} down" + (f", {len(back)} up again" if back else "")
    if back:
        return title_of_ends(forwards(news.ended), back)
    if news.ended:
        return title_of_ends(news.ended, names(news.ended))
    if forwards(news.still):
        return f"{counted(names(forwards(news.still)))} still down"
    if news.still:
        return f"{counted(names(news.still))} still without one of two paths"
    return "outages that ended"


def title_of_ends(ended: Sequence[Ended], back: Sequence[str]) -> str:
    hows = {one.how for one in ended}
    if ended[0].place == GATEWAY and len(back) == 1:
        return "the gateway tests its tunnels again"
    if hows == {UP}:
        if ended[0].place[1] == ONE_PATH:
            return f"{counted(back)} no longer without one of two paths"
        return f"{counted(back)} up again" if len(back) > 1 else f"{back[0]} is up again"
    return f"{back[0]} {ended_phrase(ended[0])}" if len(back) == 1 else "outages that ended"


def counted(found: Sequence[str]) -> str:
    return f"{found[0]} is" if len(found) == 1 else f"{len(found)} nodes are"


def names(parts: Sequence[Part]) -> list[str]:
    """The names of the nodes, each once."""
    return sorted({str(one.place[0]) for one in parts if one.place != GATEWAY}) or (
        ["the gateway"] if parts else []
    )


def phrase(why: str) -> tuple[str, str, str]:
    return PHRASES.get(why, ANY)


def gateway_lines(news: News, scene: Scene) -> Iterator[str]:
    """What to say about the gateway itself."""
    for one in (*news.down, *news.again, *news.still):
        if one.place == GATEWAY:
            yield (
                f"The gateway {scene.gateway} has not tested its tunnels for"
                f" {span(scene.now - one.began)}: {printable(one.why, MOST_SHOWN)}. Until it does,"
                " nothing is known about the nodes; see: sudo reversi-checker doctor"
            )
    for end in (*news.ended, *news.missed):
        if end.place == GATEWAY:
            yield (
                f"The gateway {scene.gateway} tests its tunnels again, after"
                f" {span(end.ended - end.began)}"
            )


def crowd(news: News) -> tuple[int, int] | None:
    """How many nodes of how many failed together, if that was more than half."""
    return next((one.crowd for one in news.down if one.crowd), None)


def crowd_lines(news: News) -> Iterator[str]:
    together = crowd(news)
    if together:
        yield (
            f"{together[0]} of {together[1]} nodes failed at about the same time: look at the"
            " gateway's own network first"
        )


def sections(
    heading: str, parts: Sequence[P], scene: Scene, lines: Lines[P], *, in_short: bool = False
) -> list[str]:
    """The sentences about forwards, and those about lost paths."""
    return [
        *section(heading, lines(forwards(parts), scene), scene.storm, in_short=in_short),
        *section(PATH_HEADINGS[heading], lines(paths(parts), scene), scene.storm),
    ]


def section(
    heading: str, lines: Sequence[tuple[str, str]], storm: int, *, in_short: bool = False
) -> list[str]:
    """The sentences of `(name, sentence)`; in short, or for more than `storm`, the count and the
    first names.
    """
    if len(lines) <= storm and not in_short:
        return [sentence for _, sentence in lines]
    names = ", ".join(name for name, _ in lines[:storm])
    more = f" and {len(lines) - storm} more" if len(lines) > storm else ""
    return [f"{len(lines)} nodes are {heading}: {names}{more}"] if lines else []


def by_node(parts: Sequence[Part]) -> list[tuple[NodeName, list[Part]]]:
    """Group them by node, without the gateway: registered ones first, in the order of the names. A
    device that is not registered chose its own.
    """
    groups: dict[NodeName, list[Part]] = {}
    for one in parts:
        if one.place != GATEWAY:
            groups.setdefault(one.place[0], []).append(one)
    return sorted(groups.items(), key=lambda one: (not one[1][0].is_registered, one[0]))


def who(name: NodeName, parts: Sequence[Part], scene: Scene) -> str:
    """The node, and its ports if it has others too."""
    ports = sorted({one.place[1] for one in parts if one.place[1] > 0})
    if not ports or len(ports) >= scene.forwards.get(name, 0):
        return str(name)
    word = "port" if len(ports) == 1 else "ports"
    return f"{name}, {word} {', '.join(map(str, ports))},"


def down_lines(parts: Sequence[Outage], scene: Scene) -> list[tuple[str, str]]:
    return [(str(name), down_line(name, group, scene)) for name, group in by_node(parts)]


def down_line(name: NodeName, group: Sequence[Part], scene: Scene) -> str:
    """A sentence, such as `office has been down for 4 min: nobody listens`."""
    first = min(group, key=lambda one: one.began)
    is_path = first.place[1] == ONE_PATH
    _, has, why = (*LOST, first.why) if is_path else phrase(first.why)
    times = max((one.relapse for one in group if isinstance(one, Outage)), default=0) + 1
    often = f", outage {times} in a row" if times > 1 else ""
    reason = f": {printable(why, MOST_SHOWN)}" if why else ""
    return f"{who(name, group, scene)} {has} for {span(scene.now - first.began)}{often}{reason}"


def ended_lines(parts: Sequence[Ended], scene: Scene) -> list[tuple[str, str]]:
    return [
        (str(name), f"{who(name, group, scene)} {ended_phrase(longest(group))}")
        for name, group in by_node(parts)
    ]


def longest(group: Sequence[Part]) -> Ended:
    return min((one for one in group if isinstance(one, Ended)), key=lambda one: one.began)


def ended_phrase(one: Ended) -> str:
    if one.how == UP and one.place[1] == ONE_PATH:
        return f"is no longer without one of two paths, after {span(one.ended - one.began)}"
    if one.how == UP:
        return f"is up again after {span(one.ended - one.began)}"
    if one.how == UNWATCHED:
        return "is no longer shown by the filter"
    return f"was {one.how} after {span(one.ended - one.began)} of outage"


def missed_lines(parts: Sequence[Ended], scene: Scene) -> list[tuple[str, str]]:
    return [
        (str(name), f"{who(name, group, scene)} {missed_phrase(longest(group))}")
        for name, group in by_node(parts)
    ]


def missed_phrase(one: Ended) -> str:
    if one.place[1] == ONE_PATH:
        return (
            f"had only one of its two paths from {clock(one.began)} for"
            f" {span(one.ended - one.began)}"
        )
    return f"was down from {clock(one.began)} for {span(one.ended - one.began)}, and is up again"


def document(news: News, scene: Scene) -> dict[str, Any]:
    """The message for a program, as docs/alerts.md describes it."""
    return {
        "schema": 1,
        "gateway": scene.gateway,
        "at": scene.now,
        "kind": kind(news).value,
        "down": [outage_json(one) for one in (*news.down, *news.again)],
        "ended": [ended_json(one) for one in (*news.ended, *news.missed)],
        "still": [outage_json(one) for one in news.still],
    }


def outage_json(one: Outage) -> dict[str, Any]:
    return {**place_json(one), "status": printable(one.why, MOST_SHOWN), "since": one.began}


def ended_json(one: Ended) -> dict[str, Any]:
    return {**place_json(one), "since": one.began, "until": one.ended, "how": one.how}


def place_json(one: Part) -> dict[str, Any]:
    """Node and port; null for the gateway itself, and the port for a broken file or a lost path."""
    node, port = one.place
    return {"node": node or None, "port": port if port > 0 else None}


def trial_message(gateway: str, now: float) -> Message:
    """What `alert --test` sends."""
    return Message(
        title=f"{gateway}: a test",
        body=f"reversi-checker on {gateway} can send alerts this way. Nothing is down.",
        kind=Kind.INFO,
        document={
            "schema": 1,
            "gateway": gateway,
            "at": now,
            "kind": "test",
            "down": [],
            "ended": [],
            "still": [],
        },
    )
