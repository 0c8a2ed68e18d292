# shellcheck shell=sh disable=SC1090,SC2034,SC2153,SC2154 # the parts become one file, and share their variables
# The SSH client, its options, and one run of it. Its output, its exit and the ticks of a timer arrive as lines of one FIFO.

find_client() {
    client='' wish=openssh
    # A key that was made here has one client's format: stay with that client, whatever is installed later.
    [ "$KEY" = embed ] || [ ! -s "$device_key" ] || grep -q '^-----BEGIN' "$device_key" || wish=dropbear
    for program in ${CLIENT:+"$CLIENT"} ssh dbclient; do
        has "$program" || continue
        said=$("$program" -V 2>&1 </dev/null)
        case $said in
        *OpenSSH_*) word=openssh ;;
        *ropbear*) word=dropbear ;;
        *) continue ;;
        esac
        [ -z "$client" ] || [ "$word" = "$wish" ] || continue
        client=$program kind=$word version=$said
        case ${CLIENT:-$kind} in "${CLIENT:-$wish}") break ;; esac
    done
    [ -n "$client" ] || fail "no SSH client found: install OpenSSH (ssh) or dropbear (dbclient)"
    stays=
    [ "$kind" = openssh ] || client_help=$("$client" -h 2>&1 </dev/null)$("$client" -o help 2>&1 </dev/null)
    # Without this option the client stays connected if the gateway refuses a forward.
    case $kind${client_help:-} in openssh* | *ExitOnForwardFailure*) ;; *) stays=yes ;; esac
}

# Set called, the name of this client for the gateway, which refuses other characters and longer words. It ends in +moves, as we know
# what exit status 75 of hold means, and in the id of our first gateway, if it has one: there we are sent when it is back.
name_client() {
    word=${version#*OpenSSH_} word=${word#*ropbear*v} first=${GATEWAYS%% *}
    case $first in *=*) first=-${first%%=*} ;; *) first='' ;; esac
    called=bundle-$VERSION/$kind-${word%%[!A-Za-z0-9._+-]*}+moves$first
    [ "${#called}" -le 64 ] || called=bundle+moves$first
}

split() { # [ID=]HOST:PORT
    case $1 in *=*) alias=reversi-${1%%=*} ;; *) alias=reversi ;; esac
    host=${1#*=}
    port=${host##*:} host=${host%:*}
    host=${host#\[} host=${host%\]}
}

# Print the host keys that are pinned for $gateway: those with its id before them or, if it has no id, those without one.
pins() {
    case $gateway in
    *=*) printf '%s\n' "$HOST_KEYS" | sed -n "s/^${gateway%%=*} //p" ;;
    *) printf '%s\n' "$HOST_KEYS" | grep -v ' .* ' ;;
    esac
}

pin() { # HOST
    pins | sed "s/^/$1 /"
}

# The installed script reads its keys and some of its functions from a file beside it. If a power cut left a new script with an old file,
# go back to the old script: upgrade replaces the script first, and undoes that last.
    # shellcheck disable=SC2317 # a bundle has another read_keys
read_keys() {
    { [ -r "$keys" ] && . "$keys"; } || fail "cannot read $keys"
    [ "${MADE_BY:-}" != "$VERSION" ] && [ -e "$installed.old" ] || return 0
    [ ! -e "$keys.old" ] || mv -f "$keys.old" "$keys"
    mv -f "$installed.old" "$installed" && exec /bin/sh "$installed" "$verb"
}

# Write the private key and the host keys of $gateway as files that this client reads. Replace them atomically, as a client may be starting.
make_files() { # DIRECTORY
    mkdir -p "$1/.ssh" && cd "$1" || return
    split "$gateway"
    for word in "$alias" "$host" "$address"; do
        [ -z "$word" ] || pin "$word"
    done >".ssh/new.$$" && mv -f ".ssh/new.$$" .ssh/known_hosts || return
    case $KEY-$kind in
    device-*) cat "$device_key" ;;
    *-openssh) printf '%s\n' "$KEY_OPENSSH" ;;
    *) printf '%b' "$KEY_DROPBEAR" ;;
    esac >"key.$$" && mv -f "key.$$" key
}

# Replace this shell with the client. dropbear reads known hosts only from $HOME/.ssh/known_hosts.
become_client() { # REQUEST [forwards]
    HOME=$PWD
    export HOME
    unset SSH_AUTH_SOCK DISPLAY SSH_ASKPASS
    split "$gateway"
    words=${2:+$FORWARDS}
    set -- "${address:-$host}" "$1"
    for word in $(printf '%s\n' "$words"); do set -- -R "$word" "$@"; done
    set -- -T -i key -p "$port" -l "$TUNNEL_USER" "$@"
    # The client gives up after three times this long without a byte. On Linux we count sent bytes, too, and answers may take minutes.
    # There it is also longer than a beat on a metered link (60 s): keepalives beside beats only cost data.
    if [ -r /proc/self/stat ]; then alive=120; else alive=20; fi
    if [ "$kind" = openssh ]; then
        set -- -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o "HostKeyAlias=$alias" \
            -o UserKnownHostsFile=.ssh/known_hosts -o GlobalKnownHostsFile=/dev/null -o CheckHostIP=no -o "ConnectTimeout=$connect_s" \
            -o "ServerAliveInterval=$alive" -o ServerAliveCountMax=2 -o ExitOnForwardFailure=yes -o LogLevel=ERROR "$@"
        [ -z "$family" ] || set -- "-$family" "$@"
        # From 9.0 on the default is sntrup761, which costs a router six times as much CPU.
        case $version in OpenSSH_9* | OpenSSH_[1-9][0-9]*) set -- -o KexAlgorithms=^curve25519-sha256 "$@" ;; esac
    else
        case $client_help in *BatchMode*) set -- -o BatchMode=yes "$@" ;; esac
        [ -n "$stays" ] || set -- -o ExitOnForwardFailure=yes "$@"
        case $client_help in *'-W <'*) set -- -W 1048576 "$@" ;; esac
        case $client_help in *'-K <'*) set -- -K "$alive" "$@" ;; esac
    fi
    exec "$client" "$@"
}

# Descriptor 3 writes beats and 4 reads events; 5 and 6 are the client's ends. The other processes keep only 5 and 6 open, so that they
# see EOF or EPIPE if this process is killed. The FIFOs are removed at once. The gateway's output comes through the same FIFO, so our own
# lines begin with a random word. Return false if the directory is gone. Without `command`, a failed `exec` would end the shell.
open_pipes() {
    new_word
    ours=@$word
    beats=$live/beats.$$ events=$live/events.$$
    rm -f "$beats" "$events"
    said="cannot make a FIFO in $live"
    for word in "$beats" "$events"; do
        mkfifo "$word" 2>/dev/null || mknod "$word" p 2>/dev/null || return
    done
    { command exec 3<>"$beats" 4<>"$events" && command exec 5<"$beats" 6>"$events"; } || return
    rm -f "$beats" "$events"
    said=
}

# Ignore signals that a session or a service sends to all of its processes: the main process ends the others in order. It sends
# SIGUSR2, and we then kill the process that we wait for.
stand_aside() {
    awaited='' over=''
    trap 'over=yes; end_awaited' USR2
    trap '' TERM INT HUP
    exec 3>&- 4<&-
}

end_awaited() { [ -z "$awaited" ] || kill -9 "$awaited"; }

run_client() { # REQUEST [forwards]
    stand_aside
    if [ $# -eq 2 ]; then
        become_client "$@" <&5 >&6 2>&6 5<&- 6>&- &
    else
        become_client "$@" </dev/null >&6 2>&6 5<&- 6>&- &
    fi
    awaited=$!
    [ -z "$over" ] || end_awaited
    exec 5<&-
    printf '%s pid %s\n' "$ours" "$awaited" >&6
    wait "$awaited"
    status=$?
    if [ -z "$over" ]; then
        awaited=
        printf '%s end %s\n' "$ours" "$status" >&6
    else
        wait "$awaited"
    fi
} 2>/dev/null

tick() { # SECONDS or nothing: say first when so many have passed
    stand_aside
    exec 5<&-
    set -- "${1:-$BEAT}" "${1:+late}"
    while [ -z "$over" ]; do
        sleep "$1" 6>&- &
        awaited=$!
        [ -z "$over" ] || end_awaited
        wait "$awaited" || exit
        awaited=
        printf '%s %s\n' "$ours" "${2:-tick}" >&6 || exit
        set -- "$BEAT" ''
    done
} 2>/dev/null

start() { # REQUEST [forwards]
    why=failed runner='' ticker='' pid='' socket='' fd='' taken='' enough=0 queue=0 window=0 resent=0 fresh=
    # If another gateway is left, go on to it after half the time. dropbear has no time limit of its own.
    connect_s=$((CONNECT * pace)) late_s=
    if [ -n "$others" ]; then
        connect_s=$(((connect_s + 1) / 2))
        [ "$kind" = openssh ] || late_s=$connect_s
    fi
    open_pipes || return
    now
    begun_s=$now_s
    begins=yes
    run_client "$@" &
    runner=$!
    tick "$late_s" &
    ticker=$!
    linked=yes running=yes
    begun
}

# Wait for the next line. Set event to pid, tick, late, end, number or note, and value to what came with it.
next_event() {
    read -r line <&4 || return
    # No answer is that long, and a shell would look for words in it for minutes.
    [ "${#line}" -le 16000 ] || line=
    line=${line#"$tail"}
    value=${line##* }
    case $line in
    "$ours tick" | "$ours late") event=$value ;;
    "$ours pid "*) event=pid pid=$value ;;
    "$ours end "*)
        event=end running=''
        # With another exit status the line came from the gateway's command, and the key was accepted.
        case $why-$kind-$value in *-openssh-255 | *-dropbear-1) ;; denied* | busy* | taken*) why=failed ;; esac
        ;;
    *)
        line=${line%"$carriage_return"}
        if is_count "$line"; then event=number value=$line; else event=note; take_note "$line"; fi
        ;;
    esac
}

take_note() { # LINE: keep a line of the client or the gateway in said, and set why if it explains a failure
    # After a mismatch dropbear also prints fingerprints and advice.
    [ -n "$1" ] && [ "$kind-$why" != dropbear-impostor ] || return 0
    before=$said said=$1
    # The line will be shown on terminals.
    case $1 in *[!' '-~]*) said=$(printf '%s\n' "$1" | tr -cd ' -~') ;; esac
    case $1 in
    *': Permission denied ('* | *': No auth methods '*)
        why=denied
        # A dropbear for small flash reads only RSA keys.
        case $before in *'loading keyfile'*) said="this client cannot use a key of this type: build with --key device" ;; esac
        ;;
    *'ost key'*) why=impostor ;;
    *'remote port forwarding failed for'* | *'Remote TCP forward request failed'*) why=taken ;;
    *'connect to host'* | *'Connect failed: '*) case $1 in *refused) why=refused ;; *' timed out') why=silent ;; esac ;;
    # OpenSSH before 9.6 names the step. Newer ones and dropbear say the same if it is closed later in the login.
    'Connection closed by '* | 'Connection reset by '* | *'_exchange_identification: '*'onnection '* | *': Remote closed the connection') why=busy ;;
    *' timed out' | *' timed out during '*) why=slow ;;
    esac
}

# End the client, even if it is frozen. Do not read here: in busybox 1.38 `read` never returns after a trapped signal. Close the pipes
# first: the others may be blocked in a write to a full one.
finish() {
    exec 3>&- 4<&- 5<&- 6>&-
    [ -z "$running" ] || kill -s USR2 "$runner" 2>/dev/null
    kill -s USR2 "$ticker" 2>/dev/null
    wait "$runner" "$ticker" 2>/dev/null
    linked=
}

# Log in and send one request. Set answer to the last number that came, or to nothing, and said to the last other line. Return false
# on failure. A login prints the same text before each answer: set skip to the count of its numbers, tail to its unfinished last line.
ask() { # REQUEST
    ticks=0 answer='' status='' skip=-1 again='' tail='' last=
    start "$1" || return
    while next_event; do
        case $event in
        number) answer=$value skip=$((skip + 1)) ;;
        note) last=$line ;;
        tick)
            ticks=$((ticks + 1))
            ! is_late "$ticks" || break
            ;;
        late) ! is_stuck || break ;;
        end)
            status=$value
            break
            ;;
        esac
    done
    finish
    [ "$kind-$why" != dropbear-impostor ] || turn_pins
    if [ -n "$again" ]; then
        ask "$1"
        return
    fi
    [ "$why" != slow ] || slow_down
    [ "$status" = 0 ] || return
    speed_up
    word=${last##*[!0-9]}
    [ -n "$answer" ] || ! is_count "$word" || answer=$word tail=${last%"$word"}
}
