# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The tunnel's life: claim, hold, beats; what its end means; when and where it is tried again.

# A random word that outlives this process but not the boot, and no copy of the files: the gateway ends what it held before at once,
# and notices a second device with the same key.
find_instance() {
    read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null)
    instance=
    read -r known instance 2>/dev/null <"$live/instance"
    if [ -z "$instance" ] || [ "$known" != "${boot:-none}" ]; then
        new_word
        instance=$word
        printf '%s %s\n' "${boot:-none}" "$instance" >"$live/instance"
    fi
}

# Is another process of this bundle's running? Sets runs_pid, and the rest of its state.
read_state() {
    runs_pid='' runs_born='' state='' since='' at='' verdict='' gateway_now='' error=''
    # A redirection of a loop that fails may end the shell, and does in yash.
    [ -r "$live/state" ] || return
    while read -r word line; do
        case $word in
        pid) runs_pid=${line%% *} runs_born=${line#* } ;;
        state) state=$line ;;
        since) since=${line%% *} at=${line#* } ;;
        verdict) verdict=$line ;;
        gateway) gateway_now=$line ;;
        error) error=$line ;;
        esac
    done 2>/dev/null <"$live/state"
    [ -n "$runs_pid" ] || return
    birth "$runs_pid"
    [ -n "$born" ] && [ "$born" = "$runs_born" ]
}

write_state() { # STATE
    [ "$1 $error" != "$written" ] || return 0
    [ "$1" = "$state" ] || { now; since=$now_s at=$(date '+%Y-%m-%d %H:%M'); }
    state=$1 written="$1 $error"
    printf '%s\n' "pid $$ $my_birth" "state $state" "since $since $at" "verdict $verdict" "gateway $gateway" "error $error" \
        >"$live/state.new" && mv -f "$live/state.new" "$live/state"
}

pause() { # SECONDS
    wait_s=$1
    if [ -n "$trial_until" ]; then
        now
        [ "$((now_s + wait_s))" -le "$trial_until" ] || wait_s=$((trial_until - now_s))
    fi
    if [ "$wait_s" -gt 0 ]; then
        begins=yes
        sleep "$wait_s" &
        napping=$!
        begun
        wait "$napping"
        napping=
    fi
    judge_trial
}

# Everything that was started is ended, by whoever asks.
end_all() {
    trap '' TERM INT HUP
    # A process that has just begun may still swallow any signal that the shell traps.
    [ -z "$napping" ] || kill -9 "$napping" 2>/dev/null
    [ -z "$linked" ] || finish
    rm -f "$live/beats.$$" "$live/events.$$"
}

# What is told to stop while it begins something does so as soon as it knows what to end.
begun() {
    begins=
    [ -z "$over" ] || stop
}

stop() {
    over=yes
    [ -z "$begins" ] || return 0
    end_all
    [ -z "$asking" ] || exit 130
    error='' state=stopped at=$(date '+%Y-%m-%d %H:%M')
    write_state stopped
    rm -rf "$live/key" "$live/.ssh"
    say stopped
    exit 0
}

take_end() {
    if [ "$outcome" != up ]; then
        outcome=${why%slow} address='' family=
        outcome=${outcome:-failed}
    fi
    error="$gateway: ${said:-the connection ended}"
}

# One tunnel at $gateway, from the claim to its end. outcome: up (it was), told (to wait), failed, denied or impostor.
live_once() {
    outcome=failed told_s=0
    # Somebody may tidy up where it is kept.
    [ -r key ] || make_files "$live"
    if ! ask "claim $instance"; then
        take_end
    elif is_count "$answer" && [ "$answer" -eq 0 ]; then
        hold
    else
        outcome=told told_s=${answer:-60}
        error="$gateway: the gateway asks to wait $told_s s${said:+: $said}"
    fi
}

hold() {
    owed=1 silent=0 outcome=failed bulky='' heard='' numbers=$skip
    forget_strays
    start "hold $instance $called" forwards || { take_end; return; }
    sent_s=$begun_s
    printf '\n' >&3
    while hear; do
        case $event in
        number) take_verdict || break ;;
        tick) pass_tick || break ;;
        end)
            take_end
            break
            ;;
        esac
    done
    finish
    [ "$outcome-$why" != failed-slow ] || slow_down
}

take_verdict() {
    # A login may print numbers of its own, as many as in the one before.
    [ "$skip" -le 0 ] || { skip=$((skip - 1)); return 0; }
    silent=0 heard=yes tail='' verdict=$value
    if [ "$value" -gt 0 ]; then
        outcome=told told_s=$value
        error="$gateway: the gateway says that the tunnel does not work, and asks to wait $value s"
        return 1
    fi
    case $outcome-$owed-$bulky in up-1-yes) ;; up-1-* | failed-*) set_patience ;; esac
    [ "$owed" -eq 0 ] || owed=$((owed - 1))
    if [ "$outcome" = up ]; then
        confirm
        return 0
    fi
    outcome=up tried=0 error='' told_error='' up_at=$now_s
    learn_family
    speed_up
    write_state up
    say "up, at $gateway"
}

beat() {
    # A FIFO that nobody reads is never filled.
    [ "$owed" -lt 999 ] || return 0
    owed=$((owed + 1))
    printf '\n' >&3
}

# A beat and its answer may wait behind data, in the queue of a slow link: what moves, lives.
pass_tick() {
    if [ "$outcome" != up ]; then
        judge_trial
        silent=$((silent + 1))
        # The one before may have been taken for a number of the login's.
        [ "$numbers" -le 0 ] || beat
        is_late "$silent" || return 0
        [ "$said" != "no answer" ] || said="the connection hangs: no answer to a beat"
        take_end
        return 1
    fi
    beat
    if [ -n "$heard" ]; then
        now
        set -- "$taken"
        heard='' sent_s=$now_s queue=0 bulky=
        forget_strays
        count_taken
        # More than a beat and its answer take.
        ! has_read "$1" "$enough" || bulky=yes
        return 0
    fi
    is_silent || return 0
    error="$gateway: the connection hangs: no answer to a beat"
    return 1
}

# Full jitter under a bound that doubles; a tunnel that lasted a minute begins anew.
back_off() {
    now
    [ "$outcome" != up ] || [ "$((now_s - up_at))" -lt 60 ] || bound=1
    draw "$bound"
    bound=$((bound * 2))
    [ "$bound" -le "$RETRY" ] || bound=$RETRY
    pause "$drawn"
}

# The next gateway, where none of them was left alone until later.
turn_gateways() {
    case $circle in *' '*) circle="${circle#* } ${circle%% *}" address='' family='' ;; esac
}

bar() { # SECONDS: leave this gateway alone
    draw "$(($1 / 10))"
    now
    barred="$barred $gateway=$((now_s + $1 + drawn))"
}

choose_gateway() {
    soonest=
    now
    for word in $(printf '%s\n' "$circle"); do
        gateway=${circle%% *}
        case "$barred " in *" $gateway="*) until=${barred##*" $gateway="} until=${until%% *} ;; *) until=0 ;; esac
        [ "$until" -gt "$now_s" ] || return 0
        [ -n "$soonest" ] && [ "$soonest" -le "$until" ] || soonest=$until
        turn_gateways
    done
    pause "$((soonest - now_s))"
    return 1
}

tell_error() {
    [ "$error" = "$told_error" ] || say "$error"
    told_error=$error
    write_state waiting
}

go_on() {
    case $outcome in
    up)
        tell_error
        back_off
        return
        ;;
    told)
        tell_error
        draw "$((told_s / 4))"
        pause "$((told_s + drawn))"
        return
        ;;
    denied) bar "$AUTH_WAIT" ;;
    impostor) bar 60 ;;
    esac
    tell_error
    turn_gateways
    tried=$((tried + 1))
    if [ "$tried" -ge "$gateway_count" ]; then
        tried=0
        back_off
    fi
}

verb_run() {
    birth "$$"
    my_birth=$born
    if read_state && [ "$runs_pid" != "$$" ]; then
        say "it runs already, as process $runs_pid"
        exit 0
    fi
    has logger && [ -z "${JOURNAL_STREAM:-}" ] && to_syslog=yes
    state='' written='' error='' verdict=none told_error='' circle=$GATEWAYS gateway='' barred='' tried=0 bound=1
    gateway_count=0
    for word in $(printf '%s\n' "$GATEWAYS"); do gateway_count=$((gateway_count + 1)); done
    read_pace
    find_instance
    begin_trial
    find_client
    name_client
    trap stop TERM INT HUP
    make_files "$live" || fail "the key can not be made ready in $live"
    write_state starting
    # Uninstalled in this very moment.
    [ -r "$self" ] || stop
    pause "$FIRST_WAIT"
    while :; do
        choose_gateway || continue
        live_once
        go_on
    done
}
