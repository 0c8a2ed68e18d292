"""Private keys in dropbear's format, checked with dropbear's programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.bundle.keyforms import KeyUnusable, escaped, read_key, ssh_number
from tests.client.bundle.samples import forms_of, made_key
from tests.programs import require

KINDS = [
    pytest.param("ed25519", (), id="ed25519"),
    pytest.param("rsa", ("-b", "2048"), id="rsa"),
    pytest.param("ecdsa", ("-b", "384"), id="ecdsa"),
]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_dropbear_reads_the_key_and_finds_the_same_public_one(
    tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    require("dropbearkey")
    forms = forms_of(made_key(tmp_path, kind, *options))
    native = tmp_path / "native"
    native.write_bytes(forms.dropbear)

    said = subprocess.run(
        ["dropbearkey", "-y", "-f", str(native)], capture_output=True, text=True, check=True
    )

    assert forms.public in said.stdout


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_converted_key_equals_dropbearconverts(
    tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    require("dropbearconvert")
    path = made_key(tmp_path, kind, *options)
    converted = tmp_path / "converted"

    subprocess.run(
        ["dropbearconvert", "openssh", "dropbear", str(path), str(converted)],
        check=True,
        capture_output=True,
    )

    assert forms_of(path).dropbear == converted.read_bytes()


def test_the_public_key_is_the_one_that_ssh_keygen_wrote(tmp_path: Path) -> None:
    path = made_key(tmp_path)

    assert forms_of(path).public == " ".join(
        path.with_name(path.name + ".pub").read_text().split()[:2]
    )


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    path = made_key(tmp_path)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(path)], check=True, capture_output=True
    )

    with pytest.raises(KeyUnusable, match="without a passphrase"):
        forms_of(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"-----BEGIN RSA PRIVATE KEY-----\n", b"\xff\xfe"],
    ids=["empty", "pem", "bytes"],
)
def test_content_that_is_not_a_key_is_refused(content: bytes) -> None:
    with pytest.raises(KeyUnusable):
        read_key(content)


@given(st.integers(min_value=1, max_value=2**200))
def test_a_number_reads_back_and_is_never_negative(number: int) -> None:
    form = ssh_number(number)

    assert int.from_bytes(form[:4], "big") == len(form) - 4
    assert int.from_bytes(form[4:], "big", signed=True) == number


@pytest.mark.shell
@pytest.mark.parametrize(
    "shell",
    [("dash",), ("busybox", "ash"), ("bash", "--posix"), ("mksh",), ("yash",)],
    ids=lambda words: words[0],
)
def test_every_shell_prints_every_byte_back(shell: tuple[str, ...]) -> None:
    require(shell[0])
    content = bytes(range(256)) * 2 + b"\\0177%s'\\\\"

    said = subprocess.run(
        [
            shutil.which(shell[0]) or shell[0],
            *shell[1:],
            "-c",
            "printf '%b' \"$1\"",
            "sh",
            escaped(content),
        ],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )

    assert said.stdout == content
