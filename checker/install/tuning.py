"""`init --tune`: limit unsent data in the kernel. Pure.

Answers to beats then wait less behind bulk data in the gateway's own buffers.
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
"""Bytes. Among 16384, 32768 and 131072, this limit gave the lowest latency of a probe during bulk
transfers, at the same throughput.
"""
BEFORE = re.compile(rf"^# before: {re.escape(KEY)} = (-?\d+)$", re.MULTILINE)


def tuning(before: str) -> bytes:
    """Return the file, with the earlier value in it: an earlier release would drop that value from
    the manifest.
    """
    earlier = f"# before: {KEY} = {before}\n" if before else ""
    return f"{HEAD}{earlier}{KEY} = {LIMIT}\n".encode()


def before_in(content: bytes) -> str:
    """Return the earlier value that the file names; empty if it names none, as in a package."""
    found = BEFORE.search(content.decode(errors="replace"))
    return found[1] if found else ""


def is_chosen(found: Found) -> bool:
    """Return whether to tune the gateway. The choice lasts until `uninstall` or `--no-tune`."""
    return TUNE in found.entries if found.tune is None else found.tune


def wanted_tuning(found: Found) -> bytes | None:
    """Return the content that the file should have; None if there should be no file, or something
    prevents it.
    """
    if not is_chosen(found) or hindrance(found.not_sent):
        return None
    there = found.entries.get(TUNE)
    return tuning(before_in(there.content or b"") if there else found.not_sent.value)


def hindrance(now: NotSent) -> str:
    """Say why the limit cannot or must not be set; empty if nothing prevents it."""
    if now.set_in:
        return f"{now.set_in} sets {KEY}, and is left as it is"
    if now.is_missing:
        return f"this kernel has no {KEY}"
    if now.is_read_only and now.value != LIMIT:
        return f"{KEY} is read-only here, as in a container; set it when you start the container"
    return ""


def tune(found: Found) -> Iterator[Command]:
    """Yield the command that applies the file, if it is not applied yet."""
    wanted, there = wanted_tuning(found), found.entries.get(TUNE)
    is_ours = there is None or found.force or there.content == wanted or is_as_written(found)
    if wanted and is_ours and found.not_sent.value != LIMIT:
        yield Command(words=("sysctl", "-q", "-p", str(TUNE)), must=False)


def untune(found: Found) -> Iterator[Step]:
    """For `--no-tune`: restore the earlier value, and remove the file."""
    if is_to_remove(found):
        yield from restore_value(found.entries[TUNE].content or b"", found.not_sent)
        yield Remove(path=TUNE)


def restore_value(content: bytes, now: NotSent) -> Iterator[Command]:
    """Yield the command that restores the earlier value, if the present value is only ours."""
    before = before_in(content)
    if before and before != LIMIT and now.value == LIMIT and not now.set_in:
        yield Command(words=("sysctl", "-q", "-w", f"{KEY}={before}"), must=False)


def left_value(content: bytes, now: NotSent) -> Iterator[str]:
    """Say that the value outlives the file, if it does."""
    if now.set_in:
        yield f"left: {KEY} = {now.value}; {now.set_in} sets it at boot"
    elif now.value == LIMIT and not before_in(content):
        yield f"left until the next boot: {KEY} = {LIMIT}"
    elif now.value not in {"", LIMIT, before_in(content)}:
        yield f"left: {KEY} = {now.value}, which was set after init"


def tuning_warnings(found: Found) -> Iterator[str]:
    """Say why the gateway is not tuned although it should be."""
    why = hindrance(found.not_sent)
    if is_chosen(found) and why:
        yield f"init does not tune this machine: {why}"


def tuning_notes(found: Found) -> Iterator[str]:
    """Say what stays of the tuning."""
    if found.tune is False and TUNE in found.entries:
        if is_to_remove(found):
            yield from left_value(found.entries[TUNE].content or b"", found.not_sent)
        else:
            yield f"left as it is: {TUNE}, which init would write differently; remove it yourself"


def is_to_remove(found: Found) -> bool:
    """Return whether the file is there, unwanted, and as any `init` or package wrote it."""
    there = found.entries.get(TUNE)
    if there is None or found.tune is not False:
        return False
    return is_as_written(found) or there.content == tuning(before_in(there.content or b""))


def is_as_written(found: Found) -> bool:
    there = found.entries.get(TUNE)
    return there is not None and found.written.get(str(TUNE)) == digest(there.content or b"")
