# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# Signs that a connection is alive, its time limits, and the wait before the next one.

# Set taken to the bytes that the client has read, or, if the kernel does not count them, to how often it woke up; empty: neither is known.
count_taken() {
    taken='' enough=1000 few=20
    read -r word taken 2>/dev/null <"/proc/$pid/io" && return
    enough=$((3 + BEAT / 2)) few=$enough
    [ -r "/proc/$pid/status" ] || return 0
    while read -r word taken; do
        case $word in voluntary*) return ;; esac
    done 2>/dev/null <"/proc/$pid/status"
    taken=
}

has_read() { # TAKEN MINIMUM: whether taken has grown by the minimum since it was TAKEN
    [ -n "$1" ] && [ -n "$taken" ] && [ "$((taken - $1))" -ge "$2" ]
}

# Read the connection's state from the kernel: tcp (02: SYN sent; empty: not known), and queue, the bytes that are not acknowledged yet.
read_socket() {
    count_taken
    if [ -z "$socket" ]; then
        least=99
        for word in $(printf '%s\n' "$(ls -l "/proc/$pid/fd" 2>/dev/null)"); do
            case $word in
            'socket:['*) [ "$fd" -ge "$least" ] || { least=$fd socket=${word#*\[} socket=${socket%\]}; } ;;
            '->') ;;
            *) fd=$word ;;
            esac
        done
    fi
    # shellcheck disable=SC2046
    set -- $(grep -h " ${socket:-none} " /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    tcp=${4:-} queue=0 resent=0 window=0 fresh='' got=
    [ -n "$tcp" ] || { socket=; return; }
    [ "${#2}" -gt 20 ] && own_family=6 || own_family=4
    # got: the delay of our acknowledgements, which is 0 until the first data came.
    queue=$((0x${5%:*})) resent=$((0x$7)) got=${14} window=${16}
    # fresh: the retransmission timer was just restarted, as by each acknowledgement, even of a segment that came after a lost one.
    case $6 in 01:*) [ "$((${13} - 0x${6#01:}))" -gt "$((BEAT * 50))" ] || fresh=yes ;; esac
}

# Set strays to the count of segments that came out of order, on any connection.
count_strays() {
    strays=$(awk '/^TcpExt:/ { if (n) print $n; else for (n = NF; n && $n != "TCPOFOQueue"; n--); }' /proc/net/netstat 2>/dev/null)
}

# Return whether data moved since the last call. Not every number proves that: the client may have read from the device's side, which
# fills the queue; and the gateway's kernel may have acknowledged only our beats. If a proxy on the way took a whole upload, only the
# gateway's small packets remain as a sign: they are more than the beats that the client reads from us.
moved() {
    set -- "$taken" "$queue" "$window" "$resent" "$fresh"
    read_socket
    # Be patient with a large queue, and with a beat for which the kernel itself still waits: it has measured this link.
    [ "$queue" -lt 4000 ] && { [ "$queue" -eq 0 ] || [ "$resent" -gt 0 ]; } || bulky=yes
    [ "$(($2 - queue))" -lt 1000 ] || return 0
    if [ "$queue" -ge 4000 ] && [ "$2" -gt 0 ] && [ "$resent" -eq "$4" ]; then
        # The timer also restarts once by itself, for a tail loss probe.
        [ -z "$fresh" ] || [ -z "$5" ] || return 0
        [ "$resent" -gt 0 ] || [ "$window" = "$3" ] || return 0
    fi
    grown=$((queue - $2))
    [ "$resent" -eq 0 ] || [ "$grown" -lt 500 ] || return 1
    if [ "$grown" -lt 0 ] || [ "$few" -eq "$enough" ]; then grown=0; fi
    has_read "$1" "$((few + grown))"
}

# A login takes six round trips or more. Give it more time after a slow one, and after one that timed out: pace is the factor.
set_pace() { # PACE
    [ "$1" -le 6 ] || set -- 6
    [ "$1" != "$pace" ] || return 0
    pace=$1
    printf '%s\n' "$pace" >"$live/pace"
}

read_pace() {
    read -r pace 2>/dev/null <"$live/pace"
    is_count "$pace" && [ "$pace" -gt 0 ] || pace=1
}

slow_down() { busy=0; set_pace "$((pace * 2))"; }

speed_up() {
    busy=0 turned=0 refused_bound=1 trusting="$(without "$trusting") $gateway=2"
    now
    set -- 1
    while [ "$(($1 * SETUP * BEAT))" -lt "$((3 * (now_s - begun_s)))" ]; do set -- "$(($1 * 2))"; done
    [ "$1" -gt "$((pace / 2))" ] || set -- "$(((pace + 1) / 2))"
    set_pace "$1"
}

# Return whether the client still waits for TCP, or for the gateway's first byte. Then try another address of the name: only this one may be
# dead.
is_stuck() {
    read_socket
    case $tcp-$got in
    02-*) said="no connection" why=silent ;;
    01-0) said="no SSH banner" why=slow ;;
    *) return 1 ;;
    esac
    split "$gateway"
    case $kind-$family-$host in
    dropbear-*) turn_addresses ;;
    openssh--*:*) ;;
    openssh--*[!0-9.]*) again=yes family=$((10 - own_family)) ;;
    esac
}

# Return whether a login has timed out.
is_late() { # TICKS
    [ "$1" -ge "$((SETUP * pace))" ] || { [ "$kind" = dropbear ] && [ "$1" -ge "$pace" ]; } || return
    ! is_stuck || return 0
    [ "$1" -ge "$((SETUP * pace))" ] || return
    said="no answer" why=slow
}

# OpenSSH always tries the addresses in the same order, and each dead one costs ten seconds: remember the family that worked.
learn_family() {
    [ "$kind" = openssh ] && [ "$((now_s - begun_s))" -ge "$CONNECT" ] || return 0
    read_socket
    [ -z "$tcp" ] || family=$own_family
}

# Print the addresses of a name: with getent if there is one, else from ping, which prints the address before it sends anything.
resolve() { # HOST
    getent ahosts "$1" 2>/dev/null && return
    for family in 6 4; do ping "-$family" -c 1 -W 1 "$1" 2>/dev/null | sed 's/^[^(]*(\([^)]*\).*/\1/;q'; done
}

# Go on to the next address of the gateway's name; after the last one, use the name again.
turn_addresses() {
    known=$address address='' again=
    for word in $(resolve "$host"); do
        case $word in "$host" | *[!0-9A-Fa-f.:]*) continue ;; *[.:]*) ;; *) continue ;; esac
        if [ "$word" = "$known" ]; then
            known=
        elif [ -z "$known" ]; then
            address=$word again=yes
            make_files "$PWD"
            return 0
        fi
    done
    return 0
}

# dropbear compares the gateway's key only with the first pinned key of its type. After a mismatch put the next pinned key first, and try
# again at once, until each had its turn.
turn_pins() {
    turned=$((turned + 1)) again=yes
    if [ "$turned" -ge "$(pins | grep -c .)" ]; then
        turned=0 again=
        return
    fi
    word=$(pins | sed q)
    case $gateway in *=*) word="${gateway%%=*} $word" ;; esac
    HOST_KEYS=$(printf '%s\n' "$HOST_KEYS" | awk -v first="$word" '$0 != first { print } END { print first }')
    make_files "$PWD"
}

# Set patience to three times what answers have taken lately, at most QUIET: so we leave a dead link within a minute.
set_patience() {
    now
    lag=$((lag - lag / 32))
    [ "$(((now_s - sent_s) * 32))" -le "$lag" ] || lag=$(((now_s - sent_s) * 32))
    patience=$(((lag * 3 / 32 + BEAT - 1) / BEAT))
    [ "$patience" -le "$((QUIET / BEAT))" ] || patience=$((QUIET / BEAT))
    [ "$patience" -ge "$MISSES" ] || patience=$MISSES
}

# Return whether the link only lost a segment: later segments arrive, but wait for it, and its repetition waits behind the link's queue.
# The counter is the whole device's. So believe it only during a download, for at most five minutes, and for 90 s if the gateway does not
# acknowledge our data: each of these segments acknowledges, but all of a long burst may acknowledge the same.
has_strayed() { # STRAYS QUEUE: their values before
    [ -n "$bulky" ] && [ "$queue" -lt 4000 ] || return
    count_strays
    if [ "$queue" -gt "$2" ]; then stuck=$((stuck + BEAT)); else stuck=0; fi
    [ -n "$1" ] && [ -n "$strays" ] && [ "$((strays - $1))" -gt "$((BEAT / 2))" ] || return
    strayed=$((strayed + BEAT))
    [ "$strayed" -le 300 ] && [ "$stuck" -le 90 ]
}

forget_strays() { strays='' strayed=0 stuck=0; }

# Return whether the connection has been silent for too long. Allow QUIET seconds if data moved lately or is queued. If the kernel gives no
# counters (macOS), wait long enough for the client's own keepalive to end a dead connection.
is_silent() {
    set -- "$strays" "$queue"
    if moved; then
        silent=0 bulky=yes
        forget_strays
        return 1
    fi
    if has_strayed "$@"; then
        silent=0
        return 1
    fi
    silent=$((silent + 1)) rest=$patience
    [ -z "$bulky" ] || rest=$((QUIET / BEAT))
    [ -n "$taken" ] && [ -n "$fd" ] || rest=$((QUIET * 4 / BEAT))
    [ "$rest" -ge "$patience" ] || rest=$patience
    [ "$silent" -ge "$rest" ]
}
