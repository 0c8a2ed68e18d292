# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# Which gateway to try next, and when. Each round begins at home, the first gateway, and waits only at its end.

# Both paths of a node name the same word and their own number, so that the gateways know one device. The word lasts until the next boot, and
# no file is shared for it. Containers of one machine have its boot ID, but each has a PID namespace of its own.
share_instance() {
    [ -z "$boot" ] || instance=$boot-$(readlink /proc/self/ns/pid 2>/dev/null | tr -cd 0-9)
    instance=${instance%-}.$number
}

refused_bound=1
begin_round() { left=$GATEWAYS tried=0; }

without() { # LIST: print it without $gateway
    for word in $(printf '%s\n' "$1"); do
        case $word in "$gateway="*) ;; *) printf ' %s' "$word" ;; esac
    done
}

bar() { # SECONDS MORE: avoid this gateway for that long, and up to so many seconds more
    draw "$2"
    now
    barred="$(without "$barred") $gateway=$((now_s + $1 + drawn))"
}

# Under load sshd may fail to look up a key that it accepted before. So wait with full jitter after the first two refusals in a row, as for a
# busy gateway. Three failed logins do not yet make OpenSSH penalize the address (authfail:5 min:15).
bar_denied() {
    entry_of "$trusting" "$gateway"
    case $entry in
    2) bar 0 12 ;;
    1) bar 0 60 ;;
    *) bar "$AUTH_WAIT" "$((AUTH_WAIT / 10))" ;;
    esac
    trusting=$(without "$trusting")
    [ "$entry" -le 1 ] || trusting="$trusting $gateway=$((entry - 1))"
}

# Set entry to the number in a list of GATEWAY=NUMBER, else to 0.
entry_of() { # LIST GATEWAY
    case "$1 " in *" $2="*) entry=${1##*" $2="} entry=${entry%% *} ;; *) entry=0 ;; esac
}

# Sort the gateways that are left in this round: ready, then spare, which drain, and leave out those that are barred, up to soonest.
sort_left() {
    now
    ready='' spare='' soonest=''
    for word in $(printf '%s\n' "$left"); do
        entry_of "$barred" "$word"
        if [ "$entry" -gt "$now_s" ]; then
            [ -n "$soonest" ] && [ "$soonest" -le "$entry" ] || soonest=$entry
            continue
        fi
        entry_of "$drained" "$word"
        if [ "$entry" -gt "$now_s" ]; then spare="$spare $word"; else ready="$ready $word"; fi
    done
    left=$ready$spare
}

go_to() { # GATEWAY
    [ "$1" != "$gateway" ] || return 0
    gateway=$1 address='' family='' turned=0
    make_files "$PWD"
}

# Go to the next gateway of this round, and set others if one more is ready. If none is left, wait, begin the next round, and return
# false.
choose_gateway() {
    sort_left
    case $ready in ' '*' '*) others=yes ;; *) others='' ;; esac
    if [ -n "$left" ]; then
        found=${left# } found=${found%% *}
        left=${left#" $found"} tried=$((tried + 1))
        go_to "$found"
        return 0
    fi
    set -- "$tried"
    begin_round
    if [ "$1" -gt 0 ]; then back_off; else pause "$((soonest - now_s))"; fi
    return 1
}

log_error() {
    [ "$error" = "$logged_error" ] || say "$error"
    logged_error=$error
    write_state waiting
}

go_on() {
    # Of several gateways all are silent if this device's own link is dead.
    case $outcome-$GATEWAYS in refused-*) ;; silent-*' '*) eager=yes ;; silent-*) ;; *) eager=yes ;; esac
    case $outcome in
    up)
        log_error
        begin_round
        back_off
        return
        ;;
    wait)
        log_error
        begin_round
        draw "$((asked_s / 4))"
        pause "$((asked_s + drawn))"
        return
        ;;
    drains)
        log_error
        draw 6
        now
        set -- "$gateway"
        for word in $(printf '%s\n' "$GATEWAYS"); do
            case $word in "$1" | "${1%%=*}="*) gateway=$word && drained="$(without "$drained") $word=$((now_s + 60 + drawn))" ;; esac
        done
        gateway=$1
        sort_left
        [ -z "$ready" ] || return 0
        begin_round
        draw 14
        pause "$((drawn + 1))"
        return
        ;;
    busy)
        busy=$((busy + 1))
        [ "$busy" -gt 3 ] || busy_bound=$(((RETRY + 1) * 4 / 5))
        ;;
    denied) busy=0 && bar_denied ;;
    impostor) busy=0 && bar 60 6 ;;
    esac
    log_error
}

# Wait with full jitter, up to a bound that doubles. After a tunnel that lasted a minute, start from the shortest bound. Refusals in a row have
# a bound of their own, which ends higher. There half of it is the shortest wait, too: a firewall that limits the connections of an address
# also counts those that it refuses. After a busy gateway the bound is at most 12 s; from the third in a row on it is 12 s, and a second more
# each time, up to a minute. If it grows faster, sshd is idle once the herd has passed; shorter waits keep its queue so full that logins time
# out.
back_off() {
    now
    [ "$outcome" != up ] || [ "$((now_s - up_at))" -lt 60 ] || bound=1
    most=$((RETRY * 4)) least=0
    if [ -z "$eager" ]; then
        set -- "$refused_bound"
        refused_bound=$((refused_bound * 2))
        [ "$refused_bound" -le "$most" ] || refused_bound=$most
        [ "$1" -lt "$most" ] || least=$((most / 2))
    elif [ "$busy" -ge 3 ]; then
        set -- "$busy_bound"
        [ "$busy_bound" -ge "$most" ] || busy_bound=$((busy_bound + 1))
    else
        set -- "$bound" "$RETRY"
        [ "$bound" -ge "$RETRY" ] || bound=$((bound * 2))
        [ "$busy" -eq 0 ] || set -- "$1" "$busy_bound"
        [ "$1" -le "$2" ] || set -- "$2"
    fi
    [ -z "$eager" ] || refused_bound=1
    eager=
    draw "$(($1 - least))"
    pause "$((drawn + least))"
}
