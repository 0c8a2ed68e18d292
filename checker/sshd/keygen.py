"""Make SSH keys: for a node, and host keys for a private sshd."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from checker.config.files import make_folder
from checker.config.toml_file import ConfigError
from checker.model import CheckerError, KeyType

MADE_WITHIN_S = 300
"""An RSA key takes seconds, on a busy machine more than half a minute."""
RSA_BITS = 3072
BITS: dict[KeyType, tuple[str, ...]] = {KeyType.ED25519: (), KeyType.RSA: ("-b", str(RSA_BITS))}


def make_key(path: Path, *, comment: str, kind: KeyType = KeyType.ED25519) -> None:
    """Make a key pair, without passphrase, at `path` and `path.pub`. Raises CheckerError."""
    words = ("-q", "-t", kind.value, *BITS[kind], "-N", "", "-C", comment, "-f", str(path))
    try:
        made = subprocess.run(
            ("ssh-keygen", *words),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=MADE_WITHIN_S,
        )
    except FileNotFoundError as error:
        raise CheckerError(
            "ssh-keygen is not installed; as root, run: apt-get install openssh-client"
        ) from error
    if made.returncode:
        raise CheckerError(
            f"the key {path} cannot be made: {made.stderr.strip() or made.stdout.strip()}"
        )


def make_key_pair(comment: str, kind: KeyType = KeyType.ED25519) -> tuple[bytes, str]:
    """Return a new private key in OpenSSH's format, and its public line; neither stays on the disk.
    Raises CheckerError.
    """
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        path = Path(folder) / "key"
        make_key(path, comment=comment, kind=kind)
        return path.read_bytes(), path.with_suffix(".pub").read_text(encoding="ascii")


def pair_in_memory(kind: KeyType = KeyType.ED25519) -> tuple[bytes, str]:
    """Return a new private key in OpenSSH's format, without a comment, and its public key, `TYPE
    BASE64`.

    For many pairs: an ed25519 one takes 0.1 ms here, and 5 ms and a process with ssh-keygen.
    """
    # takes longer to load than ssh-keygen to make one pair
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = (
        Ed25519PrivateKey.generate()
        if kind is KeyType.ED25519
        else generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    )
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return private, public.decode("ascii")


def host_key_line(path: Path) -> str:
    """Return the public host key, `TYPE BASE64`. Raises ConfigError."""
    public = path.with_name(path.name + ".pub")
    try:
        return " ".join(public.read_text(encoding="ascii").split()[:2])
    except OSError as error:
        raise ConfigError(
            public, f"cannot be read ({error.strerror}); the node needs it to know its gateway"
        ) from error


def rsa_beside(host_key: Path) -> Path:
    """Return the path of the RSA host key: a dropbear built for small flash knows no other type."""
    return host_key.with_name("ssh_host_rsa_key")


def make_host_key(path: Path) -> None:
    """Make an ed25519 host key, and an RSA one beside it, unless they exist. Raises
    CheckerError.
    """
    if path.exists():
        return
    make_folder(path.parent)
    if not rsa_beside(path).exists():
        make_key(rsa_beside(path), comment="reversi", kind=KeyType.RSA)
    make_key(path, comment="reversi")
