# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# How each platform starts the installed bundle at boot, and the files for that.

find_platform() {
    platform=$STARTED_BY
    [ -z "$platform" ] || return 0
    if is_root && [ -e "$ROOT/etc/openwrt_release" ] && [ -e "$ROOT/etc/rc.common" ]; then
        platform=openwrt
    elif [ "$(uname)" = Darwin ]; then
        platform=macos
    elif [ -d "$ROOT/run/systemd/system" ] && has systemctl; then
        platform=systemd
    elif is_root && { [ -x "$ROOT/etc/rc.local" ] || ! has crontab; }; then
        platform=rclocal
    else
        platform=cron
    fi
}

find_unit() {
    service=reversi-$NODE
    user_home=$(home_of_user)
    case $platform in
    openwrt) unit=$ROOT/etc/init.d/$service ;;
    systemd)
        if is_root; then unit=$ROOT/etc/systemd/system/$service.service; else unit=$user_home/.config/systemd/user/$service.service; fi
        # On a gateway reversi-checker.service is its daemon.
        [ ! -e "$unit" ] || grep -qF "/$NODE.sh" "$unit" || fail "$unit belongs to another program and stays: this node needs another name"
        ;;
    macos) if is_root; then unit=$ROOT/Library/LaunchDaemons/$service.plist; else unit=$user_home/Library/LaunchAgents/$service.plist; fi ;;
    rclocal) unit=$ROOT/etc/rc.local ;;
    cron) unit='' ;;
    esac
}

shell_word() { printf '%s\n' "$1" | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/"; }

openwrt_unit() {
    printf '%s\n' '#!/bin/sh /etc/rc.common' "# reversi: the tunnel of $NODE" '# shellcheck disable=SC2034' 'START=99' 'STOP=01' 'USE_PROCD=1' '' \
        'start_service() {' '    procd_open_instance' "    procd_set_param command /bin/sh $(shell_word "$installed") run" \
        '    procd_set_param respawn 3600 5 0' '    procd_set_param term_timeout 10' '    procd_close_instance' '}'
}

# The tunnel needs no capability. It writes to its RuntimeDirectory and, to put an old bundle back, to the bundle's directory. A device
# that waits to be accepted will write a unit itself.
systemd_unit() {
    path=$(printf '%s\n' "$installed" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')
    printf '%s\n' '[Unit]' "Description=reversi: the tunnel of $NODE" 'Wants=network-online.target' 'After=network-online.target' \
        'StartLimitIntervalSec=0' '' '[Service]' "ExecStart=/bin/sh \"$path\" run" 'Restart=always' 'RestartSec=5' 'TimeoutStopSec=15' 'KillMode=mixed' \
        'NoNewPrivileges=yes' 'LockPersonality=yes' 'RestrictRealtime=yes' 'RestrictSUIDSGID=yes' 'SystemCallArchitectures=native' \
        'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK' 'RestrictNamespaces=yes'
    if is_root && [ "$KEY" != enrol ]; then
        printf '%s\n' "RuntimeDirectory=$service" 'RuntimeDirectoryMode=0700' 'RuntimeDirectoryPreserve=yes' 'CapabilityBoundingSet=' \
            'ProtectSystem=strict' "ReadWritePaths=\"${path%/*}\"" 'ProtectHome=yes' 'PrivateTmp=yes' 'PrivateDevices=yes' \
            'ProtectClock=yes' 'ProtectControlGroups=yes' 'ProtectKernelLogs=yes' 'ProtectKernelModules=yes' 'ProtectKernelTunables=yes' \
            'ProtectHostname=yes' 'MemoryDenyWriteExecute=yes' 'UMask=0077'
    fi
    printf '%s\n' '' '[Install]'
    if is_root; then printf '%s\n' 'WantedBy=multi-user.target'; else printf '%s\n' 'WantedBy=default.target'; fi
}

macos_unit() {
    path=$(printf '%s\n' "$installed" | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g')
    printf '%s\n' '<?xml version="1.0" encoding="UTF-8"?>' \
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">' '<plist version="1.0"><dict>' \
        "<key>Label</key><string>$service</string>" '<key>ProgramArguments</key>' \
        "<array><string>/bin/sh</string><string>$path</string><string>run</string></array>" \
        '<key>RunAtLoad</key><true/>' '<key>KeepAlive</key><true/>' '<key>ThrottleInterval</key><integer>10</integer>' '</dict></plist>'
}

# Written if there is no rc.local and no other way to start at boot. Do not change a byte: uninstall compares it.
made_rclocal='#!/bin/sh
# made by reversi, for whoever runs rc.local at boot'

boot_line() { printf '/bin/sh %s boot # %s\n' "$(shell_word "$installed")" "$service"; }

# Some busybox builds have no cmp.
is_same() { # FILE FILE
    [ -e "$1" ] && [ -e "$2" ] && [ "$(cat "$1")" = "$(cat "$2")" ]
}

put() { # FILE MODE: replace the file with stdin, atomically
    if ! { mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new"; }; then
        rm -f "$1.new"
        fail "$1 cannot be written"
    fi
    if is_same "$1.new" "$1"; then
        rm -f "$1.new"
        chmod "$2" "$1"
        say "$1 is unchanged"
        return 0
    fi
    # Some file systems of flash would have an empty file after a power cut.
    ! has sync || sync "$1.new" 2>/dev/null
    mv -f "$1.new" "$1" || fail "$1 cannot be written"
    say "wrote $1"
}

drop() { # FILE...
    for file in "$@"; do
        [ -e "$file" ] || [ -h "$file" ] || continue
        rm -f "$file" && say "removed $file"
    done
}

# The files that an upgrade of OpenWRT must keep.
kept_files() { printf '%s\n' "$installed" "$keys" "$device_key" "$unit" "$ROOT/etc/rc.d/S99$service"; }

# Return whether the node's other path is installed here. It has the same key.
has_other_path() {
    case $number in 2) [ -e "$dir/${NODE%_2}.sh" ] ;; *) [ -e "$dir/${NODE}_2.sh" ] ;; esac
}

other_lines() { # FILE: without ours
    [ -e "$1" ] || return 0
    while IFS= read -r line; do
        case $line in "$installed" | "$keys" | "$device_key" | "$unit" | "$ROOT/etc/rc.d/S99$service" | *"boot # $service") continue ;; esac
        printf '%s\n' "$line"
    done <"$1"
}

register() {
    case $platform in
    openwrt)
        openwrt_unit | put "$unit" 755 || return
        { other_lines "$ROOT/etc/sysupgrade.conf"; kept_files; } | put "$ROOT/etc/sysupgrade.conf" 644
        ;;
    systemd)
        systemd_unit | put "$unit" 644 || return
        is_root || say "to keep it running while you are logged out: loginctl enable-linger"
        ;;
    macos) macos_unit | put "$unit" 644 ;;
    rclocal)
        { if [ -e "$unit" ]; then other_lines "$unit"; else printf '%s\n' "$made_rclocal"; fi; } | awk -v line="$(boot_line | sed 's/\\/&&/g')" '
            /^exit 0/ && !done { print line; done = 1 } { print } END { if (!done) print line }' | put "$unit" 755
        ;;
    cron)
        if ! has crontab; then
            say "cannot start it at boot, as there is no crontab; run this at boot: $(boot_line)"
            return 0
        fi
        { other_jobs; printf '@reboot %s\n' "$(boot_line | sed 's/%/\\%/g')"; } | crontab - || fail "crontab refused the new line"
        say "added an @reboot line to crontab"
        ;;
    esac
}

other_jobs() {
    crontab -l 2>/dev/null | while IFS= read -r line || [ -n "$line" ]; do
        case $line in *"boot # $service") ;; *) printf '%s\n' "$line" ;; esac
    done
}

unregister() {
    case $platform in
    openwrt)
        drop "$unit"
        if [ -e "$ROOT/etc/sysupgrade.conf" ]; then { other_lines "$ROOT/etc/sysupgrade.conf"; ! has_other_path || printf '%s\n' "$device_key"; } | put "$ROOT/etc/sysupgrade.conf" 644; fi
        ;;
    rclocal)
        [ -e "$unit" ] || return 0
        if [ "$(other_lines "$unit")" = "$made_rclocal" ]; then drop "$unit"; else other_lines "$unit" | put "$unit" 755; fi
        ;;
    cron)
        if has crontab && [ "$(crontab -l 2>/dev/null)" != "$(other_jobs)" ]; then
            other_jobs | crontab - && say "removed our line from crontab"
        fi
        ;;
    *) drop "$unit" ;;
    esac
}

control() { if is_root; then systemctl "$@"; else systemctl --user "$@"; fi; }
rc() { /bin/sh "$ROOT/etc/rc.common" "$unit" "$1"; }

restart_service() {
    case $platform in
    openwrt) rc enable && rc restart ;;
    systemd) control daemon-reload && control enable "$service.service" && control restart "$service.service" ;;
    macos)
        launchctl unload "$unit" 2>/dev/null
        launchctl load -w "$unit"
        ;;
    *)
        stop_process
        /bin/sh "$installed" boot
        ;;
    esac
}

# Start the service without ending a process that already runs.
start_service() {
    case $platform in
    openwrt) rc enable && rc start ;;
    systemd) control daemon-reload && control enable "$service.service" && control start "$service.service" ;;
    macos) launchctl load -w "$unit" 2>/dev/null || return 0 ;;
    esac
}

stop_service() {
    case $platform in
    openwrt) [ ! -e "$unit" ] || { rc stop; rc disable; } ;;
    systemd) [ ! -e "$unit" ] || control disable --now "$service.service" ;;
    macos) [ ! -e "$unit" ] || launchctl unload -w "$unit" ;;
    esac
    stop_process
}

# Send SIGTERM each second, for at most twenty: a process that is going back to the old bundle ignores signals.
stop_process() {
    tries=0
    while read_state && [ "$tries" -lt 20 ]; do
        kill "$runs_pid" 2>/dev/null
        tries=$((tries + 1))
        sleep 1
    done
    end_screen
}
