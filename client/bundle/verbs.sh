# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# What one may ask of a bundle.

# Asks each gateway in turn. Sets answer and said, and refused, where one did not know the key.
ask_any() { # REQUEST
    refused=
    while :; do
        known_pace=$pace
        # The variable of a loop is the function's own in yash.
        for word in $(printf '%s\n' "$GATEWAYS"); do
            gateway=$word address='' family=
            ask "$1" && return
            [ "$why" != denied ] || refused=yes
            say "$gateway: ${said:-the connection ended}"
        done
        # Again with more time, where that may help.
        [ "$pace" -gt "$known_pace" ] && [ "$pace" -lt 6 ] || return 1
    done
}

# What runs may be another bundle, with another key and other host keys: its files are not touched.
prepare_to_ask() {
    find_client
    read_pace
    asking=$live/ask.$$
    trap stop TERM INT HUP
    trap 'rm -rf "$asking"' EXIT
    make_files "$asking" || fail "the key cannot be made ready in $asking"
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
