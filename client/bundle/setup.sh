# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# What a bundle does that the installed script need not: install, uninstall, upgrade.

verb_help() {
    printf '%s\n' "usage: sh ${0##*/} install [--offline] | uninstall | run [--screen] | status | check | upgrade [--offline]" "" \
        "  install    keep the tunnel of $NODE from now on, and from each boot on" \
        "  uninstall  end it, and remove all that install made" \
        "  run        keep it in the foreground, until SIGTERM; --screen: in a session of screen" \
        "  status     what the running one last knew; does not ask the gateway" \
        "  check      ask the gateway whether the tunnel works" \
        "  upgrade    take the place of the installed bundle; it comes back if this one gets no tunnel" "" \
        "--offline: do not ask the gateway first."
}

make_key() {
    [ ! -s "$dir/$NODE.key" ] || return 0
    mkdir -p "$dir" && rm -f "$dir/$NODE.key.new" || return
    for type in ed25519 rsa; do
        if [ "$kind" = openssh ]; then
            ssh-keygen -q -t "$type" -N '' -C "$NODE" -f "$dir/$NODE.key.new" </dev/null >/dev/null 2>&1
        else
            dropbearkey -t "$type" -f "$dir/$NODE.key.new" >/dev/null 2>&1
        fi && mv -f "$dir/$NODE.key.new" "$dir/$NODE.key" && rm -f "$dir/$NODE.key.new.pub" && say "made a key: $dir/$NODE.key" && return
    done
    fail "no key could be made; is there ssh-keygen, or dropbearkey for dropbear's client?"
}

show_key() {
    if [ "$kind" = openssh ]; then
        public=$(ssh-keygen -y -f "$dir/$NODE.key")
    else
        public=$(dropbearkey -y -f "$dir/$NODE.key" | grep -E '^(ssh|ecdsa)-')
    fi
    # Of the comment ssh-keygen shows something, or nothing.
    public="$public ."
    public=${public%"${public#* * }"}
    public="${public% } $NODE"
    say "the gateway does not know this device's key yet; there, run: printf '%s\\n' '$public' | $NODE_ADD"
    printf '%s\n' "$public"
}

verb_install() { # [--offline]
    [ -r "$self" ] || fail "$self can not be read; give the file itself to sh, not its content"
    find_platform
    find_unit
    find_client
    say "platform: $platform, client: $client ($kind)"
    if [ "$KEY" = device ]; then make_key || fail "$dir can not be written"; fi
    if [ "${1:-}" != --offline ]; then
        prepare_to_ask
        if ask_any version; then
            say "$gateway answers: $said"
        elif [ "$KEY" = device ] && [ "$why" = denied ]; then
            show_key
        else
            fail "no gateway answers, so nothing was installed; --offline installs all the same"
        fi
    elif [ "$KEY" = device ]; then
        show_key
    fi
    put_files || exit 2
    register || exit 2
    outlive_session
    start_service || fail "the service did not start; run install again once that is mended"
    say "installed; see: sh $installed status"
}

# What is installed goes without what only a bundle needs, without comments and without indentation: flash is small.
core() { sed -e '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/d' -e '/^# begin setup$/,/^# end setup$/d' -e '/^#!/b' -e '/^# shellcheck/b' -e '/^ *#/d' -e '/^$/d' -e 's/^ *//' "$self"; }

# The lines of the header that the script goes without; they lie beside it, as RSA keys are large.
all_keys() { sed -n '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/p' "$self"; }

put_files() {
    all_keys | put "$keys" 600 || return
    core | put "$installed" 600
}

is_installed() { core | cmp -s - "$installed" && all_keys | cmp -s - "$keys"; }

# The script comes last: what is there without it belongs to no upgrade.
keep_old() {
    rm -f "$keys.old"
    [ ! -e "$keys" ] || put "$keys.old" 600 <"$keys" || return
    put "$installed.old" 600 <"$installed"
}

# The session that this was started in may come through the very tunnel that is about to end.
outlive_session() { trap '' HUP PIPE && cd /; }

verb_uninstall() {
    outlive_session
    find_platform
    find_unit
    stop_service
    unregister
    drop "$installed" "$installed.old" "$keys" "$keys.old" "$dir/$NODE.key"
    [ "$platform" != systemd ] || control daemon-reload
    rm -rf "$live"
    rmdir "$dir" 2>/dev/null
    say uninstalled
}

# What is started here outlives the session that it came through, which is the tunnel of the bundle that it replaces.
verb_upgrade() { # [--offline]
    find_platform
    find_unit
    [ -r "$installed" ] || fail "it is not installed here; run install"
    if is_installed; then
        say "the installed bundle is this one"
        return 0
    fi
    if [ "${1:-}" != --offline ]; then
        prepare_to_ask
        ask_any version || fail "no gateway answers to this bundle; the installed one stays"
    fi
    [ -e "$installed.old" ] || keep_old || exit 2
    rm -f "$live/trial"
    put_files || exit 2
    register || exit 2
    say "the tunnel is about to be replaced; the bundle before comes back by itself if there is no good verdict in $TRIAL s"
    (
        outlive_session
        sleep 1
        start_service
    ) </dev/null >/dev/null 2>&1 &
}
