"""What commands say about the bucket, from what the agent wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.fleet.bucket_news import BucketNews, news_path, read_news, sentences

NOW = 1000.0


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        pytest.param(None, ["never compared"], id="no agent ever"),
        pytest.param(BucketNews(at=NOW), [], id="all is the same"),
        pytest.param(BucketNews(at=NOW - 100), ["for 100 s"], id="the agent stopped"),
        pytest.param(BucketNews(at=NOW, trouble="it is full"), ["it is full"], id="trouble"),
        pytest.param(
            BucketNews(at=NOW, lacks=("a", "b"), lacking=5, newer=("c",), newer_count=1, strange=7),
            ["lacks a, b and 3 more", "newer: c", "7 values"],
            id="differences",
        ),
    ],
)
def test_sentences(news: BucketNews | None, expected: list[str]) -> None:
    found = list(sentences(news, NOW))

    assert len(found) == len(expected)
    assert all(part in said for part, said in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"at": "x"}', '{"at": 1, "lacks": [1]}', '{"at": 1, "lacking": -1}'],
)
def test_a_file_that_is_not_the_agents_says_nothing(tmp_path: Path, content: str) -> None:
    layout = home_layout(tmp_path)
    news_path(layout).parent.mkdir()
    news_path(layout).write_text(content, encoding="utf-8")

    assert read_news(layout) is None
