#!/bin/sh
# Purge: remove what `reversi-checker init` made, as its list /etc/reversi/.installed.json names it, and end all tunnels.
# A gateway that runs another installation of reversi is left alone, and so is a device's client in /etc/reversi.
set -e
unit=/etc/systemd/system/reversi-checker.service
list=/etc/reversi/.installed.json
sshd=/etc/ssh/sshd_config.d

say() { printf 'reversi-ssh: %s\n' "$*"; }
has_systemd() { [ -d /run/systemd/system ]; }
has_made() { grep -qsF "\"$1\"" "$list"; }

# sshd must start without our files. If it would not, they stay.
withdraw_from_sshd() {
    aside=$(mktemp -d)
    for file in "$sshd/00-reversi-allow.conf" "$sshd/00-reversi-exempt.conf" "$sshd/00-reversi-keys.conf"; do
        [ ! -e "$file" ] || mv "$file" "$aside"
    done
    for file in "$sshd/00-reversi.conf" "$sshd/reversi.conf"; do
        [ ! -e "$file" ] || ! has_made "$file" || mv "$file" "$aside"
    done
    if command -v sshd >/dev/null && ! sshd -t; then
        say "sshd would not start without its files of reversi, so they stay in $sshd; remove them yourself"
        for file in "$aside"/*; do
            mv "$file" "$sshd"
        done
    elif has_systemd; then
        deb-systemd-invoke reload ssh.service || true
    fi
    rm -rf "$aside"
}

remove_files() {
    for file in /etc/systemd/system/reversi-checker.service /etc/systemd/system/reversi-keys.service /etc/systemd/system/reversi-keys.path \
        /etc/systemd/system/reversi-metrics.service /etc/systemd/system/reversi-alert.service \
        /etc/systemd/system/reversi-fleet-apply.service /etc/systemd/system/reversi-fleet-apply.path \
        /etc/systemd/system/reversi-bus.service /etc/systemd/system/reversi-fleet.service \
        /etc/tmpfiles.d/reversi.conf /etc/sysctl.d/99-reversi.conf /etc/sysctl.d/99-reversi-tune.conf; do
        ! has_made "$file" || rm -f "$file"
    done
    for file in /etc/systemd/system/reversi-checker.service.d/10-readers.conf \
        /etc/systemd/system/reversi-metrics.service.d/10-readers.conf \
        /etc/systemd/system/reversi-alert.service.d/10-readers.conf \
        /etc/systemd/system/reversi-fleet.service.d/10-readers.conf; do
        ! has_made "$file" || rm -f "$file"
        [ ! -d "${file%/*}" ] || rmdir --ignore-fail-on-non-empty "${file%/*}"
    done
    for name in reversi-checker.service reversi-keys.path reversi-metrics.service reversi-alert.service reversi-fleet-apply.path reversi-bus.service reversi-fleet.service; do
        rm -f "/etc/systemd/system/multi-user.target.wants/$name"
    done
    ! has_systemd || systemctl daemon-reload || true
}

processes_of() { # UID
    for process in /proc/[0-9]*; do
        [ "$(stat -c %u "$process" 2>/dev/null)" != "$1" ] || printf '%s\n' "${process#/proc/}"
    done
}

# An account with sessions cannot be removed.
end_processes() { # UID
    for signal in TERM TERM KILL KILL; do
        pids=$(processes_of "$1")
        [ -n "$pids" ] || return 0
        printf '%s\n' "$pids" | xargs kill -s "$signal" 2>/dev/null || true
        sleep 1
    done
}

remove_accounts() {
    sed -n 's/^ *"\(user\|group\) \([A-Za-z0-9_][A-Za-z0-9_-]*\)",\{0,1\}$/\1 \2/p' "$1" | sort -r | while read -r kind name; do
        id=$(getent "$([ "$kind" = user ] && printf passwd || printf group)" "$name" | cut -d : -f 3)
        [ "${id:-0}" -ne 0 ] || continue
        [ "$kind" = group ] || end_processes "$id"
        "${kind}del" "$name" || say "$kind $name could not be removed"
    done
}

# The files of a device's client or bundle may be in the same directory.
forget_registry() {
    for file in /etc/reversi/* /etc/reversi/.[!.]*; do
        name=${file##*/}
        case $name in client.toml*) continue ;; esac
        ! grep -qsF "$file" /etc/systemd/system/*.service || continue
        [ -f "/etc/reversi/${name%.*}.sh" ] || rm -rf "$file"
    done
    rmdir --ignore-fail-on-non-empty /etc/reversi
}

purge() {
    withdraw_from_sshd
    remove_files
    made=$(mktemp)
    cp "$list" "$made"
    forget_registry
    remove_accounts "$made"
    rm -rf "$made" /var/lib/reversi /run/reversi /var/lib/private/reversi-alert /var/lib/reversi-alert /var/lib/reversi-fleet \
        /var/lib/private/reversi-bus /var/lib/reversi-bus
    say "the gateway is gone: its tunnels have ended, and its nodes are forgotten"
}

if [ "$1" = remove ] && has_systemd; then
    systemctl --system daemon-reload || true
fi
if [ "$1" = purge ] && [ -e "$list" ]; then
    if [ ! -e "$unit" ] || grep -q '^ExecStart=/usr/lib/reversi/' "$unit"; then
        purge
    else
        say "the gateway of this machine runs another installation of reversi, and stays"
    fi
fi
