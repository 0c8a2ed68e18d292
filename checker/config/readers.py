"""Who may look at an installed gateway, if `readers_group` closes it to other accounts."""

from __future__ import annotations

import grp
import os
import pwd

from checker.config.layout import Layout
from checker.model import CheckerError


class NotAReader(CheckerError):
    """The account may not look at the gateway."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


def refuse_outsider(layout: Layout) -> None:
    """Raise NotAReader if the gateway is closed to this account."""
    if layout.home is not None or os.geteuid() == 0:
        return
    try:
        gid = layout.nodes.stat().st_gid
    except OSError:
        return  # whoever reads it reports that
    if os.access(layout.nodes, os.R_OK | os.X_OK, effective_ids=True):
        return
    try:
        group, account = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        raise NotAReader("only root may look at this gateway") from None
    is_member = account.pw_gid == gid or account.pw_name in group.gr_mem
    raise NotAReader(outsider_sentence(account.pw_name, group.gr_name, is_member=is_member))


def outsider_sentence(name: str, group: str, *, is_member: bool) -> str:
    if is_member:
        return f"this session is older than your membership in {group}: log in again"
    return (
        f"only root and the members of {group} may look at this gateway; root can add you: sudo"
        f" usermod -aG {group} {name}, and then log in again"
    )
