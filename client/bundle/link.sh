# shellcheck shell=sh disable=SC1090,SC2034,SC2153,SC2154 # the parts become one file, and share their variables
# The client at hand, its options, and one run of it: its output, its end and the passing of time arrive as lines of one FIFO.

find_client() {
    client='' wish=openssh
    # A key that was made here stays with the client whose form it has, whatever is installed later.
    [ "$KEY" = embed ] || [ ! -s "$dir/$NODE.key" ] || grep -q '^-----BEGIN' "$dir/$NODE.key" || wish=dropbear
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
    [ -n "$client" ] || fail "there is no SSH client: install OpenSSH's (ssh) or dropbear's (dbclient)"
    [ "$kind" = openssh ] || client_help=$("$client" -h 2>&1 </dev/null)$("$client" -o help 2>&1 </dev/null)
}

# How it calls itself at the gateway, which would refuse another letter, and a longer word.
name_client() {
    word=${version#*OpenSSH_} word=${word#*ropbear*v}
    called=bundle-$VERSION/$kind-${word%%[!A-Za-z0-9._+-]*}
    [ "${#called}" -le 64 ] || called=bundle
}

split() { # HOST:PORT
    host=${1%:*} port=${1##*:}
    host=${host#\[} host=${host%]}
}

pin() { # HOST
    printf '%s\n' "$HOST_KEYS" | while read -r line; do printf '%s %s\n' "$1" "$line"; done
}

# The installed script has these lines of the header beside it, and some functions.
read_keys() {
    has verb_install || { [ -r "$keys" ] && . "$keys"; } || fail "$keys can not be read"
}

# The private key and the pinned host keys, as files that this client reads; a client that starts meanwhile sees them whole.
make_files() { # DIRECTORY
    mkdir -p "$1/.ssh" && cd "$1" || return
    {
        pin reversi
        for word in $(printf '%s\n' "$GATEWAYS"); do
            split "$word"
            pin "$host"
        done
        [ -z "$address" ] || pin "$address"
    } >".ssh/new.$$" && mv -f ".ssh/new.$$" .ssh/known_hosts || return
    case $KEY-$kind in
    device-*) cat "$dir/$NODE.key" ;;
    *-openssh) printf '%s\n' "$KEY_OPENSSH" ;;
    *) printf '%b' "$KEY_DROPBEAR" ;;
    esac >"key.$$" && mv -f "key.$$" key
}

# This shell turns into the client. dropbear knows hosts by $HOME/.ssh/known_hosts alone.
become_client() { # REQUEST [forwards]
    HOME=$PWD
    export HOME
    unset SSH_AUTH_SOCK DISPLAY SSH_ASKPASS
    split "$gateway"
    words=${2:+$FORWARDS}
    set -- "${address:-$host}" "$1"
    for word in $(printf '%s\n' "$words"); do set -- -R "$word" "$@"; done
    set -- -T -i key -p "$port" -l "$TUNNEL_USER" "$@"
    # Three times so long it waits for any byte. On Linux we look ourselves, and know what leaves; the answers may wait for minutes.
    if [ -r /proc/self/stat ]; then alive=120; else alive=20; fi
    if [ "$kind" = openssh ]; then
        set -- -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o HostKeyAlias=reversi \
            -o UserKnownHostsFile=.ssh/known_hosts -o GlobalKnownHostsFile=/dev/null -o CheckHostIP=no -o "ConnectTimeout=$((CONNECT * pace))" \
            -o "ServerAliveInterval=$alive" -o ServerAliveCountMax=2 -o ExitOnForwardFailure=yes -o LogLevel=ERROR "$@"
        [ -z "$family" ] || set -- "-$family" "$@"
        # From 9.0 on the default is sntrup761, which costs a router six times as much.
        case $version in OpenSSH_9* | OpenSSH_[1-9][0-9]*) set -- -o KexAlgorithms=^curve25519-sha256 "$@" ;; esac
    else
        case $client_help in *BatchMode*) set -- -o BatchMode=yes "$@" ;; esac
        case $client_help in *ExitOnForwardFailure*) set -- -o ExitOnForwardFailure=yes "$@" ;; esac
        case $client_help in *'-W <'*) set -- -W 1048576 "$@" ;; esac
        case $client_help in *'-K <'*) set -- -K "$alive" "$@" ;; esac
    fi
    exec "$client" "$@"
}

# 3: write a beat; 4: hear; 5, 6: the far ends, as the client gets them. Each other process holds 5 and 6 alone, so that it
# finds them closed when this one is killed. The files are gone at once. What the gateway says comes by the same way, so that our own
# lines begin with a word that it can not know. False: the directory was tidied away. `command`, as a shell that can not do an `exec` ends.
open_pipes() {
    new_word
    ours=@$word
    beats=$live/beats.$$ events=$live/events.$$
    rm -f "$beats" "$events"
    said="no FIFO can be made in $live"
    for word in "$beats" "$events"; do
        mkfifo "$word" 2>/dev/null || mknod "$word" p 2>/dev/null || return
    done
    { command exec 3<>"$beats" 4<>"$events" && command exec 5<"$beats" 6>"$events"; } || return
    rm -f "$beats" "$events"
    said=
}

# What ends all processes of a session, or of a service, at once is left to the main one to do in order. That ends these two by
# SIGUSR2, at which each ends what it waits for.
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

tick() {
    stand_aside
    exec 5<&-
    while [ -z "$over" ]; do
        sleep "$BEAT" 6>&- &
        awaited=$!
        [ -z "$over" ] || end_awaited
        wait "$awaited" || exit
        awaited=
        printf '%s tick\n' "$ours" >&6 || exit
    done
} 2>/dev/null

start() { # REQUEST [forwards]
    why=failed runner='' ticker='' pid='' socket='' fd='' taken='' enough=0 queue=0 window=0 resent=0 fresh=
    open_pipes || return
    now
    begun_s=$now_s
    begins=yes
    run_client "$@" &
    runner=$!
    tick &
    ticker=$!
    linked=yes running=yes
    begun
}

# Waits for what comes next: event is pid, tick, end, number or note, value what came with it.
hear() {
    read -r line <&4 || return
    line=${line#"$tail"}
    value=${line##* }
    case $line in
    "$ours tick") event=tick ;;
    "$ours pid "*) event=pid pid=$value ;;
    "$ours end "*)
        event=end running=''
        # Else it was the gateway's command that said so, and the key was taken.
        case $why-$kind-$value in denied-openssh-255 | denied-dropbear-1) ;; denied*) why=failed ;; esac
        ;;
    *)
        line=${line%"$carriage_return"}
        if is_count "$line"; then event=number value=$line; else event=note; take_note "$line"; fi
        ;;
    esac
}

take_note() { # LINE of the client's, or of the gateway's
    [ -n "$1" ] || return 0
    before=$said said=$1
    # It is shown on terminals.
    case $1 in *[!' '-~]*) said=$(printf '%s\n' "$1" | tr -cd ' -~') ;; esac
    case $1 in
    *': Permission denied ('* | *': No auth methods '*)
        why=denied
        # Of dropbear for small flash, which knows RSA alone.
        case $before in *'loading keyfile'*) said="this client can not use a key of this type: build with --key device" ;; esac
        ;;
    *'ost key'*) why=impostor ;;
    *'connect to host'*) ;;
    *' timed out' | *' timed out during '*) why=slow ;;
    esac
}

# The client's end, whatever it is doing: it may be frozen. Nothing is read here: after a signal that is trapped, `read` never returns
# in busybox 1.38. The pipes are closed first, as whoever writes to a full one waits.
finish() {
    exec 3>&- 4<&- 5<&- 6>&-
    [ -z "$running" ] || kill -s USR2 "$runner" 2>/dev/null
    kill -s USR2 "$ticker" 2>/dev/null
    wait "$runner" "$ticker" 2>/dev/null
    linked=
}

# One login, one request: answer is the gateway's last number or nothing, said its last other line. False: it did not work.
# What a login prints before any answer is the same each time: skip is how many numbers, tail a line that was not ended.
ask() { # REQUEST
    ticks=0 answer='' status='' skip=-1 again='' tail='' last=
    start "$1" || return
    while hear; do
        case $event in
        number) answer=$value skip=$((skip + 1)) ;;
        note) last=$line ;;
        tick)
            ticks=$((ticks + 1))
            ! is_late "$ticks" || break
            ;;
        end)
            status=$value
            break
            ;;
        esac
    done
    finish
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
