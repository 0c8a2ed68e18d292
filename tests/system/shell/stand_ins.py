"""Stand-ins for a device's programs: an SSH client without a network, and others that only log."""

from __future__ import annotations

from pathlib import Path

CLIENT = """#!/bin/sh
here=${0%/*}
case ${1:-} in -V) printf '%s\\n' OpenSSH_9.2p1 >&2; exit ;; -h | -o\\ help) exit 1 ;; esac
for last; do :; done
printf '%s\\n' "$*" >>"$here/ssh.log"
[ ! -e "$here/refusal" ] || { cat "$here/refusal" >&2; exit "$(cat "$here/status" 2>/dev/null || printf 255)"; }
[ "${last#hold}" = "$last" ] || [ ! -e "$here/taken" ] || { cat "$here/taken" >&2; exit 255; }
case $last in
version) printf '%s\\n' '1 0.1.0' ;;
check) cat "$here/verdict" ;;
enrol*) cat "$here/enrol" && exit "$(cat "$here/enrol-status" 2>/dev/null || printf 0)" ;;
claim*) cat "$here/claim"; ! grep -qx 0 "$here/claim" || rm -f "$here/taken" ;;
hold*)
    while read -r _; do
        for word; do
            [ ! -e "$here/drains-$word" ] || { printf 'this gateway drains\\n' >&2; exit 75; }
        done
        cat "$here/verdict"
    done
    ;;
esac
"""  # noqa: E501 - one line of what runs
"""Answers `claim`, `enrol` and each beat with the content of a file beside it. If there is a file
`refusal`, prints that and fails, with the exit status in `status`. If there is a file `taken`, the
forwards of `hold` are refused, until a `claim` succeeds. A gateway drains while there is a file
`drains-HOST`.
"""
TAKEN = "Error: remote port forwarding failed for listen port 20022\r\n"
KEYGEN = """#!/bin/sh
here=${0%/*} shown=
while [ $# -gt 0 ]; do
    case $1 in -y) shown=yes ;; -t) type=$2 ;; -f) file=$2 ;; esac
    shift
done
if [ -n "$shown" ]; then sed -n 's/^.*BEGIN //p' "$file"; exit; fi
grep -q -- "$type" "$here/types" || exit 1
printf -- '-----BEGIN %s AAAA\\n' "$(grep -- "$type" "$here/types")" >"$file"
"""
"""Makes keys of the types that the file `types` lists; takes the options of ssh-keygen and of
dropbearkey.
"""
CRONTAB = """#!/bin/sh
here=${0%/*}
case $1 in -l) cat "$here/crontab.txt" ;; -) cat >"$here/crontab.new" && mv "$here/crontab.new" "$here/crontab.txt" ;; esac
"""  # noqa: E501 - one line of what runs
NOTES = """#!/bin/sh
printf '%s\\n' "${0##*/} $*" >>"${0%/*}/calls.log"
"""
RC_COMMON = """#!/bin/sh
printf '%s\\n' "rc.common $*" >>"$BOX/programs/calls.log"
"""


def program(folder: Path, name: str, text: str) -> None:
    """Write a program that every user may run."""
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)


def programs(folder: Path) -> Path:
    """Make a directory with the stand-ins, and a gateway that accepts everything."""
    folder.mkdir(parents=True)
    program(folder, "ssh", CLIENT)
    program(folder, "crontab", CRONTAB)
    for name in ("systemctl", "launchctl", "logger"):
        program(folder, name, NOTES)
    (folder / "claim").write_text("0\n")
    (folder / "verdict").write_text("0\n")
    (folder / "crontab.txt").write_text("5 4 * * * true # a job of the admin's\n")
    return folder
