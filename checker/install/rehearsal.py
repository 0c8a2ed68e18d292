"""Test sshd's whole configuration as `init` would change it, before anything is changed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from checker.install.refusals import Refused
from checker.linux.accounts import is_account
from checker.model import CheckerError
from checker.sshd.host_key_files import ask_for_host_keys
from checker.sshd.includes import misplaced_include
from checker.sshd.keygen import make_key
from checker.sshd.lockdown import differences, drop_in, redirected, unknown_options, unknown_to
from checker.sshd.match_lines import as_if_there
from checker.sshd.openings import Judged, groups_of, judged
from checker.sshd.program import MAIN, complaint, version


@contextmanager
def candidate(drop_ins: Mapping[Path, bytes], user: str) -> Iterator[Path]:
    """Copy the whole configuration, with these drop-ins, to a directory of its own; yield the copy
    of its main file. Raises Refused, CheckerError.
    """
    place = next(iter(drop_ins))
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        inside = Path(folder)
        try:
            text = MAIN.read_text(encoding="utf-8", errors="surrogateescape")
            for other in place.parent.glob("*"):
                if other.is_file() and other not in drop_ins:
                    shutil.copy(other, inside / other.name)
            for path, content in drop_ins.items():
                (inside / path.name).write_bytes(content)
            main = redirected(text, place, inside)
        except OSError as error:
            raise CheckerError(
                f"{error.filename} cannot be read ({error.strerror}); is openssh-server installed?"
            ) from error
        if main is None:
            raise Refused(
                f"{MAIN} does not read {place.parent}; insert this as its first line: Include"
                f" {place.parent}/*.conf"
            )
        misplaced = misplaced_include(text, MAIN, place)
        if misplaced is not None:
            raise Refused(f"{misplaced.sentence}: {misplaced.mend}")
        whole = inside / "main"
        whole.write_text(main, encoding="utf-8", errors="surrogateescape")
        if not is_account(user):
            groups = groups_of(user)
            for file in inside.iterdir():
                text = as_if_there(
                    file.read_text(encoding="utf-8", errors="surrogateescape"), user, groups
                )
                file.write_text(text, encoding="utf-8", errors="surrogateescape")
        yield whole


def rehearse(drop_ins: Mapping[Path, bytes], user: str) -> Judged:
    """Return what sshd says about the user with these drop-ins. Raises Refused if sshd would not
    start, or would allow the user too much.
    """
    place = next(iter(drop_ins))
    with candidate(drop_ins, user) as whole:
        said = named(complaint(whole), whole, place)
        if said:
            raise Refused(f"with {place}, sshd would not start: {said}")
        found = judged(whole, user)
        wrong = (
            *differences(found.effective, unknown=unknown_to(version())),
            *(named(one, whole, place) for one in found.openings),
        )
    if wrong:
        raise Refused(
            f"even with {place}, sshd would not lock down {user}: {'; '.join(wrong)}. "
            f"Another Match block comes first: search {MAIN} and {place.parent}"
        )
    return found


def named(text: str, whole: Path, place: Path) -> str:
    """Name the files of the live configuration instead of their copies."""
    return text.replace(str(whole), str(MAIN)).replace(str(whole.parent), str(place.parent))


def still_open(user: str) -> str:
    """Say what the live configuration allows the user beyond our limits, as clauses; empty if
    nothing. Raises CheckerError.
    """
    found = judged(MAIN, user)
    return "; ".join(
        (*differences(found.effective, unknown=unknown_to(version())), *found.openings)
    )


def probe_unknown(user: str) -> frozenset[str]:
    """Return our options that this sshd does not know. Raises Refused if it rejects more."""
    unknown: frozenset[str] = frozenset()
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        config = Path(folder) / "sshd_config"
        keys = some_host_keys(Path(folder))
        while True:  # an old sshd stops at the first unknown option of a Match block
            config.write_bytes(drop_in(user, unknown))
            said = complaint(config, *keys)
            if not said:
                return unknown
            more = unknown_options(said) - unknown
            if not more:
                raise Refused(f"sshd would not start with our settings: {said}")
            unknown |= more


def some_host_keys(folder: Path) -> tuple[str, ...]:
    """Return the options that give sshd host keys: without any it tests nothing, and none may be in
    the usual place. Raises CheckerError.
    """
    try:
        files = ask_for_host_keys().files
    except CheckerError:  # its configuration is tested, and its errors are reported, later
        files = ()
    if not files:
        files = (folder / "host_key",)
        make_key(files[0], comment="reversi")
    return tuple(word for file in files for word in ("-h", str(file)))
