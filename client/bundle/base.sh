# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The log, numbers, the clock, and the bundle's directories on this device.
set -u
set -o noglob
umask 077
LC_ALL=C
export LC_ALL
linked='' napping='' address='' family='' tail='' skip=0 turned=0 lag=0 pace=1 begins='' over='' asking='' said='' error='' state='' verdict=none gateway='' barred='' drained='' trusting='' others='' busy=0 eager=''
carriage_return=$(printf '\r') uid=$(id -u)

has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$uid" -eq 0 ]; }

# Also a number that every shell can calculate with: no leading zero (octal), at most six digits.
is_count() { case $1 in '' | *[!0-9]* | 0?* | ???????*) return 1 ;; esac; }

say() {
    printf '%s: %s\n' "$NODE" "$*" >&2
    [ -z "${to_syslog:-}" ] || logger -t reversi -- "$NODE: $*" 2>/dev/null
    return 0
}

fail() {
    say "$*"
    exit 2
}

# The uptime if there is a /proc, as a router's clock shows 1970 until NTP sets it.
now() {
    if read -r now_s _ 2>/dev/null </proc/uptime; then now_s=${now_s%%.*}; else now_s=$(date +%s); fi
}

draw() { # BOUND: set drawn to a random number from 0 to BOUND
    if read -r word 2>/dev/null </proc/sys/kernel/random/uuid; then
        word=${word#*-}
        word=$((0x${word%%-*}))
    else
        word=$(od -An -N2 -tu2 /dev/urandom 2>/dev/null | tr -cd 0-9)
        is_count "$word" || word=$$
    fi
    drawn=$((word % ($1 + 1)))
}

new_word() {
    read -r word 2>/dev/null </proc/sys/kernel/random/uuid || word=$(od -An -N12 -tx1 /dev/urandom | tr -cd 0-9a-f)
    [ -n "$word" ] || word=$$
}

# Set born to the start time of a process, which tells it from a later one with the same PID; empty: no such process.
birth() { # PID
    born=
    if read -r stat 2>/dev/null <"/proc/$1/stat"; then
        stat=${stat##*\) } word=0
        # A zombie has ended.
        case $stat in Z*) return ;; esac
        while [ "$word" -lt 19 ]; do
            stat=${stat#* } word=$((word + 1))
        done
        born=${stat%% *}
    elif [ ! -r /proc/self/stat ]; then
        born=$(ps -o lstart= -p "$1" 2>/dev/null | tr -s ' \n' _)
    fi
}

home_of_user() {
    case ${HOME:-} in
    /?*) printf '%s\n' "$HOME" ;;
    *) awk -F: -v uid="$uid" '$3 == uid { print $6; exit }' /etc/passwd ;;
    esac
}

# Set dir, for installed files, and live, for files that are needed only while it runs: in memory if possible.
find_places() {
    case $0 in /*) self=$0 ;; *) self=$PWD/$0 ;; esac
    if is_root; then dir=$ROOT/etc/reversi; else dir=$(home_of_user)/.reversi; fi
    installed=$dir/$NODE.sh keys=$dir/$NODE.keys number=${PATH_NUMBER:-}
    # Both paths of a node have one key.
    device_key=$dir/${NODE%"_$number"}.key
    if is_root; then
        set -- "$ROOT/var/run/reversi-$NODE" "$ROOT/run/reversi-$NODE" "$ROOT/tmp/reversi-$NODE"
    else
        word=reversi-$uid-$NODE
        set -- "$ROOT/dev/shm/$word" "$dir/run-$NODE" "$ROOT/tmp/$word"
    fi
    for place in "$@"; do
        live=$place
        [ -d "$live" ] || { mkdir -p "${live%/*}" && mkdir "$live"; } 2>/dev/null
        # Another user may have put a directory or a link into a directory that everybody can write.
        [ -d "$live" ] && [ ! -h "$live" ] && [ -w "$live" ] && [ -z "$(find "$live" -prune ! -user "$uid")" ] && return
    done
    fail "no directory can be written, not even in /tmp"
}
