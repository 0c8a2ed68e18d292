"""`reversi-client build --enrol ID`: one bundle for many devices, which ask to become nodes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from checker.config.files import write_secret
from checker.config.layout import Layout
from checker.model import CheckerError, Enrolment, parse_enrolment_id
from checker.model.enrolment import ENROLS
from checker.registry.enrolments import enrolment_key_path, read_enrolment
from client.bundle.build import CannotBuild, Source, checker_words, confirm, find_source, key_in
from client.bundle.compose import WAITS_AS, Bundle, render
from client.bundle.keyforms import KeyForms
from client.bundle.noted_pins import note_enrolment, pins_in
from client.bundle.options import BuildOptions


def enrolment_key(layout: Layout, enrolment: Enrolment) -> KeyForms:
    """Read the enrolment's private key. Raises CannotBuild."""
    file = enrolment_key_path(layout, enrolment.id)
    if not os.access(file, os.R_OK, effective_ids=True) and os.path.lexists(file):
        raise CannotBuild(f"{file} can be read by root only: build with sudo")
    forms = key_in(file)
    if forms.public != enrolment.public_key:
        raise CannotBuild(
            f"{file} is not the private key of enrolment {enrolment.id}: it does not match its"
            " public key; make another enrolment with: reversi-checker enrol new"
        )
    return forms


def open_enrolment(layout: Layout, id_: str, now: float) -> Enrolment:
    """Read an enrolment that still takes devices. Raises CheckerError, CannotBuild."""
    enrolment = read_enrolment(layout, parse_enrolment_id(id_))
    closed = enrolment.why_closed(now)
    if closed:
        raise CannotBuild(
            f"enrolment {id_} takes no device any more: {closed}; make another with:"
            " reversi-checker enrol new"
        )
    return enrolment


def enrolment_bundle(source: Source, enrolment: Enrolment, wanted: BuildOptions) -> Bundle:
    """Collect the content of the bundle. Raises CannotBuild."""
    return Bundle(
        node=f"{WAITS_AS}{enrolment.id}",
        gateways=source.gateways,
        user=source.config.tunnel_user,
        forwards=(),
        host_keys=source.pins.lines,
        key=enrolment_key(source.layout, enrolment),
        # The device puts the name of its node in place of the sign.
        node_add=checker_words(source, "node", "rekey", ENROLS, "--public-key", "-"),
        settings=wanted.settings,
        enrolment=enrolment.id,
    )


def build_enrolment(wanted: BuildOptions) -> Path:
    """Carry out `build --enrol`, and return the bundle's path. Raises CannotBuild."""
    try:
        source = find_source(wanted)
        enrolment = open_enrolment(source.layout, wanted.enrolment, time.time())
        bundle = enrolment_bundle(source, enrolment, wanted)
        confirm(source, wanted, sys.stderr)
        path = wanted.output or wanted.output_dir / f"reversi-{enrolment.id}.sh"
        pins = pins_in(bundle, source.pins, int(time.time()))
        note_enrolment(source.layout, enrolment.id, pins)
        write_secret(path, render(bundle).encode())
    except CheckerError as error:
        raise CannotBuild(str(error)) from error
    said = f"reversi-client: wrote {path}; on each device: sh {path.name} install"
    print(said, file=sys.stderr)
    return path
