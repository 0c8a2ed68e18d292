# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# What shows that a connection lives, and how long it may take.

# What the client has read since it began, or how often it woke up where the kernel does not count that; empty where it counts neither.
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

# Whether that is so much more than before.
has_read() { # TAKEN: what it was before, and how much counts
    [ -n "$1" ] && [ -n "$taken" ] && [ "$((taken - $1))" -ge "$2" ]
}

# The connection as the kernel sees it: tcp is its state (02: no answer yet; empty: not known), queue what the gateway has not acknowledged.
look() {
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
    tcp=${4:-} queue=0 resent=0 window=0 fresh=
    [ -n "$tcp" ] || { socket=; return; }
    [ "${#2}" -gt 20 ] && own_family=6 || own_family=4
    queue=$((0x${5%:*})) resent=$((0x$7)) window=${16}
    # Whether the retransmission timer began just now. Each acknowledgement restarts it, also one of what came after a lost segment.
    case $6 in 01:*) [ "$((${13} - 0x${6#01:}))" -gt "$((BEAT * 50))" ] || fresh=yes ;; esac
}

# Segments that came out of order, on any connection.
count_strays() {
    strays=$(awk '/^TcpExt:/ { if (n) print $n; else for (n = NF; n && $n != "TCPOFOQueue"; n--); }' /proc/net/netstat 2>/dev/null)
}

# Whether a byte moved since the last look. What the client reads may come from the device's side, and pile up in the queue;
# what the gateway's kernel acknowledges may be nothing but our beats. Of an upload that a proxy on the way has taken, the gateway's small
# packets alone are left to see: they are more than the beats that the client reads from us.
moved() {
    set -- "$taken" "$queue" "$window" "$resent" "$fresh"
    look
    # A large queue, or a beat on its way for which the kernel itself still waits: it knows how long this link takes.
    [ "$queue" -lt 4000 ] && { [ "$queue" -eq 0 ] || [ "$resent" -gt 0 ]; } || bulky=yes
    [ "$(($2 - queue))" -lt 1000 ] || return 0
    if [ "$queue" -ge 4000 ] && [ "$2" -gt 0 ] && [ "$resent" -eq "$4" ]; then
        # Once it does so by itself: a tail loss probe.
        [ -z "$fresh" ] || [ -z "$5" ] || return 0
        [ "$resent" -gt 0 ] || [ "$window" = "$3" ] || return 0
    fi
    grown=$((queue - $2))
    [ "$resent" -eq 0 ] || [ "$grown" -lt 500 ] || return 1
    if [ "$grown" -lt 0 ] || [ "$few" -eq "$enough" ]; then grown=0; fi
    has_read "$1" "$((few + grown))"
}

# A login takes six round trips and more: it gets the more time the longer one took, or after one that was cut off.
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

slow_down() { set_pace "$((pace * 2))"; }

speed_up() {
    now
    set -- 1
    while [ "$(($1 * SETUP * BEAT))" -lt "$((3 * (now_s - begun_s)))" ]; do set -- "$(($1 * 2))"; done
    [ "$1" -gt "$((pace / 2))" ] || set -- "$(((pace + 1) / 2))"
    set_pace "$1"
}

# Whether a login has had its time. The address that the client waits for may be dead while another one of the name is not.
is_late() { # TICKS
    [ "$1" -ge "$((SETUP * pace))" ] || { [ "$kind" = dropbear ] && [ "$1" -ge "$pace" ]; } || return
    look
    if [ "$tcp" = 02 ]; then
        said="no connection"
        split "$gateway"
        case $kind-$family-$host in
        dropbear-*) turn_addresses ;;
        openssh--*:*) ;;
        openssh--*[!0-9.]*) again=yes family=$((10 - own_family)) ;;
        esac
    elif [ "$1" -ge "$((SETUP * pace))" ]; then
        said="no answer" why=slow
    else
        return 1
    fi
}

# OpenSSH tries one address after the other, each time from the first one on; dead ones cost ten seconds each.
learn_family() {
    [ "$kind" = openssh ] && [ "$((now_s - begun_s))" -ge "$CONNECT" ] || return 0
    look
    [ -z "$tcp" ] || family=$own_family
}

# Each address of a name, on a line: by glibc's or musl's program, else in what ping says before it sends anything.
resolve() { # HOST
    getent ahosts "$1" 2>/dev/null && return
    for family in 6 4; do ping "-$family" -c 1 -W 1 "$1" 2>/dev/null | sed 's/^[^(]*(\([^)]*\).*/\1/;q'; done
}

# The next address of the gateway's name; after the last one it is the name again.
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

# Three times what answers have lately taken, QUIET at most: with the tick before, a dead link is left within a minute.
set_patience() {
    now
    lag=$((lag - lag / 32))
    [ "$(((now_s - sent_s) * 32))" -le "$lag" ] || lag=$(((now_s - sent_s) * 32))
    patience=$(((lag * 3 / 32 + BEAT - 1) / BEAT))
    [ "$patience" -le "$((QUIET / BEAT))" ] || patience=$((QUIET / BEAT))
    [ "$patience" -ge "$MISSES" ] || patience=$MISSES
}

# Whether the link only lost a segment: what follows arrives but waits for it, and it waits behind the whole queue of the link.
# The counter is the device's, so it is believed during a download only, for five minutes; and for 90 s if the gateway acknowledges nothing
# of ours: each of these segments acknowledges, but all of a long burst may acknowledge the same.
has_strayed() { # STRAYS QUEUE: what they were before
    [ -n "$bulky" ] && [ "$queue" -lt 4000 ] || return
    count_strays
    if [ "$queue" -gt "$2" ]; then stuck=$((stuck + BEAT)); else stuck=0; fi
    [ -n "$1" ] && [ -n "$strays" ] && [ "$((strays - $1))" -gt "$((BEAT / 2))" ] || return
    strayed=$((strayed + BEAT))
    [ "$strayed" -le 300 ] && [ "$stuck" -le 90 ]
}

forget_strays() { strays='' strayed=0 stuck=0; }

# Whether nothing has come for too long. What moved lately, and a queue that is not empty, is given QUIET seconds. Where the kernel tells nothing
# (macOS), the client's own keepalive ends a dead connection, as it knows what it receives.
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
