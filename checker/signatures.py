"""Sign texts, and verify signatures, as `ssh-keygen -Y` does: the keys are those for logging in.

Source: ssh-keygen(1), ALLOWED SIGNERS; PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.model import CheckerError, InvalidValue, fingerprint, parse_public_key
from checker.model.gateway_id import SIGNER_PATTERN
from checker.model.public_key import KEY_TYPES

REGISTRY = "reversi-registry"
"""The namespace of entries and cards: a signature for another purpose does not count."""
ACT = "reversi-act"
"""The namespace of letters, which ask another gateway for an act."""
SIGNERS = "allowed_signers"
"""In the directory of the fleet: who may sign. Root writes it by hand."""
SIGNED_WITHIN_S = 120
"""A key on a token waits until it is touched."""
VERIFIED_WITHIN_S = 30
AGENT = "SSH_AUTH_SOCK"
NAMESPACES = re.compile(r'namespaces="([^"]*)"')
KEY_FILE = "REVERSI_SIGNING_KEY"
"""An environment variable: the file of the key to sign with."""


class NoKey(CheckerError):
    """There is no key at hand with which we may sign."""


class NotSigned(CheckerError):
    """ssh-keygen did not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedKey:
    """A key that may sign, and whose it is."""

    signer: str
    key: str
    """`TYPE BASE64`."""
    namespaces: tuple[str, ...] = ()
    """Patterns of what it may sign; none: everything."""
    is_dated: bool = False
    """Whether it counts for some time only."""

    def may(self, namespace: str) -> bool:
        """Return whether it may sign for this purpose, whatever its dates say."""
        barred = any(fnmatchcase(namespace, one[1:]) for one in self.namespaces if one[:1] == "!")
        wanted = any(fnmatchcase(namespace, one) for one in self.namespaces)
        return not self.namespaces or (wanted and not barred)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that can sign now."""

    signer: str
    file: Path | None
    """The private key, or a public one whose private part an agent has; None: `key` says it."""
    key: str = ""


def allowed_keys(path: Path) -> tuple[AllowedKey, ...]:
    """Return the keys in allowed_signers that one person has, to find ours among them; ssh-keygen
    itself decides whether a signature counts. Raises ConfigError.
    """
    return tuple(filter(None, map(allowed_key, signer_lines(path))))


def names_all(path: Path) -> bool:
    """Return whether each line in allowed_signers is about one person with one key, so that
    `allowed_keys` has every key that can count. Raises ConfigError.
    """
    return all(allowed_key(one) and "," not in one.split()[0] for one in signer_lines(path))


def signer_lines(path: Path) -> list[str]:
    """Raises ConfigError."""
    text = beginning(path, MOST_BYTES).decode("utf-8", "replace") if path.exists() else ""
    return [one for one in text.splitlines() if one.strip() and not one.lstrip().startswith("#")]


def allowed_key(line: str) -> AllowedKey | None:
    """Parse a line; None if it names nobody, a pattern, or an authority for certificates."""
    names, *more = line.split(maxsplit=1)
    rest = more[0] if more else ""
    signer = next(filter(SIGNER_PATTERN.match, names.split(",")), None)
    try:
        words = shlex.split(rest, comments=False)
        at = next(number for number, word in enumerate(words) if word in KEY_TYPES)
        key = parse_public_key(" ".join(words[at : at + 2]))
    except (ValueError, StopIteration, InvalidValue):
        return None
    options = rest[: rest.index(words[at])].lower()
    if signer is None or "cert-authority" in options:
        return None
    purposes = NAMESPACES.search(options)
    return AllowedKey(
        signer=signer,
        key=key,
        namespaces=tuple(purposes[1].split(",")) if purposes else (),
        is_dated="valid-" in options,
    )


def find_key(
    allowed: Sequence[AllowedKey], file: Path | None, environ: Mapping[str, str], purpose: str
) -> SigningKey:
    """Return the key to sign with: of this file, else of the file that the environment names, else
    the first one in the agent that is allowed for the purpose. Raises NoKey, ConfigError.
    """
    given = file or (Path(environ[KEY_FILE]) if environ.get(KEY_FILE) else None)
    if given is not None:
        return key_in_file(allowed, given, purpose)
    if not environ.get(AGENT):
        raise NoKey(
            f"no key to sign with: name its file with --key, or bring your agent ({AGENT}; with"
            f" sudo: --preserve-env={AGENT})"
        )
    keys = keys_in_agent()
    for key in keys:
        signer = signer_of(allowed, key, purpose)
        if signer:
            return SigningKey(signer=signer, file=None, key=key)
    is_known = any(one.key in keys for one in allowed)
    why = f"may sign for {purpose}, by its line" if is_known else "is"
    raise NoKey(f"none of the {len(keys)} keys in your agent {why} in allowed_signers")


def key_in_file(allowed: Sequence[AllowedKey], file: Path, purpose: str) -> SigningKey:
    """Raises NoKey, ConfigError."""
    public = file if file.suffix == ".pub" else file.with_name(f"{file.name}.pub")
    try:
        key = parse_public_key(beginning(public, MOST_BYTES).decode("utf-8", "replace"))
    except InvalidValue as error:
        raise ConfigError(public, str(error)) from error
    signer = signer_of(allowed, key, purpose)
    if signer is None:
        is_known = any(one.key == key for one in allowed)
        why = f"may not sign for {purpose}, by its line" if is_known else "is not"
        raise NoKey(f"the key {file} ({fingerprint(key)}) {why} in allowed_signers")
    return SigningKey(signer=signer, file=file)


def signer_of(allowed: Sequence[AllowedKey], key: str, purpose: str) -> str | None:
    return next((one.signer for one in allowed if one.key == key and one.may(purpose)), None)


def keys_in_agent() -> list[str]:
    """Return the keys that the agent has; none if it does not answer."""
    done = run(["ssh-add", "-L"], b"")
    found = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        try:
            found.append(parse_public_key(line))
        except InvalidValue:
            continue  # a certificate, or what the agent says if it has no key
    return found


def sign(
    texts: Sequence[bytes],
    key: SigningKey,
    namespace: str = REGISTRY,
    *,
    may_ask: bool = True,
) -> list[bytes]:
    """Return an armoured signature of each text; all by one process, so that it asks for a
    passphrase as seldom as it can. `may_ask`: it may ask at the terminal. Raises NotSigned.
    """
    if not texts:
        return []
    with tempfile.TemporaryDirectory(prefix="reversi-") as name:
        folder = Path(name)
        file = key.file
        if file is None:
            file = folder / "key.pub"
            file.write_text(f"{key.key}\n", encoding="ascii")
        paths = [folder / f"{number}" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text)
        words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(file), "-n", namespace]
        done = run([*words, *map(str, paths)], b"", may_ask=may_ask, within_s=SIGNED_WITHIN_S)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise NotSigned(f"nothing was signed: {said[-1] if said else 'ssh-keygen failed'}")
        return [path.with_name(f"{path.name}.sig").read_bytes() for path in paths]


def sign_for_registry(
    texts: Sequence[bytes], key: SigningKey, allowed: Path, *, may_ask: bool = True
) -> list[bytes]:
    """Sign entries or cards, as `sign` does, if by this file of allowed signers that counts. Raises
    NotSigned.
    """
    found = sign(texts, key, may_ask=may_ask)
    if found and not is_signed_by(texts[0], found[0], key.signer, allowed):
        raise NotSigned(
            f"nothing was signed: the line of {key.signer} in {allowed} does not allow it; it needs"
            f" {REGISTRY} in its namespaces, and dates that are not over"
        )
    return found


def is_signed_by(
    text: bytes,
    signature: bytes,
    signer: str,
    allowed: Path,
    namespace: str = REGISTRY,
) -> bool:
    """Return whether this signer, by the file of allowed signers, signed the text for this
    purpose.
    """
    if not signature or not SIGNER_PATTERN.match(signer):
        return False
    with tempfile.TemporaryFile() as file:  # without a name, nothing is left if we are killed
        file.write(signature)
        file.seek(0)
        words = (
            "-n",
            namespace,
            "-I",
            signer,
            "-f",
            str(allowed),
            "-s",
            f"/dev/fd/{file.fileno()}",
        )
        done = run(["ssh-keygen", "-Y", "verify", "-q", *words], text, kept=[file.fileno()])
    return done.returncode == 0


def run(
    words: list[str],
    given: bytes,
    *,
    may_ask: bool = False,
    within_s: float = VERIFIED_WITHIN_S,
    kept: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of OpenSSH, which gets the descriptors `kept`; without `may_ask`, away from the
    terminal. Raises CheckerError.
    """
    environ = {**os.environ, "LC_ALL": "C", **({} if may_ask else {"SSH_ASKPASS_REQUIRE": "never"})}
    try:
        return subprocess.run(
            words,
            input=given,
            capture_output=True,
            check=False,
            timeout=within_s,
            env=environ,
            start_new_session=not may_ask,
            pass_fds=kept,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckerError(f"{words[0]} did not end within {within_s:g} s") from error
    except FileNotFoundError as error:
        raise CheckerError(
            f"{words[0]} is not installed; as root, run: apt-get install openssh-client"
        ) from error
