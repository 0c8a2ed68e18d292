# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The tunnel's life: claim, hold and beats.

# The instance is a random word. It outlives this process, so that the gateway ends our stale tunnel at once. It does not outlive a boot,
# and is not copied with the installed files, so that the gateway notices a second device with the same key.
find_instance() {
    read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null)
    instance=
    read -r known instance 2>/dev/null <"$live/instance"
    if [ -z "$instance" ] || [ "$known" != "${boot:-none}" ]; then
        new_word
        instance=$word
        printf '%s %s\n' "${boot:-none}" "$instance" >"$live/instance"
    fi
    [ -z "$number" ] || share_instance
}

# Return whether another process of this bundle runs. Set runs_pid and the rest of its state.
read_state() {
    runs_pid='' runs_born='' state='' since='' at='' verdict='' gateway_now='' error=''
    # POSIX allows a shell to exit if the redirection of a loop fails, and yash does.
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
        >"$live/state.new" && mv -f "$live/state.new" "$live/state" || written=
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

# End all processes that we started.
end_all() {
    trap '' TERM INT HUP
    # A process that was just forked may still ignore the signals that the shell traps.
    [ -z "$napping" ] || kill -9 "$napping" 2>/dev/null
    [ -z "$linked" ] || finish
    rm -f "$live/beats.$$" "$live/events.$$"
}

# Stop now, if a signal came while a process was being started: then its PID was not known yet.
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
        outcome=${why%slow}
        [ -n "$again" ] || address='' family=
        outcome=${outcome:-failed}
    fi
    error="$gateway: ${said:-the connection ended}"
}

# Keep one tunnel at $gateway until it ends. Set outcome: up (it was), wait (the gateway asks to), drains, failed, refused or silent (there was no
# TCP connection), busy, taken (no forward), denied or impostor. Claim first if a connection of ours may still hold the ports: this process
# held here last, the bundle is new, or the client would stay without a forward. Else claim only if the gateway refuses a forward, or if it
# prints a number that may be text of the login: a claim shows what a login prints.
live_once() {
    # Somebody may have cleaned up the directory.
    [ -r key ] || make_files "$live"
    if [ "$claim_at" != "$gateway" ] && [ -z "$trial_until$stays" ]; then
        skip='' tail=''
        hold
        case $outcome in taken | unsure) claim_at=$gateway ;; *) return 0 ;; esac
    fi
    outcome=failed asked_s=0
    if ! ask "claim $instance"; then
        take_end
    elif is_count "$answer" && [ "$answer" -eq 0 ]; then
        claim_at=$gateway
        hold
    else
        outcome=wait asked_s=${answer:-60}
        error="$gateway: the gateway asks to wait $asked_s s${said:+: $said}"
    fi
}

hold() {
    # If it is not known what a login prints, the first answer may be lost behind it.
    again='' owed=1 silent=0 outcome=failed asked_s=0 bulky='' heard='' numbers=${skip:-1}
    forget_strays
    start "hold $instance $called" forwards || { take_end; return; }
    sent_s=$begun_s
    printf '\n' >&3
    while next_event; do
        case $event in
        number) take_verdict || break ;;
        tick) pass_tick || break ;;
        late) ! is_stuck || { take_end; break; } ;;
        # The client would stay, and keep its exit status to itself, while somebody is connected through a forward.
        note) case $said in *'reversi: this gateway drains'*) drains; break ;; esac ;;
        end)
            take_end
            [ "$value" != 75 ] || drains
            break
            ;;
        esac
    done
    finish
    [ "$kind-$why" != dropbear-impostor ] || turn_pins
    if [ -n "$again" ]; then
        hold
        return
    fi
    [ "$outcome-$why" != failed-slow ] || slow_down
}

# The gateway may also close the connection, and the client then says only that.
drains() {
    case $said in '' | *'Connection to '*) said="this gateway drains" ;; esac
    outcome=drains error="$gateway: $said"
}

take_verdict() {
    # A login may print numbers of its own, and each login prints the same count.
    [ "${skip:-0}" -le 0 ] || { skip=$((skip - 1)); return 0; }
    silent=0 heard=yes tail='' verdict=$value
    if [ "$value" -gt 0 ]; then
        [ -n "$skip" ] || { outcome=unsure; return 1; }
        outcome=wait asked_s=$value
        error="$gateway: the gateway says that the tunnel does not work and asks to wait $value s"
        return 1
    fi
    case $outcome-$owed-$bulky in up-1-yes) ;; up-1-* | failed-*) set_patience ;; esac
    [ "$owed" -eq 0 ] || owed=$((owed - 1))
    if [ "$outcome" = up ]; then
        confirm
        # Somebody may clean up the directory now, too.
        [ -e "$live/state" ] || { make_files "$live" && written='' && write_state up; } 2>/dev/null
        return 0
    fi
    outcome=up claim_at=$gateway error='' logged_error='' up_at=$now_s
    begin_round
    learn_family
    speed_up
    write_state up
    say "up, at $gateway"
}

beat() {
    # Writing to a full FIFO would block.
    [ "$owed" -lt 999 ] || return 0
    owed=$((owed + 1))
    printf '\n' >&3
}

# On a slow link, a beat and its answer may be queued behind data: moving data is a sign of life, too.
pass_tick() {
    if [ "$outcome" != up ]; then
        judge_trial
        silent=$((silent + 1))
        # The answer to the last beat may have been taken for a number that the login printed.
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
        # More was read than the answer to a beat.
        ! has_read "$1" "$enough" || bulky=yes
        return 0
    fi
    is_silent || return 0
    error="$gateway: the connection hangs: no answer to a beat"
    return 1
}

verb_run() {
    birth "$$"
    my_birth=$born
    if read_state && [ "$runs_pid" != "$$" ]; then
        say "already running, as process $runs_pid"
        exit 0
    fi
    has logger && [ -z "${JOURNAL_STREAM:-}" ] && to_syslog=yes
    state='' written='' error='' verdict=none logged_error='' bound=1 claim_at=''
    begin_round
    read_pace
    find_instance
    begin_trial
    find_client
    name_client
    trap stop TERM INT HUP
    make_files "$live" || fail "cannot write the key to $live"
    write_state starting
    # An uninstall may just have removed the script.
    [ -r "$self" ] || stop
    pause "$FIRST_WAIT"
    while :; do
        choose_gateway || continue
        live_once
        go_on
    done
}
