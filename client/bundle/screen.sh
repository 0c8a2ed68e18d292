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

# Open two windows: one runs the tunnel and shows its log, the other shows its status.
start_screen() {
    service=reversi-$NODE
    screen -dmS "$service" -t tunnel /bin/sh "$self" keep || return
    tries=0
    until screen -S "$service" -X screen -t status /bin/sh "$self" watch; do
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
    [ ! -t 0 ] || exec screen -r "reversi-$NODE"
}
