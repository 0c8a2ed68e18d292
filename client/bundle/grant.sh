# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# How a device that was accepted becomes its node, and how the wait ends.

# Run a function with the names and directories of a node's own bundle.
as_node() { (take_place_of "$@"); } # NAME FUNCTION [WORD...]

take_place_of() {
    NODE=$1 KEY=device platform=''
    shift
    find_places
    "$@"
}

node_is_up() { read_state && [ "$state" = up ]; }

# As shlex.quote does, so that the file is what the gateway would build for a device with its own key.
quoted() { case $1 in *[!A-Za-z0-9@%+=:,./_-]*) printf "'%s'\n" "$1" ;; *) printf '%s\n' "$1" ;; esac; }

# Print the bundle of the node that this device becomes: without the enrolment and its key.
node_text() { # NAME FORWARDS
    awk -v name="$1" -v forwards="$(quoted "$2")" -v none="''" '
        /^# begin enrol$/ { skip = 1 }
        /^# end enrol$/ { skip = 0; next }
        /^HOST_KEYS=/ && !body { skip = 0 }
        skip { next }
        /^set -u$/ { body = 1 }
        body { print; next }
        /^NODE=/ { $0 = "NODE=" name }
        /^KEY=/ { $0 = "KEY=device" }
        /^KEY_OPENSSH=/ { $0 = "KEY_OPENSSH=" none; skip = 1 }
        /^NODE_ADD=/ { sub(/ rekey [+] /, " rekey " name " ") }
        /^FORWARDS=/ { $0 = "FORWARDS=" forwards }
        /^KEY_DROPBEAR=/ { $0 = "KEY_DROPBEAR=" none }
        { print }' "$self"
}

# Install the tunnel that was granted, as `install` of the node's bundle does. All of it can be done again after a power cut.
become() { # KEY, in as_node: the file with the device's key
    if [ -e "$installed" ] && ! has_same_bytes "$1" "$dir/$NODE.key"; then
        fail "another bundle of $NODE is installed here and stays: uninstall it, or rename the node on the gateway"
    fi
    find_platform
    find_unit
    has_same_bytes "$1" "$dir/$NODE.key" || put "$dir/$NODE.key" 600 <"$1"
    self=$text
    if is_installed && read_state; then return; fi
    put_files && register && restart_service
}

leave_if_up() {
    node=$(twin)
    [ -n "$node" ] && as_node "$node" node_is_up || return 0
    say "the tunnel of $node is up: this device is enrolled"
    leave up
}

# Become the node, and wait until its tunnel is up. If it does not come up, return, to ask again: the gateway may have changed its answer.
take_grant() {
    write_state accepted
    word=$(twin)
    granted=${word:-$granted} text=$live/node.sh
    say "accepted as $granted by $gateway"
    if node_text "$granted" "$forwards" >"$text" && as_node "$granted" become "$dir/$NODE.key"; then
        rounds=0 nap=10
        [ "$BEAT" -gt "$nap" ] || nap=$BEAT
        while [ "$rounds" -lt 60 ]; do
            leave_if_up
            rounds=$((rounds + 1))
            pause "$nap"
        done
        error="the tunnel of $granted does not come up; see: sh $dir/$granted.sh status"
    else
        error="cannot install the tunnel of $granted yet; see the log"
    fi
    log_error
    asked_s=60
    note_next
    pause "$asked_s"
}

# The bundle that was copied here holds the enrolment's key, too.
remove_copy() {
    [ -f "$came_from" ] && grep -q "^NODE=$NODE\$" "$came_from" 2>/dev/null || return 0
    remove_bundle "$came_from" "the enrolment's key"
}

# Remove all that belongs to the wait, the secrets first, and end. If power fails on the way, a script without a key goes on here.
leave() { # up or rejected
    trap '' TERM INT HUP PIPE
    word=$(twin)
    if [ "$1" = up ]; then
        remove_copy
    elif [ -n "$word" ]; then
        # It was accepted before, and its key opens nothing now.
        as_node "$word" verb_uninstall
    fi
    [ -z "$KEY_OPENSSH" ] || without_key | put "$installed" 600
    [ "$1" = rejected ] || drop "$dir/$NODE.key"
    drop "$keys"
    end_service
    unregister
    drop "$installed"
    [ "$platform" != systemd ] || control daemon-reload
    cd / && rm -rf "$live"
    if [ "$1" = rejected ]; then
        mkdir "$live"
        write_state rejected
    else
        rmdir "$dir" 2>/dev/null
    fi
    end_screen
    exit 0
}

without_key() {
    awk '/^KEY_OPENSSH=/ { print "KEY_OPENSSH="; skip = 1 } /^HOST_KEYS=/ { skip = 0 } /^KEY_DROPBEAR=/ { $0 = "KEY_DROPBEAR=" } !skip' "$self"
}

# Tell the service manager to end us, while we ignore its signal: it waits before it kills.
end_service() {
    case $platform in
    openwrt) rc stop && rc disable ;;
    systemd) control disable "$service.service" && control stop --no-block "$service.service" ;;
    macos) launchctl remove "$service" ;;
    esac >/dev/null 2>&1
}
