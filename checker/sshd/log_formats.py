"""Take sshd's lines out of what syslog and the journal put around them. Pure."""

from __future__ import annotations

import re

from checker.sshd.log_lines import LogLine

SYSLOG = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\S+) \S+"
    r" (?:\S*/)?sshd(?:-session|-auth)?\[(\d{1,10})\]: (.*)",
    re.DOTALL,
)


def from_syslog(text: str) -> LogLine | None:
    """Parse a line of /var/log/auth.log; None if sshd did not write it. Sources: RFC 3164,
    rsyslog's RSYSLOG_FileFormat.
    """
    found = SYSLOG.match(text)
    return LogLine(text=found[2], pid=int(found[1])) if found else None


def from_journal(fields: object) -> LogLine | None:
    """Parse an entry of `journalctl --output=json`, which has an array of bytes for what is not
    text. Source: systemd.journal-fields(7).
    """
    match fields:
        case {"MESSAGE": str(text), "_PID": str(pid), "_UID": str(uid)} if (
            pid.isdecimal() and uid.isdecimal()
        ):
            return LogLine(text=text, pid=int(pid), uid=int(uid))
        case {"MESSAGE": list(octets), "_PID": str(pid), "_UID": str(uid)} if (
            pid.isdecimal() and uid.isdecimal()
        ):
            text = "".join(chr(octet & 0xFF) for octet in octets if isinstance(octet, int))
            return LogLine(text=text, pid=int(pid), uid=int(uid))
    return None
