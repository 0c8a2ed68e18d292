"""The figures of one very large table, without the DataTable, which takes too long with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.console_figures import KEY_MS, ONE_ROW_BYTES, SWEPT, key_text, painted_ms, size_of
from bench.console_pty import Paint, Spell, high
from bench.cpu import Memory
from bench.figures import Figure

FIRST_ROWS_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """What was measured of the console only, at 80x24."""

    first_rows_s: float
    settled_s: float
    swept: Spell
    memory: Memory
    changed: Sequence[Paint]
    keys: Mapping[str, Sequence[Paint]]


def large_figures(rows: int, found: Large) -> Iterator[Figure]:
    def figure(what: str, measured: str, target: str = "", *, met: bool | None = None) -> Figure:
        return Figure(
            what=f"console, {rows:,} rows: {what}", measured=measured, target=target, met=met
        )

    yield figure(
        "first rows",
        f"{found.first_rows_s:.2f} s; settled after {found.settled_s:.1f} s",
        f"<= {FIRST_ROWS_S:g} s",
        met=found.first_rows_s <= FIRST_ROWS_S,
    )
    for key, answers in found.keys.items():
        met = high(painted_ms(answers)) <= KEY_MS
        yield figure(f"key to paint, {key}", key_text(answers), f"p95 <= {KEY_MS:g} ms", met=met)
    size = found.swept.size
    yield figure(
        f"bytes for nothing, {found.swept.seconds:.0f} s of sweeps",
        f"{size:,} bytes",
        "0",
        met=size == 0,
    )
    changed = size_of(found.changed)
    yield figure(
        "bytes for one changed row",
        f"{changed:,.0f} bytes",
        f"<= {ONE_ROW_BYTES:,}",
        met=changed <= ONE_ROW_BYTES,
    )
    yield figure(SWEPT, f"{found.swept.share:.1f} % of a core")
    yield figure("memory", f"RSS {found.memory.rss_mb:.0f} MB, PSS {found.memory.pss_mb:.0f} MB")
