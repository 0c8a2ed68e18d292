"""Nodes of any kind, for hypothesis."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from checker.model import (
    MOST_TAGS,
    Expect,
    ExpectKind,
    Forward,
    Node,
    Target,
)
from tests.strategies import names, ports, public_key

tags = st.lists(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True), max_size=MOST_TAGS)
notes = st.text(max_size=40).map(str.strip).filter(str.isprintable)

plain = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=" "),
    min_size=1,
    max_size=12,
)
expects = st.one_of(
    st.sampled_from([ExpectKind.HTTP, ExpectKind.TLS, ExpectKind.OPEN]).map(
        lambda kind: Expect(kind=kind)
    ),
    plain.map(lambda text: Expect(kind=ExpectKind.BANNER, text=f"a{text}")),
    st.builds(Expect, kind=st.just(ExpectKind.SEND), send=plain, text=plain),
)
targets = st.builds(
    Target, host=st.sampled_from(["10.0.0.1", "nas.lan", "fe80::1%eth0", "::1"]), port=ports
)
days = st.dates(min_value=date(2000, 1, 1)).map(str)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    name = draw(names)
    taken = draw(st.lists(ports, unique=True, max_size=4))
    deadlines = st.none() | st.floats(0.5, 60)
    forwards = tuple(
        Forward(
            node=name,
            port=port,
            target=draw(targets),
            expect=draw(expects),
            deadline_s=draw(deadlines),
            public=draw(st.booleans()),
            host_key=draw(st.sampled_from(["", public_key(7), public_key(8)])),
        )
        for port in taken
    )
    number = draw(st.integers(0, 2**31))
    return Node(
        name=name,
        public_key=public_key(number),
        forwards=forwards,
        added_at=draw(st.integers(0, 2**40)),
        enabled=draw(st.booleans()),
        expires=draw(st.none() | days),
        next_key=draw(st.none() | st.just(public_key(number + 1))),
        tags=tuple(sorted(set(draw(tags)))),
        note=draw(notes),
        probe_beating_every_s=draw(st.none() | st.floats(5, 3600)),
    )
