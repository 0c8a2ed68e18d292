"""Which module of `checker.model` has which name."""

from __future__ import annotations

NAMES = {
    "action": "Aim Note Outcome Verb aim_from aim_json outcome_from outcome_json",
    "device_name": "name_for parse_calls_itself",
    "enrolment": (
        "ENROLS MOST_APPLICANTS MOST_USES PER_ADDRESS Applicant Enrolment enrolment_of "
        "parse_enrolment_id"
    ),
    "errors": "CheckerError InvalidValue",
    "event": "HOUR_S OPERATOR_KINDS Event EventKind Hour Watched hour_at",
    "flow": "Flow",
    "freed_port": "FreedPort",
    "instant": "parse_past",
    "labels": "LONGEST_NOTE MOST_TAGS parse_note parse_tag parse_tags",
    "machine": "Machine Usage room_for why_too_small",
    "mute": (
        "Mute MuteChange Mutes Selector mute_from mute_json parse_mute_end parse_why "
        "selector_from selector_json"
    ),
    "node": (
        "HOSTKEY NAME_PATTERN NO_RESPONSE OPEN PORTS SHARED_KEY SSH_BANNER VERBS Expect "
        "ExpectKind Forward ForwardRequest Node NodeName Port Publication Target Unregistered "
        "expect_said parse_day parse_expect parse_forward parse_name parse_port parse_target"
    ),
    "policy": "MOST_PORTS TEMPLATE_PORT Policy SharedKey",
    "port_ranges": "PortRanges parse_ranges",
    "public_key": "KEY_TYPES KeyType fingerprint parse_public_key parts_of_key rsa_bits",
    "shown_key": "ShownKey is_comparable mismatch type_of",
    "ssh_access": (
        "SSH_USER expects_ssh host_key_alias is_device_itself known_hosts_file lacks_pin "
        "pinned_keys_file ssh_forwards"
    ),
    "text": "ESCAPES decoded printable unescape",
    "tunnel": (
        "ANSWER_SHOWN HELD_BY IPV4_LOOPBACK IPV6_LOOPBACK NOBODY_LISTENS STALE_INTERVALS "
        "STATUS_MEANING TARGET_SILENT Answer Closed Flaps Listener NoListener Place ProbeFailed "
        "ProbeReply ProcessId Registration Silent Status StayedOpen Tunnel TunnelJson by_place "
        "is_future is_late is_stale joined seen_at stale_at tunnel_json"
    ),
}
"""By module; a test compares them with what the package imports for the type checker."""
HOMES = {name: module for module, names in NAMES.items() for name in names.split()}


def home_of(name: str) -> str:
    """The module that has the name. Raises AttributeError."""
    if name not in HOMES:
        raise AttributeError(f"module 'checker.model' has no attribute {name!r}")
    return f"checker.model.{HOMES[name]}"
