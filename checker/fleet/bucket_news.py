"""What the agent found when it compared bucket and disk last, for commands of this gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import present_file
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.fleet.values import instant_of, list_of, table_of, text_of, whole_of
from checker.model import InvalidValue

FILE = "bucket.json"
OLD_AFTER_S = 60.0
"""An agent that works writes every ten seconds."""
MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketNews:
    """How bucket and disk differ."""

    at: float
    trouble: str = ""
    """Why they could not be compared; empty: they were."""
    lacks: tuple[str, ...] = ()
    """Some of what the bucket lacks, or has older."""
    lacking: int = 0
    newer: tuple[str, ...] = ()
    """Some of what the bucket has newer."""
    newer_count: int = 0
    strange: int = 0
    """Values in the bucket that do not count."""


def news_path(layout: Layout) -> Path:
    return layout.mirrors / FILE


def read_news(layout: Layout) -> BucketNews | None:
    """Return what the agent wrote last; None if it wrote nothing that we understand."""
    try:
        table = table_of(present_file(news_path(layout)) or b"")
        return BucketNews(
            at=instant_of(table.get("at")),
            trouble=text_of(table.get("trouble", "")),
            lacks=tuple(text_of(one) for one in list_of(table.get("lacks", []))[:MOST_NAMED]),
            lacking=whole_of(table.get("lacking", 0)),
            newer=tuple(text_of(one) for one in list_of(table.get("newer", []))[:MOST_NAMED]),
            newer_count=whole_of(table.get("newer_count", 0)),
            strange=whole_of(table.get("strange", 0)),
        )
    except (ConfigError, InvalidValue):
        return None


def sentences(news: BucketNews | None, now: float) -> Iterator[str]:
    """Yield what an operator should know."""
    if news is None:
        yield "the agent never compared the registry with the bucket of the bus"
    elif now - news.at > OLD_AFTER_S:
        age = f"{now - news.at:.0f} s"
        yield f"the agent has not compared the registry with the bucket of the bus for {age}"
    elif news.trouble:
        yield f"the registry was not compared with the bucket of the bus: {news.trouble}"
    else:
        if news.lacking:
            yield f"the bucket lacks {counted(news.lacking, news.lacks)}"
        if news.newer_count:
            yield f"the bucket has newer: {counted(news.newer_count, news.newer)}"
        if news.strange:
            yield f"the bucket has {news.strange} values that do not count"


def counted(count: int, names: tuple[str, ...]) -> str:
    shown = ", ".join(names)
    more = count - len(names)
    return f"{shown} and {more} more" if more > 0 else shown
