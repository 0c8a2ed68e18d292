#!/bin/sh
# Answer a node while the checker cannot run: its Python packages or its interpreter are missing, say after an upgrade of the distribution.
# Usage: bare.sh WHY [--home DIR] [--key WHICH] --node NAME, with the request in SSH_ORIGINAL_COMMAND.
# WHY is a clause, or the path of an interpreter that cannot be run. Probe nothing and kill nothing: every tunnel stays up.
set -uf
umask 077
LC_ALL=C
export LC_ALL
LOG_EVERY_S=60
folder=${0%/*} why=$1 home='' node=''
shift
while [ $# -ge 2 ]; do
    case $1 in
    --home) home=$2 ;;
    --node) node=$2 ;;
    esac
    shift 2
done
verdicts=$home/run spool=$home/spool
[ -n "$home" ] || verdicts=/run/reversi/verdicts spool=/run/reversi/spool
case $why in
/*) why="$why cannot be run" ;;
esac
why="$why; tunnels stay up, but nothing is checked: install reversi-ssh again into its environment, then run: reversi-checker init"
request=${SSH_ORIGINAL_COMMAND-}
uptime=0
read -r uptime _ </proc/uptime
uptime=${uptime%.*}

# Log the reason, as the daemon may be gone. Run logger in the background: one that hangs must not delay the node.
log_why() {
    logged=''
    { read -r logged <"$spool/_logged"; } 2>/dev/null
    case $logged in
    '' | *[!0-9]* | 0?* | ???????????*) ;;
    *) [ "$logged" -gt "$uptime" ] || [ $((uptime - logged)) -ge "$LOG_EVERY_S" ] || return 0 ;;
    esac
    { printf '%s\n' "$uptime" >"$spool/_logged"; } 2>/dev/null
    logger -t reversi -p user.err -- "$why" </dev/null >/dev/null 2>&1 &
}

answer() {
    log_why
    [ -z "${2-}" ] || printf 'reversi: %s\n' "$2" >&2
    printf '%s\n' "$1"
    exit
}

refuse() {
    printf 'reversi: %s\n' "$2" >&2
    printf '0\n'
    exit "$1"
}

# A client would take a 0 for the verdict of a tunnel that works.
refuse_hold() {
    printf 'reversi: %s\n' "$2" >&2
    exit "$1"
}

malformed() { refuse 64 "$1"; }

is_word() { # WORD LONGEST
    [ -n "$1" ] && [ ${#1} -le "$2" ]
}

is_instance() {
    case $1 in *[!A-Za-z0-9._-]*) return 1 ;; esac
    is_word "$1" 64
}

is_client() {
    case $1 in *[!A-Za-z0-9._/+-]*) return 1 ;; esac
    is_word "$1" 64
}

# What a device calls itself: 64 characters of at most four bytes.
is_device() {
    case $1 in *[!\ -~]*) is_word "$1" 256 ;; *) is_word "$1" 64 ;; esac
}

is_port() {
    case $1 in '' | *[!0-9]* | ??????*) return 1 ;; esac
    [ "$1" -gt 0 ] && [ "$1" -le 65535 ]
}

need_port() {
    is_port "$1" && return
    malformed "'$(printf '%.40s' "$1")' is not a port; write a number from 1 to 65535"
}

# Set session to PID.START of the sshd process above us, which is also in the name of its beat file.
find_session() {
    pid=$PPID
    for _ in 1 2 3 4 5 6 7 8; do
        { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return
        name=${stat#*\(}
        name=${name%\)*}
        # shellcheck disable=SC2086 # fields of proc(5), from the third on
        set -- ${stat##*\) }
        case $name in
        sshd | sshd-session)
            session=$pid.${20}
            return
            ;;
        esac
        pid=$2
    done
    return 1
}

hold() {
    find_session || refuse_hold 64 "hold must come through sshd"
    log_why
    printf 'reversi: %s\n' "$why" >&2
    # Once a daemon sweeps again, its verdict counts; until then hold.sh runs this script for each beat.
    [ ! -r "$folder/hold.sh" ] ||
        exec /bin/sh "$folder/hold.sh" "$verdicts" "$node" "$spool/beat.$session" "$uptime" /bin/sh "$0" "$why" --node "$node"
    while read -r _; do
        printf '0\n' || exit
    done
    exit
}

serve() {
    case $1 in
    check)
        shift
        for port; do need_port "$port"; done
        answer 0 "$why"
        ;;
    claim)
        { [ $# -eq 2 ] && is_instance "$2"; } || malformed "claim takes one instance: 1 to 64 of A-Z a-z 0-9 . _ -"
        answer 0 "$why"
        ;;
    hold)
        { [ $# -ge 2 ] && is_instance "$2"; } || malformed "hold takes one instance: 1 to 64 of A-Z a-z 0-9 . _ -"
        [ $# -eq 2 ] || { [ $# -eq 3 ] && is_client "$3"; } ||
            malformed "hold takes one instance, and one word that names the client: 1 to 64 of A-Z a-z 0-9 . _ / + -"
        hold
        ;;
    *) serve_original "$@" ;;
    esac
}

# Answer `NODE PORT [EXPECTED...]`. Write nothing to stderr: an old device may read both outputs as one.
serve_original() {
    { [ $# -ge 2 ] && is_port "$2"; } ||
        malformed "say one of: check [PORT...], claim INSTANCE, hold INSTANCE [CLIENT], version, NODE PORT [EXPECTED...]"
    is_device "$1" || malformed "the name '$(printf '%.40s' "$1")'... is longer than 64 characters; give this device a shorter one, in its own script"
    [ "$node" = "$1" ] || [ "$node" = '*' ] || refuse 77 "this key belongs to node $node, not to $1"
    answer 0
}

main() {
    case $node in
    '+'*) # the key of an enrolment: only a daemon takes new devices
        log_why
        refuse 75 "no daemon runs at the gateway; ask again later"
        ;;
    esac
    case $request in
    *[[:cntrl:]]*) malformed "the request contains characters that cannot be printed" ;;
    esac
    [ ${#request} -le 4096 ] || malformed "the request is longer than 4096 bytes"
    IFS=' '
    # shellcheck disable=SC2086 # split into words; set -f prevents globbing
    set -- $request
    unset IFS
    case $#.${1-} in
    0.*) set -- '' ;;
    1.version)
        version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$folder/__init__.py" 2>/dev/null)
        answer "1 ${version:-unknown}" "$why"
        ;;
    1.beat)
        [ "$node" = '*' ] || { printf '0\n' && exit; }
        ;;
    esac
    # a device of the original may call itself check
    case $node in '*') { [ $# -lt 2 ] || ! is_port "$2"; } || serve_original "$@" ;; esac
    case $node.$1 in
    '*.check' | '*.claim' | '*.hold' | '*.beat') refuse 77 "the shared key can only say NODE PORT [EXPECTED...]" ;;
    esac
    serve "$@"
}

main
