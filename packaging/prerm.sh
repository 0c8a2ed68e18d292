#!/bin/sh
# Before the package is removed, stop the services of the gateway that runs it. Everything else of the gateway stays, until purge.
# At an upgrade, stop nothing: postinst restarts the daemon.
set -e
unit=/etc/systemd/system/reversi-checker.service
stopped=/etc/reversi/.stopped-units

say() { printf 'reversi-ssh: %s\n' "$*"; }

stop_services() {
    [ -d /run/systemd/system ] || return 0
    for name in reversi-checker.service reversi-keys.path reversi-metrics.service reversi-alert.service; do
        ! systemctl --quiet is-enabled "$name" 2>/dev/null || printf '%s\n' "$name"
    done >"$stopped"
    while read -r name; do
        systemctl --quiet disable --now "$name" || true
    done <"$stopped"
    systemctl stop reversi-keys.service || true
}

if [ "$1" = remove ]; then
    if grep -qs '^ExecStart=/usr/lib/reversi/' "$unit"; then
        stop_services
        say "the gateway stands still. Tunnels stay up, but a device that loses its tunnel cannot come back until the package is installed"
        say "again; then everything is as before. To take the gateway down: apt purge reversi-ssh. It ends all tunnels, and forgets all nodes."
    fi
    # Python may have compiled a module again, as root.
    find /usr/lib/reversi -type d -name __pycache__ -prune -exec rm -rf {} +
fi
