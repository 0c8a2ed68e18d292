# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The verb status.

verb_status() {
    if read_state; then
        now
        age=$((now_s - since))
        printf '%s\n' "$NODE: $state for $((age / 3600)) h $((age % 3600 / 60)) min $((age % 60)) s (since $at by this device's clock), process $runs_pid"
    else
        printf '%s\n' "$NODE: not running${at:+; last state: $state since $at}"
        state=
    fi
    [ -z "$at" ] || printf '%s\n' "gateway: $gateway_now" "last verdict: $verdict" "last error: ${error:-none}"
    [ "$state" = up ]
    exit
}
