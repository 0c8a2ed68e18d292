"""`init --tune`: a small limit on unsent data, so that answers to beats do not wait behind bulk in
the gateway's own buffers. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from checker.install.steps import Command, Found, NotSent, Remove, Step, digest
from checker.install.unit_files import HEAD

TUNE = Path("/etc/sysctl.d/99-reversi-tune.conf")
KEY = "net.ipv4.tcp_notsent_lowat"
LIMIT = "16384"
"""Bytes. Of 16384, 32768 and 131072 it gave the lowest latency of a probe during bulk, at the same
throughput.
"""
BEFORE = re.compile(rf"^# before: {re.escape(KEY)} = (-?\d+)$", re.MULTILINE)


def tuning(before: str) -> bytes:
    """The file. It names the earlier value itself, as an earlier release would drop that from the
    manifest.
    """
    earlier = f"# before: {KEY} = {before}\n" if before else ""
    return f"{HEAD}{earlier}{KEY} = {LIMIT}\n".encode()


def before_in(content: bytes) -> str:
    """The earlier value that the file names; empty if it names none, as a package's."""
    found = BEFORE.search(content.decode(errors="replace"))
    return found[1] if found else ""


def is_chosen(found: Found) -> bool:
    """Whether the gateway is to be tuned; a choice stays until `uninstall` or `init --no-tune`."""
    return TUNE in found.entries if found.tune is None else found.tune


def wanted_tuning(found: Found) -> bytes | None:
    """What the file should be; None if there should be none, or something is in the way."""
    if not is_chosen(found) or hindrance(found.not_sent):
        return None
    there = found.entries.get(TUNE)
    return tuning(before_in(there.content or b"") if there else found.not_sent.value)


def hindrance(now: NotSent) -> str:
    """Why the limit cannot or must not be set; empty if nothing is in the way."""
    if now.set_in:
        return f"{now.set_in} sets {KEY}, and is left as it is"
    if now.is_missing:
        return f"this kernel has no {KEY}"
    if now.is_read_only and now.value != LIMIT:
        return f"{KEY} is read-only here, as in a container; set it where the container is started"
    return ""


def tune(found: Found) -> Iterator[Command]:
    """The command that makes the file count, if it does not yet."""
    wanted, there = wanted_tuning(found), found.entries.get(TUNE)
    is_ours = there is None or found.force or there.content == wanted or is_as_written(found)
    if wanted and is_ours and found.not_sent.value != LIMIT:
        yield Command(words=("sysctl", "-q", "-p", str(TUNE)), must=False)


def untune(found: Found) -> Iterator[Step]:
    """For `--no-tune`: the earlier value again, and the file removed."""
    if is_to_remove(found):
        yield from restore(found.entries[TUNE].content or b"", found.not_sent)
        yield Remove(path=TUNE)


def restore(content: bytes, now: NotSent) -> Iterator[Command]:
    """The command that sets the value from before our file, if the value is ours and nobody
    else's.
    """
    before = before_in(content)
    if before and before != LIMIT and now.value == LIMIT and not now.set_in:
        yield Command(words=("sysctl", "-q", "-w", f"{KEY}={before}"), must=False)


def left_value(content: bytes, now: NotSent) -> Iterator[str]:
    """A sentence if the value outlives the file."""
    if now.set_in:
        yield f"left: {KEY} = {now.value}; {now.set_in} sets it at boot"
    elif now.value == LIMIT and not before_in(content):
        yield f"left until the next boot: {KEY} = {LIMIT}"
    elif now.value not in {"", LIMIT, before_in(content)}:
        yield f"left: {KEY} = {now.value}, which was set since"


def tuning_warnings(found: Found) -> Iterator[str]:
    """Why the gateway is not tuned, though it should be."""
    why = hindrance(found.not_sent)
    if is_chosen(found) and why:
        yield f"init does not tune this machine: {why}"


def tuning_notes(found: Found) -> Iterator[str]:
    """What stays of the tuning."""
    if found.tune is False and TUNE in found.entries:
        if is_to_remove(found):
            yield from left_value(found.entries[TUNE].content or b"", found.not_sent)
        else:
            yield f"left as it is: {TUNE}, which is not as init would write it; remove it yourself"


def is_to_remove(found: Found) -> bool:
    """Whether the file is there, unwanted, and as some `init` or package wrote it."""
    there = found.entries.get(TUNE)
    if there is None or found.tune is not False:
        return False
    return is_as_written(found) or there.content == tuning(before_in(there.content or b""))


def is_as_written(found: Found) -> bool:
    there = found.entries.get(TUNE)
    return there is not None and found.written.get(str(TUNE)) == digest(there.content or b"")
