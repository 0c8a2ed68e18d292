"""Make and end enrolments: their files, and their line in the key file."""

from __future__ import annotations

import contextlib
import os

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.model import ENROLS, MOST_USES, CheckerError, Enrolment, InvalidValue
from checker.registry.authorized_keys import write_keys
from checker.registry.enrolments import (
    UnknownEnrolment,
    enrolment_path,
    read_enrolments,
    refuse_enrolling_key,
    remove_enrolment,
    write_enrolment,
    write_enrolment_key,
)
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.nodes import KeyTaken
from checker.registry.reading import read_registry


class EnrolmentExists(CheckerError):
    """Another enrolment has that id."""

    def __init__(self, id_: str) -> None:
        super().__init__(
            f"there is an enrolment {id_} already; choose another id, or run: reversi-checker enrol"
            f" end {id_}"
        )


def make_enrolment(
    layout: Layout, enrolment: Enrolment, private_key: bytes, command: GateCommand
) -> None:
    """Write an enrolment's files, then its key line; all of it or nothing. Takes the lock. Raises
    EnrolmentExists, KeyEnrols, KeyTaken, InvalidValue, ConfigError.
    """
    refuse_unfit(enrolment)
    with locked(layout):
        refuse_taken(layout, enrolment)
        try:
            write_enrolment_key(layout, enrolment.id, private_key)
            write_enrolment(layout, enrolment)
            write_keys(layout, command)
        except BaseException:
            with contextlib.suppress(ConfigError):  # report the first error
                remove_enrolment(layout, enrolment.id)
                write_keys(layout, command)
            raise


def refuse_unfit(enrolment: Enrolment) -> None:
    """Raises InvalidValue."""
    if not enrolment.forwards:
        raise InvalidValue("an enrolment needs at least one forward for its nodes")
    fixed = next((one.port for one in enrolment.forwards if one.port is not None), None)
    if fixed is not None:
        raise InvalidValue(
            f"port {fixed} can belong to one node only; leave it out, and each node is allotted its"
            " own"
        )
    if max(enrolment.uses, enrolment.per_address) > MOST_USES or enrolment.per_address < 1:
        raise InvalidValue(
            f"an enrolment accepts at most {MOST_USES} devices, and takes 1 to {MOST_USES} a minute"
            " from one address"
        )
    if enrolment.is_auto and not (enrolment.uses and enrolment.expires):
        raise InvalidValue(
            "devices are accepted without a question only up to a number and a day; give both"
            " --uses and --expires"
        )


def refuse_taken(layout: Layout, enrolment: Enrolment) -> None:
    """Raises EnrolmentExists, KeyEnrols, KeyTaken, InvalidValue, ConfigError."""
    if os.path.lexists(enrolment_path(layout, enrolment.id)):
        raise EnrolmentExists(enrolment.id)
    refuse_enrolling_key(layout, (enrolment.public_key,))
    if enrolment.public_key in load_config(layout.config).shared_key.public_keys:
        raise InvalidValue(
            "that public key is the shared one ([shared_key] in reversi.toml); an enrolment needs a"
            " key of its own"
        )
    for node in read_registry(layout.nodes).nodes.values():
        if enrolment.public_key in node.public_keys:
            raise KeyTaken(node.name)


def end_enrolment(layout: Layout, id_: str, command: GateCommand) -> Enrolment | None:
    """Withdraw an enrolment's key, then remove its files; return it, None if its file was broken.
    Takes the lock. Raises UnknownEnrolment, ConfigError.
    """
    with locked(layout):
        there = read_enrolments(layout.enrolments)
        if id_ not in there.found and id_ not in there.broken:
            raise UnknownEnrolment(id_, there.found)
        write_keys(layout, command, without={f"{ENROLS}{id_}"})
        try:
            remove_enrolment(layout, id_)
        except BaseException:
            with contextlib.suppress(ConfigError):  # report the first error
                write_keys(layout, command)
            raise
        return there.found.get(id_)
