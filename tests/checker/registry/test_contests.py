"""Which node keeps a right that several files ask for. With real files, see test_kept_rights.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from checker.model import NodeName, Port
from checker.registry.contests import Contest, Right, contested, disputants

NAMES = tuple(map(NodeName, "abcd"))
RIGHTS: tuple[Right, ...] = (Port(1), Port(2), Port(3), "key 1", "key 2")
owners = st.dictionaries(st.sampled_from(RIGHTS), st.sampled_from(NAMES))
wishes = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(RIGHTS)))
ages = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.floats(0, 9)))


def asked_by(**rights: set[Right]) -> dict[NodeName, frozenset[Right]]:
    return {NodeName(name): frozenset(own) for name, own in rights.items()}


def test_a_right_stays_with_the_key_line_even_if_the_file_is_younger() -> None:
    asked = asked_by(old={Port(1)}, held={Port(1)})
    ages = {NodeName("old"): (1.0,), NodeName("held"): (2.0,)}

    contest = Contest(asked=asked, held=asked_by(held={Port(1)}), ages=ages)

    assert contest.settle() == {"old": (Port(1), "held")}


def test_without_a_key_line_the_older_file_keeps_it() -> None:
    asked = asked_by(young={"key"}, old={"key"})
    ages = {NodeName("young"): (2.0,), NodeName("old"): (1.0,)}

    assert Contest(asked=asked, held={}, ages=ages).settle() == {"young": ("key", "old")}


def test_a_loser_keeps_what_its_line_allows_from_a_third_node() -> None:
    asked = asked_by(a={Port(1)}, b={Port(1)}, c={Port(2)})
    held = asked_by(a={Port(1)}, b={Port(2)})

    assert Contest(asked=asked, held=held, ages={}).settle() == {
        "b": (Port(1), "a"),
        "c": (Port(2), "b"),
    }


def test_an_unreadable_file_loses_nothing_that_its_line_allows() -> None:
    contest = Contest(
        asked=asked_by(a={Port(1)}),
        held=asked_by(broken={Port(1)}),
        ages={},
        unreadable={NodeName("broken")},
    )

    assert contest.settle() == {"a": (Port(1), "broken")}


def held_by(owners: dict[Right, NodeName]) -> dict[NodeName, frozenset[Right]]:
    """The rights that the lines of all names allow."""
    return {
        name: frozenset(right for right, owner in owners.items() if owner == name) for name in NAMES
    }


@given(asked=wishes, owners=owners, ages=ages, broken=st.frozensets(st.sampled_from(NAMES)))
def test_no_right_is_left_with_two_nodes(
    asked: dict[NodeName, frozenset[Right]],
    owners: dict[Right, NodeName],
    ages: dict[NodeName, tuple[float, ...]],
    broken: frozenset[NodeName],
) -> None:
    readable = {name: rights for name, rights in asked.items() if name not in broken}
    held = held_by(owners)

    lost = Contest(asked=readable, held=held, ages=ages, unreadable=broken).settle()

    left = {
        **{name: rights for name, rights in readable.items() if name not in lost},
        **{name: held[name] for name in (*lost, *broken)},
    }
    assert not contested(left)
    assert lost.keys() <= readable.keys()
    assert all(owner != name for name, (_, owner) in lost.items())


def test_a_node_whose_rights_nobody_disputes_does_not_take_part() -> None:
    asked = asked_by(a={Port(1)}, b={Port(1)}, c={Port(2)}, d={Port(3)})
    held = asked_by(b={Port(2)}, d={Port(3)})

    names = disputants(asked, lambda some: {one: held[one] for one in some if one in held}, ())

    assert names == {"a", "b", "c"}, "c asks for what the line of b allows"


@given(asked=wishes, owners=owners, ages=ages, broken=st.frozensets(st.sampled_from(NAMES)))
def test_a_contest_among_the_disputants_ends_as_one_among_all(
    asked: dict[NodeName, frozenset[Right]],
    owners: dict[Right, NodeName],
    ages: dict[NodeName, tuple[float, ...]],
    broken: frozenset[NodeName],
) -> None:
    readable = {name: rights for name, rights in asked.items() if name not in broken}
    held = held_by(owners)

    names = disputants(readable, lambda some: {one: held[one] for one in some}, broken)

    few = Contest(
        asked={name: rights for name, rights in readable.items() if name in names},
        held={name: held[name] for name in names},
        ages=ages,
        unreadable=broken,
    )
    assert few.settle() == Contest(asked=readable, held=held, ages=ages, unreadable=broken).settle()
