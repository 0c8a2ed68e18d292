# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# Run without a service manager: in screen, or in a loop.

verb_boot() {
    if read_state; then fail "already running, as process $runs_pid"; fi
    if ! has screen || ! start_screen; then
        (
            trap '' HUP
            cd / && verb_keep
        ) </dev/null >/dev/null 2>&1 &
    fi
    tries=0
    until read_state || [ "$tries" -ge 10 ]; do
        tries=$((tries + 1))
        sleep 1
    done
}

# Start `run` again whenever it fails. End when `run` was asked to stop, and when the script was removed.
verb_keep() {
    while [ -r "$self" ] && ! /bin/sh "$self" run; do sleep 10; done
}

# Print the screen session of this tunnel: screen would also take the beginning of another one's name.
screen_session() {
    screen -ls 2>/dev/null | awk -v name="reversi-$NODE" '/Dead/ { next } { word = $1 } sub(/^[0-9]+\./, "", word) && word == name { print $1; exit }'
}

end_screen() {
    has screen || return 0
    set -- "$(screen_session)"
    [ -z "$1" ] || screen -S "$1" -X quit >/dev/null 2>&1
}

# Open two windows: one runs the tunnel and shows its log, the other shows its status.
start_screen() {
    screen -dmS "reversi-$NODE" -t tunnel /bin/sh "$self" keep || return
    tries=0
    until started=$(screen_session) && [ -n "$started" ] && screen -S "$started" -X screen -t status /bin/sh "$self" watch; do
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || return
        sleep 1
    done
}

verb_watch() {
    while sleep 5; do
        printf '\n%s\n' "$(date)"
        (verb_status)
    done
}

run_in_screen() {
    read_state || { has screen && start_screen; } || fail "screen is missing, or does not start"
    [ ! -t 0 ] || exec screen -r "$(screen_session)"
}
