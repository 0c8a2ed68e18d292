# shellcheck shell=sh disable=SC1090,SC2034,SC2154 # the parts become one file, and share their variables
# The verbs that only a bundle has, not the installed script: install, uninstall, upgrade, confirmed.
kept=

# A bundle has its keys in itself, unlike the installed script.
read_keys() { take_over; }

# If this bundle was built with --key keep, use the key of the installed one, and those of its settings that KEEP names.
take_over() {
    [ "$KEY" = keep ] || return 0
    { [ -r "$installed" ] && [ -r "$keys" ]; } || fail "no bundle is installed here, and this one has no key of its own: build it without --key keep"
    kept=yes
    { kept_lines; key_lines OPENSSH; key_lines DROPBEAR; } >"$live/kept.$$" && . "$live/kept.$$"
    rm -f "$live/kept.$$"
    case $KEY in embed | device) ;; *) fail "cannot read the key of the installed bundle" ;; esac
}

# Print the lines of the installed header that KEEP names.
kept_lines() {
    for word in $(printf '%s\n' "$KEEP"); do sed '/^set -u$/,$d' "$installed" | grep "^$word=" | tail -n 1; done
}

# Print the installed key. One of OpenSSH has many lines, up to the next name; base64 has no underscore.
key_lines() { # OPENSSH or DROPBEAR
    sed -n "/^KEY_$1=/,/^[A-Z]*_[A-Z]*=/p" "$keys" | sed -e 1b -e '/^[A-Z]*_[A-Z]*=/,$d'
}

verb_help() {
    printf '%s\n' "usage: sh ${0##*/} install [--offline] | uninstall | run [--screen] | status | check | upgrade [--offline] | confirmed" "" \
        "  install    start the tunnel of $NODE now and at each boot" \
        "  uninstall  end the tunnel, and remove all that install made" \
        "  run        keep the tunnel in the foreground, until SIGTERM; --screen: in a screen session" \
        "  status     show the tunnel's last known state, without asking the gateway" \
        "  check      ask the gateway whether the tunnel works" \
        "  upgrade    replace the installed bundle; the old one comes back if this one gets no tunnel" \
        "  confirmed  say whether this bundle is installed: 0 yes, 1 on trial, 2 no" "" \
        "--offline: do not ask the gateway first"
}

make_key() {
    [ ! -s "$device_key" ] || return 0
    mkdir -p "$dir" || return
    for type in ed25519 ecdsa rsa; do
        rm -f "$device_key.new" || return
        if [ "$kind" = openssh ]; then
            ssh-keygen -q -t "$type" -N '' -C "$NODE" -f "$device_key.new" </dev/null >/dev/null 2>&1
        else
            dropbearkey -t "$type" -f "$device_key.new" >/dev/null 2>&1
        fi && mv -f "$device_key.new" "$device_key" && rm -f "$device_key.new.pub" && say "made a key: $device_key ($type)" && return
    done
    fail "cannot make a key; install ssh-keygen, or dropbearkey for dropbear's client"
}

# Set public to the device's public key, with the node's name as its comment.
find_public() {
    if [ "$kind" = openssh ]; then
        public=$(ssh-keygen -y -f "$device_key")
    else
        public=$(dropbearkey -y -f "$device_key" | grep -E '^(ssh|ecdsa)-')
    fi
    # ssh-keygen may print a comment or none; replace it with the node's name.
    public="$public ."
    public=${public%"${public#* * }"}
    public="${public% } $NODE"
}

show_key() {
    find_public
    say "the gateway does not know this device's key yet; on the gateway, run: printf '%s\\n' '$public' | $NODE_ADD"
    printf '%s\n' "$public"
}

# Ask the gateways whether they accept this bundle's key. Set known to yes, no, or perhaps (--offline). Exit if no gateway answers.
reach() { # OPTION CONSEQUENCE: --offline or nothing, and the end of the error message
    known=perhaps
    if [ "$KEY" = device ]; then
        [ -s "$device_key" ] || known=no
        make_key || fail "cannot write to $dir"
    fi
    [ "$1" != --offline ] || return 0
    prepare_to_ask
    if ask_any version; then
        known=yes
        say "$gateway answers: $said"
    elif [ "$KEY" = device ] && [ -n "$refused" ]; then
        known=no
    elif [ -n "$refused" ]; then
        fail "no gateway accepts this key$2"
    else
        fail "no gateway answers$2"
    fi
}

verb_install() { # OPTION: --offline or nothing
    [ -r "$self" ] || fail "cannot read $self; run the bundle as a file (sh FILE install), not from a pipe"
    take_over
    find_platform
    find_unit
    find_client
    say "platform: $platform, client: $client ($kind)"
    reach "$1" ", so nothing was installed; use --offline to install anyway"
    [ "$KEY-$known" = device-yes ] || [ "$KEY" = embed ] || show_key
    begin=restart_service
    if ! { [ -r "$installed" ] && read_state; }; then
        put_files || exit 2
    elif is_installed; then
        [ "$state" != up ] || begin=start_service
    elif [ "$known" = no ]; then
        fail "another bundle runs here and stays; run install again once the gateway knows the key"
    elif [ "$state" = up ] || [ "$1" != --offline ]; then
        put_beside_old || exit 2
        say "replacing the bundle that runs here; it comes back if this one gets no good verdict within $TRIAL s"
    else
        put_files || exit 2
    fi
    register || exit 2
    outlive_session
    "$begin" || fail "the service did not start; fix that and run install again"
    [ "$begin" = restart_service ] || say "this bundle is up already; nothing was restarted"
    say "installed; see: sh $installed status"
    remove_key
}

# This file holds the private key, which is installed now. Remove it from a directory for temporary files; elsewhere, say so. While the old
# bundle may come back, this one is still needed.
remove_key() {
    [ -z "$kept" ] && [ "$KEY" = embed ] || return 0
    if [ -e "$installed.old" ]; then
        say "$self holds the private key: remove it once the new bundle is confirmed"
        return
    fi
    remove_bundle "$self" "the private key"
}

remove_bundle() { # FILE SECRET
    case $(cd "${1%/*}/" && pwd) in
    "$ROOT/tmp" | "$ROOT/var/tmp" | "$ROOT/dev/shm") rm -f "$1" && say "removed $1, as it holds $2" && return ;;
    esac
    say "$1 holds $2: remove it, or keep it secret"
}

# Strip comments and indentation from what is installed: flash is small. Strip the check for CR LF too, and a BOM.
bare() { sed -e '1s/^.*#!/#!/' -e '/^#!/b' -e '/^# shellcheck/b' -e '/^ *#/d' -e '/ #$/d' -e '/^$/d' -e 's/^ *//' -e 's/^\([a-z_]*() {\) #.*/\1/'; }

# Print this bundle, with the lines that it took over instead of its own.
whole() {
    if [ -z "$kept" ]; then
        cat "$self"
    else
        sed -e '/^set -u$/,$d' -e '/^KEEP=/d' -e "$(kept_lines | sed 's/=.*//; s/.*/\/^&=\/d/')" "$self"
        kept_lines
        sed -n '/^set -u$/,$p' "$self"
    fi
}

# Print the script to install: without what only a bundle needs, and without what goes into the file beside it.
core() { whole | sed -e '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/d' -e '/^# begin beside$/,/^# end setup$/d' | bare; }

# Print the file to install beside it: the header's lines that grow with the node, and functions, to keep the script small.
all_keys() {
    if [ -z "$kept" ]; then
        sed -n '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/p' "$self"
    else
        key_lines OPENSSH
        sed -n '/^HOST_KEYS=/,/^FORWARDS=/p' "$self"
        key_lines DROPBEAR
    fi
    printf '%s\n' "MADE_BY='$VERSION'"
    sed -n '/^# begin beside$/,/^# end beside$/p' "$self" | bare
}

# Write the script first: if a power cut leaves it with the old file beside it, it goes back to the old script.
put_files() {
    core | put "$installed" 600 || return
    all_keys | put "$keys" 600
}

is_installed() { [ -e "$keys" ] && [ "$(core)" = "$(cat "$installed")" ] && [ "$(all_keys)" = "$(cat "$keys")" ]; }

# Write the script last: .old files count as an upgrade only if it is there.
keep_old() {
    rm -f "$keys.old"
    [ ! -e "$keys" ] || put "$keys.old" 600 <"$keys" || return
    put "$installed.old" 600 <"$installed"
}

# Keep the old bundle, then put the new one in its place; on a full disk, leave all as it was. If an upgrade is already under way, the
# bundle that it kept stays the old one: that bundle is known to work.
put_beside_old() {
    rm -f "$live/trial"
    if [ -e "$installed.old" ]; then
        put_files
        return
    fi
    if ! keep_old; then
        rm -f "$installed.old" "$keys.old"
        return 2
    fi
    put_files && return
    put_back
    return 2
}

put_back() {
    [ ! -e "$keys.old" ] || mv -f "$keys.old" "$keys"
    [ ! -e "$installed.old" ] || mv -f "$installed.old" "$installed"
}

# Survive the end of our login session: it may run through the very tunnel that we end.
outlive_session() { trap '' HUP PIPE && cd /; }

verb_uninstall() {
    outlive_session
    find_platform
    find_unit
    stop_service
    unregister
    drop "$installed" "$installed.old" "$keys" "$keys.old"
    has_other_path || drop "$device_key"
    # Something may have started it again meanwhile; without the script a new one ends at once.
    stop_process
    [ "$platform" != systemd ] || control daemon-reload
    rm -rf "$live"
    rmdir "$dir" 2>/dev/null
    say uninstalled
}

# Restart the service from a process that survives our login session, which may run through the tunnel that we replace.
verb_upgrade() { # OPTION: --offline or nothing
    [ -r "$installed" ] || fail "no bundle is installed here; run install"
    take_over
    find_platform
    find_unit
    if is_installed; then
        remove_key
        say "this bundle is installed already"
        return 0
    fi
    find_client
    reach "$1" "; the installed bundle stays"
    if [ "$known" = no ]; then
        show_key
        fail "the installed bundle stays; run upgrade again once the gateway knows the key"
    fi
    put_beside_old || exit 2
    register || { put_back; exit 2; }
    remove_key
    say "replacing the tunnel; the old bundle comes back if the new one gets no good verdict within $TRIAL s"
    (
        outlive_session
        sleep 1
        restart_service
    ) </dev/null >/dev/null 2>&1 &
}

verb_confirmed() {
    take_over
    if ! is_installed; then fail "another bundle is installed here"; fi
    if [ -e "$installed.old" ]; then
        say "this bundle is on trial"
        exit 1
    fi
    say "this bundle is installed and confirmed"
}
