# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The verb check.

# Ask the gateways in turn, until one answers. Set answer and said, and refused if one did not accept the key.
ask_any() { # REQUEST
    refused=
    while :; do
        known_pace=$pace
        # In yash the variable of a loop is local to the function.
        for word in $(printf '%s\n' "$GATEWAYS"); do
            go_to "$word"
            ask "$1" && return
            [ "$why" != denied ] || refused=yes
            say "$gateway: ${said:-the connection ended}"
        done
        # Try again if a login timed out and may have more time.
        [ "$pace" -gt "$known_pace" ] && [ "$pace" -lt 6 ] || return 1
    done
}

# Use files of our own: the running bundle may be another one, with another key and other host keys.
prepare_to_ask() {
    find_client
    read_pace
    asking=$live/ask.$$
    trap stop TERM INT HUP
    trap 'rm -rf "$asking"' EXIT
    make_files "$asking" || fail "cannot write the key to $asking"
}

verb_check() {
    prepare_to_ask
    ask_any check || exit 3
    is_count "$answer" || fail "the gateway answered: $said"
    if [ "$answer" -eq 0 ]; then
        printf '%s\n' "$NODE: $gateway says that the tunnel works"
        exit 0
    fi
    printf '%s\n' "$NODE: $gateway says that the tunnel does not work and asks to wait $answer s"
    exit 1
}
