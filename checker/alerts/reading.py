"""Read the rows, the mutes and the last sweep, as the alerts need them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checker.alerts.picture import Picture
from checker.alerts.settings import Settings
from checker.alerts.sights import picture, why_untrusted
from checker.config.layout import Layout
from checker.control.all_rows import Found, read_all
from checker.model import CheckerError
from checker.output import sentence_of
from checker.rows.claims import forget
from checker.rows.filter import parse_filter
from checker.rows.mistakes import why_nothing
from checker.rows.row import Moment
from checker.state.errors import StateMissing
from checker.state.mutes import read_mutes

EVERY_S = 20.0
"""Between sweeps, as long as none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the gateway."""

    picture: Picture
    remarks: tuple[str, ...] = ()
    """Sentences for the log."""


def look(layout: Layout, settings: Settings, now: float, passed_s: float | None) -> Look:
    """Look at the gateway. Whatever cannot be read becomes the picture's trouble: a process that
    ends and starts again each time would never tell anything.
    """
    try:
        return look_at_rows(layout, settings, now, passed_s)
    except Exception as error:  # noqa: BLE001 - above
        return in_trouble(sentence_of(error), now, passed_s)


def look_at_rows(layout: Layout, settings: Settings, now: float, passed_s: float | None) -> Look:
    """Raises CheckerError, OSError, and what a row that is not as we write it leads to."""
    found = all_rows(layout, has_filter=bool(settings.filter_text), now=now)
    every_s = found.sweep.every_s if found.sweep else EVERY_S
    trouble = why_untrusted(found.sweep.swept_at if found.sweep else None, every_s, now)
    if trouble:
        return in_trouble(trouble, now, passed_s)
    moment = Moment(now=now, every_s=every_s)
    watched = parse_filter(settings.filter_text)
    here = found.gateways[0].id if found.gateways else ""
    seen = picture(found.rows, moment=moment, watched=watched, passed_s=passed_s, here=here)
    is_blind = bool(seen.sights) and not any(sight.is_watched for sight in seen.sights)
    remark = filter_remark(settings.filter_text, found, moment) if is_blind else ""
    forget(row.key for row in found.rows)
    return Look(
        picture=seen, remarks=tuple(filter(None, (remark, read_mutes(layout.mutes).trouble)))
    )


def all_rows(layout: Layout, *, has_filter: bool, now: float) -> Found:
    """Read all rows; a registry that is gone is not an empty one. Raises CheckerError, OSError."""
    if not layout.nodes.is_dir():
        raise RegistryGone(layout.nodes)
    if not layout.state.exists():
        raise StateMissing(layout.state)
    return read_all(layout, behind=has_filter, now=now)


class RegistryGone(CheckerError):
    """The directory of the nodes' files is missing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the directory {folder} is gone")


def in_trouble(why: str, now: float, passed_s: float | None) -> Look:
    return Look(picture=Picture(now=now, passed_s=passed_s, trouble=why))


def filter_remark(text: str, found: Found, moment: Moment) -> str:
    """Say that the filter shows nothing, which may be a mistake."""
    return f"nobody is told anything: {why_nothing(text, found.rows, moment)}"
