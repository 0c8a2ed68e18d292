# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# An enrolment's bundle asks to become a node: what it says of its device, and how it reads the answer.

# Set wished to the name that the device asks for: its host name; a name that many devices share gets a number.
find_wished() {
    wished=$(uname -n 2>/dev/null | tr -cd '!-~' | cut -c 1-64)
    case $wished in
    '' | '(none)' | localhost*) wished=device ;;
    OpenWrt | LEDE | DD-WRT | buildroot | debian | ubuntu | raspberrypi) ;;
    *) return ;;
    esac
    find_serial
    wished=$wished-$serial
}

# Set serial to the device's serial number, else to the last digits of a MAC address, else to a random word.
find_serial() {
    for file in "$ROOT/proc/device-tree/serial-number" "$ROOT/sys/class/dmi/id/product_serial"; do
        [ -r "$file" ] || continue
        serial=$(tr -cd '!-~' <"$file" | cut -c 1-32)
        # Boards without a number say zeros, 0123456789 or a sentence.
        case $serial in *[!A-Za-z0-9.-]* | 0123456789* | 123456789*) ;; *[1-9]*[1-9]*) return ;; esac
    done
    find_mac
    [ -n "$serial" ] && return
    new_word
    serial=${word%%-*}
}

# Prefer the MAC address of hardware: bridges and the like may have random ones.
find_mac() {
    net=$ROOT/sys/class/net serial=
    for sign in device address; do
        for word in $(printf '%s\n' "$(ls "$net" 2>/dev/null)"); do
            [ -e "$net/$word/$sign" ] || continue
            serial=$(tr -cd 0-9a-f 2>/dev/null <"$net/$word/address" | cut -c 7-12)
            case $serial in '' | 000000) ;; *) return ;; esac
        done
    done
    serial=
}

# Print the public host keys of the device's SSH server, the longest last: those of sshd and of dropbear if both run, or if pidof does not
# know them.
host_keys() {
    runs=
    for word in sshd dropbear; do ! pidof "$word" >/dev/null 2>&1 || runs=$runs$word; done
    for type in ed25519 ecdsa rsa; do
        [ "$runs" = dropbear ] || cat "$ROOT/etc/ssh/ssh_host_${type}_key.pub" 2>/dev/null
        file=$ROOT/etc/dropbear/dropbear_${type}_host_key
        [ "$runs" = sshd ] || [ ! -r "$file" ] || dropbearkey -y -f "$file" 2>/dev/null
    done | grep -E '^(ssh|ecdsa)-'
}

# Set request. The gateway refuses one of more than 4096 bytes: then leave out the last host keys.
find_request() {
    [ -n "${public:-}" ] || find_public
    request="enrol $wished ${public% *}"
    for line in $(host_keys | cut -d ' ' -f 1,2 | tr ' ' ,); do
        case $line in *[!A-Za-z0-9+/=,@.-]*) continue ;; esac
        [ "$((${#request} + ${#line}))" -ge 4000 ] || request="$request ${line%%,*} ${line#*,}"
    done
}

# What the gateway grants becomes shell text: accept only what a name, a fingerprint and a forward can have.
is_name() { case $1 in '' | [!a-z0-9]* | *[!a-z0-9.-]*) return 1 ;; esac && [ "${#1}" -le 63 ]; }
is_fingerprint() { case $1 in SHA256:*[!A-Za-z0-9+/=]* | SHA256:) return 1 ;; SHA256:*) ;; *) return 1 ;; esac; }
is_port() { is_count "$1" && [ "$1" -ge 1 ] && [ "$1" -le 65535 ]; }

is_forward() { # [*:]PORT:HOST:PORT
    rest=${1#'*:'}
    is_port "${rest%%:*}" && is_port "${rest##*:}" || return
    rest=${rest#*:}
    case $rest in *:*) rest=${rest%:*} ;; *) return 1 ;; esac
    case $rest in
    \[*:*\])
        rest=${rest#\[}
        case ${rest%\]} in *[!0-9A-Za-z:.%]*) return 1 ;; esac
        ;;
    '' | *[!A-Za-z0-9._-]*) return 1 ;;
    esac
}

# Read the gateway's answer after the last `enrol: ` of a line: a login may have printed text before it. Set outcome to wait, accepted or
# rejected, and what comes with it. Return false for any other text.
read_answer() { # LINE
    case $1 in *'enrol: '*) ;; *) return 1 ;; esac
    # shellcheck disable=SC2046
    set -- $(printf '%s\n' "${1##*enrol: }")
    case $#-${1:-} in
    4-wait)
        is_count "$2" && is_name "$3" && is_fingerprint "$4" || return
        outcome=wait asked_s=$2 granted=$3 fingerprint=$4
        # Keep to a pace that neither hurts the gateway nor forgets it.
        [ "$asked_s" -ge 1 ] || asked_s=1
        [ "$asked_s" -le 3600 ] || asked_s=3600
        ;;
    1-rejected) outcome=rejected ;;
    1-accepted | 2-accepted) return 1 ;;
    *-accepted)
        is_name "$2" || return
        word=$2
        shift 2
        for rest in "$@"; do is_forward "$rest" || return; done
        outcome=accepted granted=$word forwards=$*
        ;;
    *) return 1 ;;
    esac
}

# Ask $gateway. Set outcome as read_answer or take_end does, or to later: it takes no applicants now, or is too old for that.
question() {
    outcome=failed error=''
    find_request
    if ask "$request" && read_answer "$last"; then
        later_s=60
        return
    fi
    case $kind-$status in
    *- | openssh-255 | dropbear-1)
        take_end
        [ "$outcome" != denied ] || case $said in
        *' key of this type'*) error="$gateway: this client cannot use a key of the enrolment's type: make one with enrol new --key-type rsa" ;;
        *) error="$gateway: it refuses the key of this enrolment, which has ended or expired" ;;
        esac
        ;;
    *)
        outcome=later asked_s=$later_s later_s=$((later_s * 2))
        [ "$later_s" -le 600 ] || later_s=600
        error="$gateway: it does not take applications now${said:+: $said}"
        ;;
    esac
}

# Ask the gateways in turn, until one answers.
ask_each() {
    while :; do
        known_pace=$pace
        for word in $(printf '%s\n' "$GATEWAYS"); do
            go_to "$word"
            question
            case $outcome in wait | accepted | rejected | later) return ;; esac
            say "$error"
        done
        [ "$pace" -gt "$known_pace" ] && [ "$pace" -lt 6 ] || return 1
    done
}

# The command for the gateway's admin.
accept_line() { printf '%s accept %s@%s\n' "${NODE_ADD%% rekey + *}" "$granted" "$fingerprint"; }

# Say once how to accept this device, and keep it for `status`.
take_wait() {
    word=$granted@$fingerprint
    printf '%s\n' "$granted $fingerprint" >"$live/pending"
    [ "$word" = "${told:-}" ] || say "waits to be accepted as $granted; on the gateway, run: $(accept_line)"
    told=$word
    note_next
}

# Note when to ask again, so that a restart of this process does not ask earlier.
note_next() {
    draw "$((asked_s / 4))"
    asked_s=$((asked_s + drawn))
    now
    printf '%s\n' "$((now_s + asked_s))" >"$live/next"
}

wait_for_next() {
    until=
    read -r until 2>/dev/null <"$live/next"
    now
    case $until in '' | *[!0-9]*) return ;; esac
    [ "$until" -gt "$now_s" ] && [ "$((until - now_s))" -le 4500 ] || return 0
    write_state pending
    pause "$((until - now_s))"
}

# Return if this device waits; if it has just stopped to, finish that.
has_begun() {
    if [ -z "$KEY_OPENSSH" ]; then
        came_from=''
        find_platform
        find_unit
        leave up
    fi
    read_saved || fail "run install first: sh $self install"
}

enrol_run() {
    birth "$$"
    my_birth=$born
    if read_state && [ "$runs_pid" != "$$" ]; then
        say "already running, as process $runs_pid"
        exit 0
    fi
    has logger && [ -z "${JOURNAL_STREAM:-}" ] && to_syslog=yes
    state='' written='' error='' verdict=none logged_error='' bound=1 trial_until='' later_s=60
    begin_round
    read_pace
    has_begun
    find_client
    trap stop TERM INT HUP
    make_files "$live" || fail "cannot write the key to $live"
    write_state starting
    [ -r "$self" ] || stop
    leave_if_up
    wait_for_next
    pause "$FIRST_WAIT"
    while :; do
        leave_if_up
        choose_gateway || continue
        [ -r key ] || make_files "$live"
        question
        take_outcome
    done
}

take_outcome() {
    case $outcome in
    wait)
        error='' logged_error='' bound=1
        begin_round
        write_state pending
        take_wait
        pause "$asked_s"
        ;;
    accepted)
        error='' bound=1
        begin_round
        take_grant
        ;;
    rejected)
        say "rejected by $gateway, so it stops; to ask again: sh FILE uninstall, then sh FILE install"
        leave rejected
        ;;
    later)
        log_error
        note_next
        [ -n "$left" ] || begin_round
        pause "$asked_s"
        ;;
    *) go_on ;;
    esac
}
