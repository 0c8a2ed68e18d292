#!/bin/sh
# Bring a gateway that runs this package up to date. Without one, change nothing, and name the next command.
# No tunnel ends: sshd and the beat loops go on, and the daemon may restart at any time.
set -e
unit=/etc/systemd/system/reversi-checker.service
list=/etc/reversi/.installed.json
stopped=/etc/reversi/.stopped-units

say() { printf 'reversi-ssh: %s\n' "$*"; }
has_systemd() { [ -d /run/systemd/system ]; }
has_gateway() { grep -qs '^  "files": {$' "$list"; }

# Units of its own in /etc come first; without them, it runs the package's. A masked unit is an empty one.
runs_this() {
    if [ -s "$unit" ]; then
        grep -qs '^ExecStart=/usr/lib/reversi/' "$unit"
    else
        has_gateway && ! grep -qsF "\"$unit\"" "$list"
    fi
}

# Services that prerm stopped, when the package was removed.
enable_again() {
    [ -f "$stopped" ] || return 0
    while read -r name; do
        case $name in reversi-checker.service | reversi-keys.path | reversi-metrics.service | reversi-alert.service | reversi-fleet-apply.path | reversi-bus.service | reversi-fleet.service) ;; *) continue ;; esac
        ! has_systemd || systemctl --quiet enable "$name" || true
    done <"$stopped"
    rm -f "$stopped"
}

restart() {
    deb-systemd-invoke restart reversi-checker.service || say "the daemon did not start; see: systemctl status reversi-checker"
    for name in reversi-metrics.service reversi-alert.service reversi-fleet.service; do
        ! systemctl --quiet is-active "$name" || deb-systemd-invoke restart "$name" || true
    done
}

update_gateway() {
    enable_again
    if has_systemd && ! systemctl --quiet is-enabled reversi-checker.service; then
        say "reversi-checker.service is disabled, and stays so; before you enable it, run: reversi-checker init"
        return
    fi
    if /usr/bin/reversi-checker init; then
        rm -rf /etc/reversi/.while-removed
    else
        say "the gateway could not be brought up to date. No tunnel ends. Mend what it names above, then run: sudo reversi-checker init"
    fi
    ! has_systemd || restart
}

case $1 in
configure | abort-upgrade | abort-remove | abort-deconfigure)
    ! has_systemd || systemctl --system daemon-reload || true
    if runs_this; then
        update_gateway
    elif [ -e "$unit" ]; then
        say "the gateway of this machine runs another installation of reversi, and was not touched."
        say "To have it run this package: sudo /usr/bin/reversi-checker init"
    elif has_gateway; then
        say "the gateway of this machine has lost $unit."
        say "To have it run this package: sudo /usr/bin/reversi-checker init"
    elif [ -z "$2" ]; then
        say "nothing runs yet. To make this machine a gateway: sudo reversi-checker init --gateway HOST:22"
    fi
    ;;
esac
