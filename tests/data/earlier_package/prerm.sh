#!/bin/sh
# Before the package is removed, stop the services of the gateway that runs it. Everything else of the gateway stays, until purge,
# and sshd still lets every device in: apt also removes the package if an upgrade of the distribution brings another Python.
# At an upgrade, stop nothing: postinst restarts the daemon.
set -e
unit=/etc/systemd/system/reversi-checker.service
stopped=/etc/reversi/.stopped-units
kept=/etc/reversi/.while-removed
programs=/usr/lib/reversi/packages/checker

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

# Key lines name bare.sh for the time in which Python cannot answer. Once installed again, init puts its usual path there.
keep_answering() {
    mkdir -p "$kept"
    cp "$programs/bare.sh" "$programs/hold.sh" "$kept"
    chmod 755 "$kept" && chmod 644 "$kept"/*.sh
    sed -i "s#$programs/bare\.sh#$kept/bare.sh#" /etc/reversi/authorized_keys
}

# Other services that run it, such as a client's.
name_others() {
    grep -ls '^ExecStart="\{0,1\}/usr/lib/reversi/' /etc/systemd/system/*.service | while read -r file; do
        case ${file##*/} in
        reversi-checker.service | reversi-keys.service | reversi-metrics.service | reversi-alert.service) ;;
        *) say "${file##*/} goes on, but cannot start again without the package" ;;
        esac
    done
}

if [ "$1" = remove ]; then
    if grep -qs '^ExecStart=/usr/lib/reversi/' "$unit"; then
        stop_services
        keep_answering
        say "the gateway stays: tunnels go on, and sshd lets the devices in. But nothing is checked, and a port that hangs stays hung."
        say "Install the package again, and all is as before. To end all tunnels and forget all nodes: apt purge reversi-ssh"
    fi
    name_others
    # Python may have compiled a module again, as root.
    find /usr/lib/reversi -type d -name __pycache__ -prune -exec rm -rf {} +
fi
