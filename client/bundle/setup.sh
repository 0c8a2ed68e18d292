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
    mkdir -p "$dir" || return
    for type in ed25519 ecdsa rsa; do
        rm -f "$dir/$NODE.key.new" || return
        if [ "$kind" = openssh ]; then
            ssh-keygen -q -t "$type" -N '' -C "$NODE" -f "$dir/$NODE.key.new" </dev/null >/dev/null 2>&1
        else
            dropbearkey -t "$type" -f "$dir/$NODE.key.new" >/dev/null 2>&1
        fi && mv -f "$dir/$NODE.key.new" "$dir/$NODE.key" && rm -f "$dir/$NODE.key.new.pub" && say "made a key: $dir/$NODE.key ($type)" && return
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

# Sets known, whether the gateway takes this bundle's key: yes, no, or perhaps where it was not asked. Fails where none can tell.
reach() { # OPTION CONSEQUENCE: --offline or nothing, and how the sentence ends that tells of the failure
    known=perhaps
    if [ "$KEY" = device ]; then
        [ -s "$dir/$NODE.key" ] || known=no
        make_key || fail "$dir cannot be written"
    fi
    [ "$1" != --offline ] || return 0
    prepare_to_ask
    if ask_any version; then
        known=yes
        say "$gateway answers: $said"
    elif [ "$KEY" = device ] && [ -n "$refused" ]; then
        known=no
    elif [ -n "$refused" ]; then
        fail "no gateway lets it in$2"
    else
        fail "no gateway answers$2"
    fi
}

verb_install() { # OPTION: --offline or nothing
    [ -r "$self" ] || fail "$self cannot be read; give the file itself to sh, not its content"
    find_platform
    find_unit
    find_client
    say "platform: $platform, client: $client ($kind)"
    reach "$1" ", so nothing was installed; --offline installs all the same"
    [ "$KEY-$known" = device-yes ] || [ "$KEY" = embed ] || show_key
    begin=restart_service
    if ! { [ -r "$installed" ] && read_state; }; then
        put_files || exit 2
    elif is_installed; then
        [ "$state" != up ] || begin=start_service
    elif [ "$known" = no ]; then
        fail "another bundle runs here, and stays; run install once more when the gateway knows the key"
    elif [ "$state" = up ] || [ "$1" != --offline ]; then
        put_beside_old || exit 2
        say "another bundle runs here; it comes back by itself if this one gets no good verdict in $TRIAL s"
    else
        put_files || exit 2
    fi
    register || exit 2
    outlive_session
    "$begin" || fail "the service did not start; run install again once that is mended"
    [ "$begin" = restart_service ] || say "this bundle is up already, and goes on"
    say "installed; see: sh $installed status"
}

# What is installed goes without comments and without indentation: flash is small.
bare() { sed -e '/^#!/b' -e '/^# shellcheck/b' -e '/^ *#/d' -e '/^$/d' -e 's/^ *//' -e 's/^\([a-z_]*() {\) #.*/\1/'; }

# The script goes without what only a bundle needs, and without what lies beside it.
core() { sed -e '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/d' -e '/^# begin beside$/,/^# end setup$/d' "$self" | bare; }

# Beside it lie the lines of the header that grow with the node, and what keeps the script from being small.
all_keys() {
    sed -n '/^KEY_OPENSSH=/,/^KEY_DROPBEAR=/p' "$self"
    sed -n '/^# begin beside$/,/^# end beside$/p' "$self" | bare
}

put_files() {
    all_keys | put "$keys" 600 || return
    core | put "$installed" 600
}

is_installed() { [ -e "$keys" ] && [ "$(core)" = "$(cat "$installed")" ] && [ "$(all_keys)" = "$(cat "$keys")" ]; }

# The script comes last: what is there without it belongs to no upgrade.
keep_old() {
    rm -f "$keys.old"
    [ ! -e "$keys" ] || put "$keys.old" 600 <"$keys" || return
    put "$installed.old" 600 <"$installed"
}

# A disk that is full leaves the bundle before as it was. What an upgrade under way has kept is older, and known to work.
put_beside_old() {
    rm -f "$live/trial"
    if [ -e "$installed.old" ]; then
        put_files
        return
    fi
    keep_old && put_files && return
    [ ! -e "$keys.old" ] || mv -f "$keys.old" "$keys"
    rm -f "$installed.old"
    return 2
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
    # What keeps it may have started it once more meanwhile; from now on it ends at once.
    stop_process
    [ "$platform" != systemd ] || control daemon-reload
    rm -rf "$live"
    rmdir "$dir" 2>/dev/null
    say uninstalled
}

# What is started here outlives the session that it came through, which is the tunnel of the bundle that it replaces.
verb_upgrade() { # OPTION: --offline or nothing
    find_platform
    find_unit
    [ -r "$installed" ] || fail "it is not installed here; run install"
    if is_installed; then
        say "the installed bundle is this one"
        return 0
    fi
    find_client
    reach "$1" "; the installed one stays"
    if [ "$known" = no ]; then
        show_key
        fail "the installed bundle stays; run upgrade once more when the gateway knows the key"
    fi
    put_beside_old || exit 2
    register || exit 2
    say "the tunnel is about to be replaced; the bundle before comes back by itself if there is no good verdict in $TRIAL s"
    (
        outlive_session
        sleep 1
        restart_service
    ) </dev/null >/dev/null 2>&1 &
}
