"""The invariants of a fleet, each as a function of a run's records. Pure.

Each returns a sentence for everything that broke it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from tests.fleet.history.records import (
    Act,
    ActEvent,
    Delivered,
    Edit,
    Healed,
    History,
    Login,
    Look,
    Mirrored,
    Result,
    Sessions,
)

BARRED_WITHIN_S = 5.0
SAME_WITHIN_S = 10.0
Check = Callable[[History], list[str]]


def acknowledged_edits_survive(history: History) -> list[str]:
    """After healing, each field of each node has a value that the last edits may have left."""
    edits = [one for one in history.of(Edit) if one.result is not Result.REFUSED]
    owner = {one.sets["key"]: one.node for one in edits if "key" in one.sets}
    fields = {(one.node, name) for one in edits for name in one.sets}
    found = []
    for look in last_looks(history):
        present = {
            owner.get(values["key"], values["key"]): {"exists": "yes", "name": name, **values}
            for name, values in look.nodes.items()
        }
        unknown = present.keys() - {one.node for one in edits}
        found += [f"{look.gateway}: nobody made the node with key {one}" for one in unknown]
        for node, name in sorted(fields):
            value = present.get(node, {"exists": "no"}).get(name)
            may = possible([one for one in edits if one.node == node and name in one.sets], name)
            if (value is not None or name == "exists") and value not in may:
                found.append(f"{look.gateway}: {name} of {node} is {value}, not of {sorted(may)}")
    return found


def possible(edits: Sequence[Edit], name: str) -> set[str]:
    """Return the values of those edits that no acknowledged one followed."""
    done = [one for one in edits if one.result is Result.DONE]
    return {
        one.sets[name]
        for one in edits
        if not any(later.began > one.ended for later in done if later is not one)
    }


def no_key_or_port_has_two_owners(history: History) -> list[str]:
    """At no look does a key directory let two nodes use one key or one port."""
    found = []
    for look in history.of(Look):
        owners: defaultdict[str, set[str]] = defaultdict(set)
        for line in look.lines:
            owners[f"key {line.key}"].add(line.node)
            for port in line.ports:
                owners[f"port {port}"].add(line.node)
        for what, nodes in sorted(owners.items()):
            if len(nodes) > 1:
                found.append(f"{look.gateway} at {look.began:.1f}: {what} is of {sorted(nodes)}")
    return found


def disabled_keys_open_nothing(history: History) -> list[str]:
    """A key that was barred opens nothing 5 s after a gateway had that edit."""
    return [
        f"{login.gateway}: a key of {barred.node} was open {login.began - at:.1f} s"
        f" after edit {barred.number} ({barred.verb}) was there"
        for login, barred, at in logins_with_a_barred_key(history)
        if login.is_open
    ]


def logins_with_a_barred_key(history: History) -> Iterator[tuple[Login, Edit, float]]:
    """Yield who tried one late enough, what barred it, and when the gateway had that edit."""
    edits = history.of(Edit)
    for login in history.of(Login):
        barred = barred_since(edits, login)
        if barred is not None:
            at = reached(history, barred, login)
            if at is not None and login.began > at + BARRED_WITHIN_S:
                yield login, barred, at


def barred_since(edits: Sequence[Edit], login: Login) -> Edit | None:
    """Return the first edit that barred the key, if none since could have opened it."""
    made = next((one for one in edits if one.sets.get("key") == login.key), None)
    if made is None:
        return None
    barred = None
    for one in sorted((one for one in edits if one.node == made.node), key=lambda one: one.began):
        if one.began > login.began or one.result is Result.REFUSED:
            continue
        opens = one.sets.get("key") == login.key or one.sets.get("enabled") == "yes"
        bars = "no" in (one.sets.get("enabled"), one.sets.get("exists")) or (
            one.sets.get("key", login.key) != login.key
        )
        if opens:
            barred = None
        elif bars and one.result is Result.DONE:
            barred = barred or one
    return barred


def reached(history: History, edit: Edit, login: Login) -> float | None:
    """Return when the gateway of the login had the edit, at the latest; None: that is unknown."""
    if edit.gateway == login.gateway:
        return edit.ended
    times = [
        one.ended
        for one in history.of(Delivered)
        if (one.source, one.gateway) == (edit.gateway, login.gateway) and one.began >= edit.ended
    ]
    times += [one.at for one in history.of(Healed) if one.at >= edit.ended]
    return min(times, default=None)


def revisions_never_fall(history: History) -> list[str]:
    """At no gateway does an entry get a lower revision, or vanish."""
    found = []
    highest: dict[tuple[str, str], int] = {}
    for look in sorted(history.of(Look), key=lambda one: one.began):
        for gateway, name in [key for key in highest if key[0] == look.gateway]:
            rev, before = look.revs.get(name, 0), highest[gateway, name]
            if rev < before:
                found.append(f"{gateway} at {look.began:.1f}: {name} fell from {before} to {rev}")
        highest.update({(look.gateway, name): rev for name, rev in look.revs.items()})
    return found


def registries_are_identical(history: History) -> list[str]:
    """All gateways have the same nodes and entries 10 s after healing."""
    looks = last_looks(history)
    if not looks:
        return ["no gateway was seen after healing"]
    first = looks[0]
    found = []
    for look in looks[1:]:
        for ours, theirs in ((first.nodes, look.nodes), (first.entries, look.entries)):
            names = ours.keys() | theirs.keys()
            found += [
                f"{name}: {first.gateway} has {ours.get(name)}, {look.gateway} {theirs.get(name)}"
                for name in sorted(names)
                if ours.get(name) != theirs.get(name)
            ]
    return found


def last_looks(history: History) -> list[Look]:
    """Return the last look at each gateway, later than 10 s after healing."""
    healed = healed_at(history)
    looks = [one for one in history.of(Look) if one.began >= healed + SAME_WITHIN_S]
    return list({one.gateway: one for one in looks}.values())


def healed_at(history: History) -> float:
    """Return since when nothing is broken; infinity if that never was."""
    return max((one.at for one in history.of(Healed)), default=math.inf)


def acts_happen_once(history: History) -> list[str]:
    """Each letter ended at most one process, with one event that names its signer."""
    return list(wrong_acts(history.of(Act), history.of(ActEvent)))


def wrong_acts(acts: Sequence[Act], events: Sequence[ActEvent]) -> Iterator[str]:
    logged = Counter((one.gateway, one.node, one.actor, one.text) for one in events)
    asked = Counter(
        (one.gateway, one.node, one.by) for one in acts if one.result is not Result.REFUSED
    )
    for (gateway, node, actor, text), count in logged.items():
        if "ended" in text and count > 1:
            yield f"{gateway}: {count} events say {text!r} of {node}"
        if not asked[gateway, node, signer_in(actor)]:
            yield f"{gateway}: nobody asked for {text!r} of {node}, which {actor} did"
    done: Counter[tuple[str, str, str]] = Counter()
    for gateway, node, actor, _ in logged.elements():
        done[gateway, node, signer_in(actor)] += 1
    for key, count in done.items():
        if count > asked[key]:
            yield f"{key}: {count} events for {asked[key]} letters"
    for one in acts:
        if one.result is Result.DONE and not any(
            (event.gateway, event.node, signer_in(event.actor)) == (one.gateway, one.node, one.by)
            and one.sentence in event.text
            for event in events
        ):
            yield f"{one.gateway}: no event of {one.by} says {one.sentence!r} of {one.node}"


def signer_in(actor: str) -> str:
    return actor.partition(" (")[0]


def sessions_stay(history: History) -> list[str]:
    """No fault ends or replaces the sshd process of a tunnel that nobody touched."""
    looks = history.of(Sessions)
    return [
        f"at {look.at:.1f}: the tunnel of {node} was at {pid}, and is at {look.pids.get(node)}"
        for look in looks[1:]
        for node, pid in looks[0].pids.items()
        if look.pids.get(node) != pid
    ]


def nothing_forged_is_believed(history: History) -> list[str]:
    """No mirror has what a stolen member said in the name of that gateway."""
    return [
        f"{one.gateway} at {one.at:.1f}: {what} of {one.of}"
        for one in history.of(Mirrored)
        for what in one.forged
    ]


def mirrors_are_true(history: History) -> list[str]:
    """After healing, each mirror gets to say what that gateway itself says."""
    mirrors = last_mirrors(history)
    found = [f"{one.gateway} of {one.of}: {what}" for one in mirrors for what in one.differs]
    return found if mirrors else ["no mirror was read after healing"]


def last_mirrors(history: History) -> list[Mirrored]:
    """Return the last look at each mirror after healing."""
    healed = healed_at(history)
    looks = [one for one in history.of(Mirrored) if one.at >= healed]
    return list({(one.gateway, one.of): one for one in looks}.values())


CHECKS: dict[str, Check] = {
    "acknowledged edits survive": acknowledged_edits_survive,
    "no key or port has two owners": no_key_or_port_has_two_owners,
    "disabled keys open nothing": disabled_keys_open_nothing,
    "revisions never fall": revisions_never_fall,
    "registries are identical": registries_are_identical,
    "acts happen once": acts_happen_once,
    "sessions stay": sessions_stay,
    "nothing forged is believed": nothing_forged_is_believed,
    "mirrors are true": mirrors_are_true,
}


def violations(history: History) -> dict[str, list[str]]:
    """Return what broke each invariant that was broken."""
    return {name: found for name, check in CHECKS.items() if (found := check(history))}
