# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The command line.

main() { # [VERB [OPTION]]
    case ${1:-} in '' | -h | --help) verb=help ;; *) verb=$1 ;; esac
    option=${2:-}${3:+ $3}
    case $verb in
    status) ;;
    run | check | boot | keep | watch) read_keys ;;
    install | uninstall | upgrade | confirmed | help) has "verb_$verb" || fail "the installed script has no $verb; use a bundle of this node (any, or a new one): sh $NODE.sh $verb" ;;
    *) fail "unknown verb $verb; see: sh $self help" ;;
    esac
    case $verb$option in
    run--screen) run_in_screen ;;
    "$verb" | install--offline | upgrade--offline) "verb_$verb" "$option" ;;
    *) fail "$verb has no option $option; see: sh $self help" ;;
    esac
}

find_places
main ${1+"$@"}
