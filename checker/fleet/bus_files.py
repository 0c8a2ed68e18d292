"""The files of a gateway's nats-server, in `fleet/bus/`: key, certificates, passwords, settings."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ipaddress
import os
import secrets
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from checker.config.files import present_file, write_changed, write_secret
from checker.config.layout import SYSTEM, Layout
from checker.config.settings import FleetSettings
from checker.config.toml_file import ConfigError
from checker.fleet.believed import members
from checker.fleet.bus_config import (
    CERTIFICATE_FILE,
    CONFIG_FILE,
    KEY_FILE,
    MEMBERS_FILE,
    USERS,
    BusPlan,
    Version,
    bus_config,
    members_pem,
    on_the_bus,
    parse_version,
)
from checker.fleet.card_files import good_cards, remover
from checker.fleet.secret_files import secret_path
from checker.model import parse_target
from checker.model.gateway_id import GatewayId

NOT_BEFORE, NOT_AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
"""A pinned certificate does not expire: its card does. A wrong clock must not close the bus."""
VERSION_WITHIN_S = 10
BUS_STATE = Path("/var/lib/reversi-bus")
PLACES = ("/usr/sbin", "/usr/local/sbin")
"""Where Debian's package has nats-server, and PATH of a user often ends."""


def bus_folder(layout: Layout) -> Path:
    return layout.fleet / "bus"


def bus_store(layout: Layout) -> Path:
    """Return the directory of JetStream."""
    return BUS_STATE if layout.home is None else layout.home / "fleet-bus"


def password_path(layout: Layout, user: str) -> Path:
    return bus_folder(layout) / f"{user}.password"


def password_of(layout: Layout, user: str) -> str:
    """Return the password of a user of the bus. Raises ConfigError."""
    path = secret_path(password_path(layout, user), os.environ)
    found = present_file(path)
    if found is None:
        raise ConfigError(
            path,
            "does not exist: this gateway is on no bus; see: reversi-checker fleet card --bus",
        )
    return found.decode("ascii", "replace").strip()


def certificate_for(layout: Layout, id_: GatewayId, bus: str) -> tuple[str, str]:
    """Return this gateway's certificate for the bus, in base64, and its pin; make key and
    certificate if they are missing, or the address is another one. Raises ConfigError.
    """
    folder = bus_folder(layout)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = bus_key(folder / KEY_FILE)
    host = parse_target(bus).host
    found = present_certificate(folder / CERTIFICATE_FILE)
    if found is None or not is_for(found, key, host):
        found = new_certificate(key, id_, host)
        encoded = found.public_bytes(serialization.Encoding.PEM)
        write_secret(folder / CERTIFICATE_FILE, encoded)
    der = found.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode(), pin_of(key)


def bus_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Raises ConfigError."""
    content = present_file(path)
    if content is None:
        key = ec.generate_private_key(ec.SECP256R1())
        content = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_secret(path, content)
        return key
    try:
        found = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(path, f"is not a private key ({error}); remove it") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ConfigError(path, "is not a key as we make it; remove it")
    return found


def present_certificate(path: Path) -> x509.Certificate | None:
    content = present_file(path)
    if content is not None:
        with contextlib.suppress(ValueError):
            return x509.load_pem_x509_certificate(content)
    return None


def pin_of(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the SHA-256 of the public key. Source: docs.nats.io, `pinned_certs`."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(
        key.public_key().public_bytes(serialization.Encoding.DER, form)
    ).hexdigest()


def is_for(found: x509.Certificate, key: ec.EllipticCurvePrivateKey, host: str) -> bool:
    """Return whether a certificate is of this key and host."""
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return list(names) == [host_name(host)] and found.public_key() == key.public_key()


def host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def new_certificate(key: ec.EllipticCurvePrivateKey, id_: GatewayId, host: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"reversi {id_}")])
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.SubjectAlternativeName([host_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(uses, critical=False)
        .sign(key, hashes.SHA256())
    )


def write_bus(layout: Layout, fleet: FleetSettings) -> bool:
    """Write what this gateway's nats-server reads, as the cards say; return whether that changed.
    Nothing is done on a gateway that is on no bus. Raises ConfigError.
    """
    cards = members(good_cards(layout), signed=fleet.signed)
    drafts = {one.card.id: one.card for one in good_cards(layout)}
    own = drafts.get(GatewayId(fleet.name))
    folder = bus_folder(layout)
    if own is None or not own.bus or remover(layout, fleet):
        (folder / CONFIG_FILE).unlink(missing_ok=True)  # no service starts without it
        return False
    others = [one for one in on_the_bus(cards.values()) if one.id != own.id]
    plan = BusPlan(
        own=own,
        others=others,
        port=fleet.bus_port,
        passwords={user: own_password(layout, user) for user in USERS},
        store=str(bus_store(layout)),
        version=nats_version(),
    )
    texts = {
        MEMBERS_FILE: members_pem([own, *others]),
        CONFIG_FILE: bus_config(plan),
    }
    is_changed = False
    for name, text in texts.items():
        is_changed |= present_file(folder / name) != text.encode()
        write_changed(folder / name, text.encode(), mode=0o600)
    return is_changed


def own_password(layout: Layout, user: str) -> str:
    """Return the password of a user, and make one if it has none yet. Raises ConfigError."""
    path = password_path(layout, user)
    if present_file(path) is None:
        write_secret(path, f"{secrets.token_urlsafe(24)}\n".encode())
    return password_of(layout, user)


def nats_program() -> str | None:
    """Return the path of nats-server; None if it is not installed."""
    return shutil.which("nats-server", path=os.pathsep.join((os.environ.get("PATH", ""), *PLACES)))


def nats_version() -> Version | None:
    """Return the version of the nats-server that is installed; None without one."""
    program = nats_program()
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=VERSION_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout + done.stderr)


def refresh_bus(layout: Layout, fleet: FleetSettings) -> None:
    """Have the nats-server follow the cards. A restart costs the view of the fleet two seconds, and
    no tunnel anything. Raises ConfigError.
    """
    if write_bus(layout, fleet) and layout == SYSTEM:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["systemctl", "--no-block", "try-restart", "reversi-bus.service"],
                capture_output=True,
                check=False,
                timeout=VERSION_WITHIN_S,
            )
