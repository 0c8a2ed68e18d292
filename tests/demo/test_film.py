"""The film of the README: frames become an animated SVG, and the one in docs suits a page."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from demo.film_svg import FORE, HOLD_S, SPEED, Cell, Frame, Phase, Run, animated, runs_of

FILM = Path(__file__).parents[2] / "docs" / "healing.svg"
SVG = "{http://www.w3.org/2000/svg}"
PLAIN: Cell = (" ", "default", "default", False, False)


def cells(text: str, colour: str = "default", *, reverse: bool = False) -> list[Cell]:
    return [(letter, colour, "default", False, reverse) for letter in text]


def frame(at_s: float, phase: Phase, *texts: str) -> Frame:
    lines = tuple((Run(x=0, text=text),) for text in texts)
    return Frame(at_s=at_s, phase=phase, caption=phase.name, lines=lines)


def shown(svg: str, share: float) -> set[str]:
    """Return the texts that a viewer shows at this percentage of the film."""
    spans = {
        name: [(float(at), int(on)) for at, on in re.findall(r"([\d.e+]+)%\{opacity:(\d)\}", rule)]
        for name, rule in re.findall(r"@keyframes (\w+)\{((?:[^{}]*\{[^{}]*\})*)\}", svg)
    }
    found = set()
    for text in ET.fromstring(svg).iter(f"{SVG}text"):
        names = [name for name in text.get("class", "").split() if name in spans]
        if all([on for at, on in spans[name] if at <= share][-1] for name in names):
            found.add(text.text or "")
    return found


def test_a_line_becomes_one_run_of_text_for_each_colour() -> None:
    runs = runs_of([*cells("node  port"), *cells(" "), *cells("up", "green"), PLAIN, PLAIN])

    assert [(run.x, run.text) for run in runs] == [(0, "node"), (6, "port"), (11, "up")]
    assert runs[0].fore == FORE != runs[2].fore


def test_reversed_colours_get_a_background() -> None:
    background, word = runs_of(cells("hung", reverse=True))

    assert (background.text, background.back) == ("    ", FORE)
    assert word.fore != FORE


def test_each_moment_shows_its_frame_and_no_other() -> None:
    svg = animated(
        [
            frame(0.0, Phase.BEFORE, "same", "first"),
            frame(4.0, Phase.HUNG, "same", "second"),
            frame(8.0, Phase.BACK, "same", "first"),
        ]
    )
    length_s = 8.0 / SPEED + HOLD_S
    middle = 100 * (6.0 / SPEED) / length_s

    assert shown(svg, 0) == {"BEFORE", "same", "first"}
    assert shown(svg, middle) == {"HUNG", "same", "second"}
    assert shown(svg, 99.9) == {"BACK", "same", "first"}


def test_a_reader_who_prefers_reduced_motion_sees_the_hang() -> None:
    svg = animated([frame(0.0, Phase.BEFORE, "up"), frame(4.0, Phase.HUNG, "hung")])

    still = {
        text.text
        for text in ET.fromstring(svg).iter(f"{SVG}text")
        if "a" not in (classes := text.get("class", "").split()) or "s" in classes
    }
    assert still == {"HUNG", "hung"}
    assert "prefers-reduced-motion" in svg


def test_what_a_device_says_cannot_become_markup() -> None:
    svg = animated([frame(0.0, Phase.HUNG, "<script>alert(1)</script>")])

    assert "<script" not in svg
    assert shown(svg, 0) == {"HUNG", "<script>alert(1)</script>"}


def test_the_readmes_film_tells_the_whole_story_and_loads_nothing() -> None:
    svg = FILM.read_text(encoding="utf-8")
    texts = [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]

    assert len(svg.encode()) <= 300_000
    assert "<script" not in svg
    assert not re.search(r"href|@import|url\(", svg)
    for words in ("has frozen", "Hung:", "killed the sshd process", "has reconnected"):
        assert any(words in text for text in texts), words
    for status in ("up", "hung", "down", "refused", "wrong"):
        assert any(text.endswith(status) for text in texts), status
