#!/bin/sh
# The beat loop of `hold`: answer each line that the node sends with one integer, the node's verdict.
# Usage: hold.sh VERDICTS NODE BEAT SINCE CHECK...
# VERDICTS is the daemon's directory. Its file NODE has the verdict; _sweep has the uptime of the last sweep, and how many seconds
# old that may be.
# BEAT is a file that is truncated at each beat: its mtime shows the daemon that this connection is alive.
# SINCE is an uptime: only later sweeps know this connection. 0: a daemon registered it.
# CHECK... is the command that runs a real check if no daemon sweeps.
set -u
umask 077
verdicts=$1 node=$2 beat=$3 since=$4
shift 4
BEATS_A_SECOND=100
uptime=0 second='' beats=0

is_count() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

# Also a number that every shell can calculate with: no leading zero (octal), at most ten digits.
is_number() { is_count "$1" && case $1 in 0?* | ???????????*) return 1 ;; esac; }

# A device beats every few seconds. Slow down one that beats without a pause, to save our CPU.
pace() {
    read -r uptime _ </proc/uptime || return
    case $uptime in
    "$second".*) beats=$((beats + 1)) ;;
    *) second=${uptime%.*} beats=1 ;;
    esac
    [ "$beats" -le "$BEATS_A_SECOND" ] || sleep 1
}

is_swept() {
    read -r swept limit <"$verdicts/_sweep" || return
    is_number "$swept" && is_number "$limit" || return
    age=$((${uptime%.*} - swept))
    [ "$swept" -gt "$since" ] && [ "$age" -ge 0 ] && [ "$age" -le "$limit" ]
}

known_verdict() {
    is_swept && read -r verdict <"$verdicts/$node" && is_count "$verdict"
}

# The daemon asks for this when the gateway drains, if the client knows what it means: go to another gateway. Say so, too: ssh ends, and
# tells its exit status, only when nobody is connected through its forwards any more. In mksh a trap on EXIT replaces the exit status.
leave() {
    trap - EXIT
    rm -f "$beat"
    printf 'reversi: this gateway drains: use another gateway; if there is none, come back\n' >&3
    exit 75
}

trap 'rm -f "$beat"' EXIT
trap 'exit 0' HUP INT TERM PIPE
exec 3>&2
trap leave USR1
while read -r _; do
    pace
    true >"$beat"
    if ! known_verdict; then
        verdict=$(SSH_ORIGINAL_COMMAND=beat "$@" 3>&-)
        is_count "$verdict" || verdict=0
    fi
    printf '%s\n' "$verdict" || exit
done 2>/dev/null
