# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# Put the old bundle back if a new one does not prove itself.

# An upgrade keeps the old bundle beside the new one, which has TRIAL seconds in all for one good verdict, however often it restarts.
begin_trial() {
    trial_until=
    [ "$self" = "$installed" ] && [ -e "$installed.old" ] || return 0
    now
    known=
    read -r known trial_until 2>/dev/null <"$live/trial"
    if [ -z "$trial_until" ] || [ "$known" != "${boot:-none}" ]; then
        trial_until=$((now_s + TRIAL * pace))
        printf '%s\n' "${boot:-none} $trial_until" >"$live/trial"
    fi
    judge_trial
    say "this bundle is new; if it gets no good verdict within $TRIAL s, the old one comes back"
}

judge_trial() {
    [ -n "$trial_until" ] || return 0
    now
    [ "$now_s" -ge "$trial_until" ] || return 0
    trial_until=
    rm -f "$live/trial"
    say "no good verdict within $TRIAL s: going back to the old bundle"
    if { [ ! -e "$keys.old" ] || mv -f "$keys.old" "$keys"; } && mv -f "$installed.old" "$installed"; then
        end_all
        trap - TERM INT HUP
        exec /bin/sh "$installed" run
    fi
    say "cannot put the old bundle back"
}

confirm() {
    [ -n "$trial_until" ] || return 0
    trial_until=
    rm -f "$installed.old" "$keys.old" "$live/trial"
    say "the new bundle is confirmed"
}
