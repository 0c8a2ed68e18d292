# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The verbs of an enrolment's bundle.

enrol_help() {
    printf '%s\n' "usage: sh ${0##*/} install [--name NAME] [--offline] | uninstall [--name NAME] | status | check" "" \
        "  install    ask the gateway to take this device, wait as a service, and start its tunnel once it is accepted;" \
        "             --name: the name to ask for (default: the host name); --offline: do not ask now" \
        "  uninstall  stop waiting, and remove all that install made; --name: also end the tunnel of this node, and remove it" \
        "  status     show what it last knew; exit status 0: the tunnel is up" \
        "  check      ask the gateway once; exit status 0: accepted, 1: not yet, 3: no gateway answers"
}

# The second file of a wait has three lines: the name to ask for, where the bundle was, and the platform.
read_saved() {
    wished='' came_from=''
    [ -r "$keys" ] && { read -r wished && read -r came_from && read -r STARTED_BY; } <"$keys" || return
    platform=$STARTED_BY
    find_unit
}

put_saved() { printf '%s\n' "$wished" "$came_from" "$platform" | put "$keys" 600; }

# Print this bundle to be installed while it waits: without most comments, as flash is small. Keep the marks between its parts, along
# which the node's bundle is cut out.
slim() { sed -e '/^# [A-Z]/d' -e '/^  *# /d' -e 's/^ *//' "$self"; }

# A key of dropbear has bytes that a shell cannot hold.
has_same_bytes() { [ -s "$1" ] && [ -s "$2" ] && [ "$(tr -d '\000' <"$1")" = "$(tr -d '\000' <"$2")" ]; }

installed_words() { printf '%s\n' "$(ls "$dir" 2>/dev/null)"; }

# Print the name of the tunnel that was installed with this wait's key.
twin() {
    for word in $(installed_words); do
        case $word in "$NODE.key") ;; *.key)
            word=${word%.key}
            [ -r "$dir/$word.sh" ] && has_same_bytes "$dir/$word.key" "$dir/$NODE.key" && printf '%s\n' "$word" && return
            ;;
        esac
    done
}

# Print the name of a tunnel to this gateway that has the device's own key: its enrolment is over.
enrolled_as() {
    for word in $(installed_words); do
        case $word in "$NODE.keys") continue ;; *.keys) word=${word%.keys} ;; *) continue ;; esac
        grep -q '^KEY=device' "$dir/$word.sh" 2>/dev/null || continue
        pins=$(sed -n '/^HOST_KEYS=/,/^NODE_ADD=/p' "$dir/$word.keys")
        for line in $(printf '%s\n' "$HOST_KEYS"); do
            case $line-$pins in AAAA*-*"$line"*) printf '%s\n' "$word" && return ;; esac
        done
    done
}

read_options() { # [--offline] [--name NAME]
    offline='' typed=''
    while [ $# -gt 0 ]; do
        case $verb$1 in
        install--offline) offline=yes ;;
        install--name | uninstall--name)
            typed=${2:-}
            is_name "$typed" || fail "--name takes 1 to 63 of a-z 0-9 . -, first a letter or digit"
            shift
            ;;
        *) fail "$verb has no option $1; see: sh $self help" ;;
        esac
        shift
    done
}

# Say it and return true if this device need not ask (again).
has_asked() {
    word=$(enrolled_as)
    if [ -r "$installed" ] && [ "$(slim)" = "$(cat "$installed")" ] && read_saved && read_state; then
        [ -z "$typed" ] || [ "$typed" = "$wished" ] || fail "this device asks already, as $wished; to ask as $typed: sh $self uninstall"
        say "this device asks already, as $wished: nothing was changed; see: sh $self status"
    elif [ -n "$word" ] && [ ! -r "$installed" ]; then
        rmdir "$live" 2>/dev/null
        say "this device has a tunnel to this gateway already, as $word: nothing was changed; see: sh $dir/$word.sh status"
        say "if the gateway does not know $word any more: sh $self uninstall --name $word, then install"
    else
        return 1
    fi
}

enrol_install() {
    [ -r "$self" ] || fail "cannot read $self; run the bundle as a file (sh FILE install), not from a pipe"
    read_options ${1+"$@"}
    ! has_asked || return 0
    read_saved || came_from=
    platform=''
    find_platform
    find_unit
    find_client
    [ -z "$typed" ] || wished=$typed
    [ -n "$wished" ] || find_wished
    [ "$self" = "$installed" ] || came_from=$self
    say "platform: $platform, client: $client ($kind), name: $wished"
    new_key=
    [ -s "$dir/$NODE.key" ] || new_key=yes
    make_key || fail "cannot write to $dir"
    [ -n "$offline" ] || first_question
    put_saved && slim | put "$installed" 600 || exit 2
    register || exit 2
    outlive_session
    restart_service || fail "the service did not start; fix that and run install again"
    say "installed: asks until it is accepted, then starts its tunnel; see: sh $installed status"
}

first_question() {
    later_s=60
    prepare_to_ask
    if ! ask_each; then
        if [ -n "$new_key" ]; then
            rm -f "$dir/$NODE.key"
            rmdir "$dir" 2>/dev/null
        fi
        fail "no gateway takes this device, so nothing was installed; use --offline to install anyway"
    fi
    case $outcome in
    wait)
        take_wait
        printf '%s\n' "$granted@$fingerprint"
        ;;
    accepted) say "accepted as $granted: its tunnel starts" ;;
    rejected) fail "$gateway has rejected this device, so nothing was installed; to ask again: sh $self uninstall, then install" ;;
    later) say "$error; it will ask again" ;;
    esac
}

enrol_uninstall() {
    read_options ${1+"$@"}
    outlive_session
    find_platform
    find_unit
    # First stop: it may be about to become its node.
    stop_service
    [ -n "$typed" ] || typed=$(twin)
    other=$(enrolled_as)
    verb_uninstall
    if [ -n "$typed" ]; then
        as_node "$typed" verb_uninstall
    elif [ -n "$other" ]; then
        say "the tunnel of $other stays; to end it: sh $self uninstall --name $other"
    fi
}

enrol_status() {
    word=$(enrolled_as)
    if [ -n "$word" ] && [ ! -r "$installed" ]; then
        rmdir "$live" 2>/dev/null # the wait is over, and find_places has just made it
        exec /bin/sh "$dir/$word.sh" status
    fi
    if [ -r "$installed" ] && read -r granted fingerprint 2>/dev/null <"$live/pending"; then
        printf '%s\n' "$NODE: asks to become $granted; on the gateway: $(accept_line)"
    fi
    verb_status
}

enrol_check() {
    if ! { [ -s "$dir/$NODE.key" ] && read_saved; }; then fail "run install first: sh $self install"; fi
    later_s=60
    prepare_to_ask
    ask_each || exit 3
    case $outcome in
    wait) printf '%s\n' "$NODE: $gateway has not accepted $granted yet; there: $(accept_line)" ;;
    accepted) printf '%s\n' "$NODE: $gateway has accepted this device as $granted" ;;
    rejected) printf '%s\n' "$NODE: $gateway has rejected this device" ;;
    later) printf '%s\n' "$NODE: $error" ;;
    esac
    [ "$outcome" = accepted ]
    exit
}

enrol_main() { # [VERB [OPTION...]]
    case ${1:-} in '' | -h | --help) verb=help ;; *) verb=$1 ;; esac
    [ $# -eq 0 ] || shift
    case $verb in
    install | uninstall) "enrol_$verb" ${1+"$@"} ;;
    help | run | status | check) "enrol_$verb" ;;
    boot | keep | watch) "verb_$verb" ;;
    upgrade | confirmed) fail "this is an enrolment's bundle: use a bundle of the node, built without --enrol" ;;
    *) fail "unknown verb $verb; see: sh $self help" ;;
    esac
}

if [ "$KEY" = enrol ]; then
    find_places
    enrol_main ${1+"$@"}
    exit
fi
