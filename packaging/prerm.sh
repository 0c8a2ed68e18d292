#!/bin/sh
# Before the package is removed, stop the services of the gateway that runs it. Everything else of the gateway stays, until purge,
# and sshd still lets every device in: apt also removes the package if an upgrade of the distribution brings another Python.
# At an upgrade, stop nothing: postinst restarts the daemon. At a rollback, the older release may ship no units and look for them in /etc.
set -e
unit=/etc/systemd/system/reversi-checker.service
list=/etc/reversi/.installed.json
stopped=/etc/reversi/.stopped-units
kept=/etc/reversi/.while-removed
programs=/usr/lib/reversi/packages/checker

say() { printf 'reversi-ssh: %s\n' "$*"; }
has_gateway() { grep -qs '^  "files": {$' "$list"; }

# Units of its own in /etc come first; without them, it runs the package's. A masked unit is an empty one.
runs_this() {
    if [ -s "$unit" ]; then
        grep -qs '^ExecStart=/usr/lib/reversi/' "$unit"
    else
        has_gateway && ! grep -qsF "\"$unit\"" "$list"
    fi
}

is_not_newer() { # VERSION
    dpkg --compare-versions "$1" le "$(dpkg-query -W -f '${Version}' reversi-ssh)"
}

keep_units() {
    /usr/lib/reversi/bin/python3 -I -m checker.install.whole_units ||
        say "the units could not be written to /etc. If you install an older release, then run: sudo reversi-checker init"
}

stop_services() {
    [ -d /run/systemd/system ] || return 0
    for name in reversi-checker.service reversi-keys.path reversi-metrics.service reversi-alert.service reversi-fleet-apply.path reversi-bus.service reversi-fleet.service; do
        ! systemctl --quiet is-enabled "$name" 2>/dev/null || printf '%s\n' "$name"
    done >"$stopped"
    while read -r name; do
        systemctl --quiet disable "$name" || true
        deb-systemd-invoke stop "$name" || true
    done <"$stopped"
    deb-systemd-invoke stop reversi-keys.service reversi-fleet-apply.service || true
}

# Key lines name bare.sh for the time in which Python cannot answer. Once installed again, init puts its usual path there.
keep_answering() {
    mkdir -p "$kept"
    cp "$programs/bare.sh" "$programs/hold.sh" "$kept"
    chmod 755 "$kept" && chmod 644 "$kept"/*.sh
    for file in /etc/reversi/authorized_keys /etc/reversi/keys.list; do
        [ ! -f "$file" ] || sed -i "s#$programs/bare\.sh#$kept/bare.sh#" "$file"
    done
    [ ! -d /etc/reversi/keys ] || find /etc/reversi/keys -type f -exec sed -i "s#$programs/bare\.sh#$kept/bare.sh#" {} +
}

# Other services that run it, such as a client's.
name_others() {
    grep -ls '^ExecStart="\{0,1\}/usr/lib/reversi/' /etc/systemd/system/*.service | while read -r file; do
        case ${file##*/} in
        reversi-checker.service | reversi-keys.service | reversi-metrics.service | reversi-alert.service | reversi-fleet-apply.service | reversi-bus.service | reversi-fleet.service) ;;
        *) say "${file##*/} goes on, but cannot start again without the package" ;;
        esac
    done
}

if [ "$1" = upgrade ] && is_not_newer "$2" && runs_this; then
    keep_units
fi
if [ "$1" = remove ]; then
    if runs_this; then
        keep_units
        stop_services
        keep_answering
        say "the gateway stays: tunnels go on, and sshd lets the devices in. But nothing is checked, and a port that hangs stays hung."
        say "Install the package again, and all is as before. To end all tunnels and forget all nodes: apt purge reversi-ssh"
    fi
    name_others
    # Python may have compiled a module again, as root.
    find /usr/lib/reversi -type d -name __pycache__ -prune -exec rm -rf {} +
fi
