# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# What one may ask of a bundle.

# Asks each gateway in turn. Sets answer and said, and refused, where one did not know the key.
ask_any() { # REQUEST
    refused=
    # The variable of a loop is the function's own in yash.
    for word in $(printf '%s\n' "$GATEWAYS"); do
        gateway=$word
        ask "$1" && return
        [ "$why" != denied ] || refused=yes
        say "$gateway: ${said:-the connection ended}"
    done
    return 1
}

# What runs may be another bundle, with another key and other host keys: its files are not touched.
prepare_to_ask() {
    read_keys
    find_client
    asking=$live/ask.$$
    trap stop TERM INT HUP
    trap 'rm -rf "$asking"' EXIT
    make_files "$asking" || fail "the key can not be made ready in $asking"
}

verb_check() {
    prepare_to_ask
    ask_any check || exit 3
    is_count "$answer" || fail "the gateway answered: $said"
    if [ "$answer" -eq 0 ]; then
        printf '%s\n' "$NODE: the tunnel works, says $gateway"
        exit 0
    fi
    printf '%s\n' "$NODE: the tunnel does not work, says $gateway; to be tried again in $answer s"
    exit 1
}

verb_status() {
    if read_state; then
        now
        age=$((now_s - since))
        printf '%s\n' "$NODE: $state for $((age / 3600)) h $((age % 3600 / 60)) min $((age % 60)) s (since $at by this device's clock), process $runs_pid"
    else
        printf '%s\n' "$NODE: not running${at:+; it was $state since $at}"
        state=
    fi
    [ -z "$at" ] || printf '%s\n' "gateway: $gateway_now" "last verdict: $verdict" "last error: ${error:-none}"
    [ "$state" = up ]
    exit
}

verb_boot() {
    if read_state; then fail "it runs already, as process $runs_pid"; fi
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

# For where nothing else starts it again. It ends with `run` when that is asked to, and when the script is gone.
verb_keep() {
    while [ -r "$self" ] && ! /bin/sh "$self" run; do sleep 10; done
}

# Two windows: the tunnel with its log, and what status says.
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
    read_state || { has screen && start_screen; } || fail "there is no screen, or it does not start"
    [ ! -t 0 ] || exec screen -r "reversi-$NODE"
}
