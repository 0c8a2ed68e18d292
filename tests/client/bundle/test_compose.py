"""The text of a bundle: its content, its size, and that it is reproducible."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.bundle.compose import header, render
from tests.client.bundle.samples import OFFICE, changed, forms_of, made_key
from tests.programs import require

FLASH = 16_000


def installed(text: str) -> str:
    """Return the script that a bundle installs, made by the bundle's own function `core`."""
    require("dash")
    core = "\n".join(re.findall(r"^(?:bare|core)\(\) .*$", text, re.MULTILINE))
    with tempfile.NamedTemporaryFile("w", suffix=".sh", encoding="ascii") as file:
        file.write(text)
        file.flush()
        script = f'self=$1\nwhole() {{ cat "$self"; }}\n{core}\ncore'
        return subprocess.run(
            ["dash", "-c", script, "dash", file.name], capture_output=True, text=True, check=True
        ).stdout


def assignments(text: str, *names: str) -> list[str]:
    """Return variables as a shell reads them from the text."""
    require("dash")
    script = f"{text}\nprintf '%s\\0' " + " ".join(f'"${name}"' for name in names)
    said = subprocess.run(["dash", "-c", script], capture_output=True, text=True, check=True)
    return said.stdout.split("\0")[:-1]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render(changed()) == render(changed())


def test_only_the_header_differs_between_nodes() -> None:
    one, other = render(OFFICE), render(changed(node="roof", gateways=("10.0.0.1:2222",)))

    assert one.partition("\nset -u\n")[2] == other.partition("\nset -u\n")[2]


def test_the_shell_reads_the_builders_values() -> None:
    said = assignments(
        header(OFFICE), "NODE", "GATEWAYS", "FORWARDS", "HOST_KEYS", "KEY", "KEY_OPENSSH", "BEAT"
    )

    assert said == [
        "office",
        "gateway.example.org:22",
        "20010:127.0.0.1:22 20011:192.168.1.20:443",
        "ssh-ed25519 AAAAhost\nssh-rsa AAAArsa",
        "embed",
        "an OpenSSH key",
        "10",
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40))
def test_no_text_leaves_its_quotes(text: str) -> None:
    assert assignments(header(changed(node=text, settings={"client": text})), "NODE", "CLIENT") == [
        text,
        text,
    ]


def test_a_bundle_for_a_device_key_has_no_key() -> None:
    key, openssh, node_add = assignments(
        header(changed(key=None)), "KEY", "KEY_OPENSSH", "NODE_ADD"
    )

    assert (key, openssh) == ("device", "")
    assert node_add == OFFICE.node_add
    assert "an OpenSSH key" not in render(changed(key=None))


def test_the_installed_script_is_small_enough_for_a_router(tmp_path: Path) -> None:
    rsa, ecdsa, ed25519 = (
        forms_of(made_key(tmp_path, *words))
        for words in (("rsa", "-b", "3072"), ("ecdsa",), ("ed25519",))
    )
    host_keys = (ed25519.public, rsa.public, ecdsa.public)

    texts = [installed(render(changed(key=key, host_keys=host_keys))) for key in (ed25519, rsa)]

    assert max(len(text.encode()) for text in texts) < FLASH


def test_the_installed_script_has_no_comments_and_no_indentation(tmp_path: Path) -> None:
    lines = installed(render(changed(key=forms_of(made_key(tmp_path))))).splitlines()

    assert lines[:2] == ["#!/bin/sh", "# shellcheck disable=SC1090,SC2034"]
    assert [line for line in lines[2:] if not line or line.startswith(("#", " "))] == []


@pytest.mark.parametrize(
    ("cut", "enrolment"),
    [
        pytest.param(lambda text: text, "", id="bundle"),
        pytest.param(installed, "", id="installed"),
        pytest.param(lambda text: text, "yard", id="enrolment"),
    ],
)
def test_shellcheck_accepts_what_ships(tmp_path: Path, cut: object, enrolment: str) -> None:
    require("shellcheck")
    assert callable(cut)
    path = tmp_path / "office.sh"
    key = forms_of(made_key(tmp_path))
    path.write_text(cut(render(changed(key=key, enrolment=enrolment))))

    said = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)

    assert said.stdout == ""
    assert said.returncode == 0


@pytest.mark.shell
@pytest.mark.parametrize(
    "shell",
    [("dash",), ("busybox", "ash"), ("bash", "--posix"), ("mksh",), ("yash",)],
    ids=lambda words: words[0],
)
def test_every_shell_can_parse_it(tmp_path: Path, shell: tuple[str, ...]) -> None:
    require(shell[0])
    path = tmp_path / "office.sh"
    path.write_text(render(changed(enrolment="yard")))

    said = subprocess.run([*shell, "-n", str(path)], capture_output=True, text=True, check=False)

    assert (said.returncode, said.stderr) == (0, "")


def test_only_portable_shell_features_are_used() -> None:
    text = render(changed(enrolment="yard"))
    body = re.sub(r"(?m)#.*$", "", text.partition("\nset -u\n")[2])

    assert not re.search(
        r"\[\[|(?m:^\s*local )|\$RANDOM|\becho\b|\beval\b|\bfunction |<<<|\$'|\bset -e\b|&>", body
    )
