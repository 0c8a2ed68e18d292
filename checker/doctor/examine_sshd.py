"""What sshd says about its configuration, and what else affects a login."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.facts import LoginFacts, SshdFacts
from checker.install.extra_drop_ins import lists_in
from checker.install.manifest import load_manifest
from checker.install.places import ALLOW, DROP_IN, DROP_INS
from checker.install.steps import digest
from checker.install.survey import entry, sshrc_of
from checker.model import CheckerError
from checker.sshd.includes import Misplaced, misplaced_include
from checker.sshd.log_reader import source
from checker.sshd.obstacles import pam_modules, refusals
from checker.sshd.openings import groups_of, judged
from checker.sshd.program import MAIN, complaint, effective, version


def sshd_facts(layout: Layout, config: Config) -> SshdFacts | None:
    """Ask sshd; None for a home that has no sshd of its own."""
    found = answers_of_sshd(layout, config)
    if found is None or not found.is_asked or layout.home is not None:
        return found
    return replace(found, misplaced=misplaced_drop_ins())


def misplaced_drop_ins() -> Misplaced | None:
    """Return the Include that reads our drop-ins, if it is inside a Match block."""
    try:
        text = MAIN.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    return misplaced_include(text, MAIN, DROP_IN) if DROP_IN.exists() else None


def answers_of_sshd(layout: Layout, config: Config) -> SshdFacts | None:
    file = MAIN if layout.home is None else layout.run / "_sshd_config"
    if layout.home is None and os.geteuid() != 0:
        return SshdFacts(is_asked=False)
    if layout.home is not None and not file.exists():
        return None
    try:
        trouble = complaint(file)
        if trouble:
            return SshdFacts(file=file, version=version(), complaint=trouble)
        if layout.home is not None:  # the sshd of a home has no Match block
            settings = effective(file, config.tunnel_user)
            return SshdFacts(
                file=file,
                version=version(),
                effective=settings,
                refusals=refusals(settings, config.tunnel_user, groups_of(config.tunnel_user)),
            )
        found = judged(file, config.tunnel_user)
        return SshdFacts(
            file=file,
            version=version(),
            effective=found.effective,
            openings=found.openings,
            refusals=found.refusals,
            limits=found.limits,
        )
    except CheckerError as error:
        return SshdFacts(file=file, complaint=str(error))


def login_facts(layout: Layout, user: str, sshd: SshdFacts | None, *, is_user: bool) -> LoginFacts:
    """`is_user`: the tunnel user exists, and is not root, whom /etc/nologin does not stop."""
    return LoginFacts(
        closed_by=closed_by(sshd) if is_user else None,
        is_drop_in_changed=layout.home is None and any(map(is_changed, DROP_INS)),
        sshrc=rc_files(user, sshd),
        pam=pam_modules(sshd.effective) if layout.home is None and sshd is not None else (),
        own_lists=own_lists() if layout.home is None else (),
        log=source() if layout.home is None and os.geteuid() == 0 else None,
    )


def own_lists() -> tuple[str, ...]:
    """Return the lists of whom sshd lets in to which our file adds the tunnel user."""
    try:
        return lists_in(ALLOW.read_bytes())
    except OSError:
        return ()


def rc_files(user: str, sshd: SshdFacts | None) -> tuple[Path, ...]:
    """Return what sshd runs before a forced command; the user's own file only if sshd allows it."""
    allows = sshd is not None and sshd.effective.get("permituserrc", "no").lower() != "no"
    try:
        own = Path(pwd.getpwnam(user).pw_dir) / ".ssh/rc"
        found = (own,) if allows and own.exists() else ()
    except (KeyError, OSError):
        found = ()
    return (*sshrc_of(user), *found)


def closed_by(sshd: SshdFacts | None) -> Path | None:
    """Return the file that lets only root log in. Without PAM, sshd itself looks for only one.
    Source: pam_nologin(8), sshd(8).
    """
    has_pam = sshd is None or sshd.effective.get("usepam", "").lower() != "no"
    places = (Path("/run/nologin"), Path("/etc/nologin")) if has_pam else (Path("/etc/nologin"),)
    return next((place for place in places if place.exists()), None)


def is_changed(path: Path) -> bool:
    """Return whether a file was changed since `init` wrote it."""
    try:
        found, written = entry(path), load_manifest().files.get(str(path))
    except CheckerError:
        return False  # only root may read it; it is unknown
    if found is None or found.content is None or written is None:
        return False
    return digest(found.content) != written
