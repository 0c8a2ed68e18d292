# shellcheck shell=sh disable=SC2034,SC2154 # the parts become one file, and share their variables
# The way in.

main() {
    verb=${1:-help}
    case $verb in
    run | status | check | boot | keep | watch) ;;
    install | uninstall | upgrade | help) has "verb_$verb" || fail "not from here, but with a bundle of this node, maybe one built anew: sh $NODE.sh $verb" ;;
    *) fail "$verb is not known; see: sh $self help" ;;
    esac
    [ $# -eq 0 ] || shift
    if [ "$verb ${1:-}" = 'run --screen' ]; then
        run_in_screen
    else
        "verb_$verb" "$@"
    fi
}

find_places
main "$@"
