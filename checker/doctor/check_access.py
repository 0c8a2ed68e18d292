"""Judge the key file, private keys, and what the tunnel user must reach. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding


def check_access(facts: Facts) -> Iterator[Finding]:
    yield check_key_file(facts)
    yield check_private_keys(facts)
    yield check_way_in(facts)


def check_key_file(facts: Facts) -> Finding:
    keys, path, user = facts.keys, facts.layout.authorized_keys, facts.user
    update = remedies.update_keys(facts)
    gone = ", ".join(keys.programs_gone)
    return finding(
        "key file",
        f"{path} follows the registry, and only root or the gateway can write it",
        (keys.file is None, f"{path} is missing", update),
        (
            keys.loose is not None,
            f"sshd ignores {path}, or should: others can write {keys.loose}",
            remedies.close_to_others(facts, keys.loose) if keys.loose else "",
        ),
        (
            keys.is_closed and not facts.is_own,
            f"{user} cannot read {path}",
            remedies.init_or(facts, remedies.mode("0644", path))
            if facts.readers is not None
            else remedies.mode("0644", path),
        ),
        (
            bool(gone),
            (
                f"{path} names programs that are gone ({gone}): Python or reversi was upgraded, and"
                " no node can be checked"
            ),
            update,
        ),
        (keys.lag, f"{path} does not follow the registry", update),
    )


def check_private_keys(facts: Facts) -> Finding:
    opened = facts.keys.open_secrets
    return finding(
        "private keys",
        "others can read no private key of the gateway",
        (
            bool(opened),
            f"others can read or write {', '.join(map(str, opened))}",
            remedies.mode("0600", *opened),
        ),
    )


def check_way_in(facts: Facts) -> Finding:
    keys, trouble = facts.keys, facts.keys.unreadable
    return finding(
        "way in",
        f"{facts.user} can reach the gate and the registry",
        (
            trouble is not None,
            trouble.sentence if trouble else "",
            remedies.open_way(trouble) if trouble else "",
        ),
        (
            keys.unreachable is not None,
            f"{facts.user} cannot reach {keys.unreachable}: it may not enter {keys.unreachable_at}",
            remedies.mode("a+x", *filter(None, [keys.unreachable_at])),
        ),
    )
