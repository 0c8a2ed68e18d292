"""Files as editors and shells of Windows save them: with a byte order mark, as UTF-16, in CR LF."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.toml_file import read_toml
from checker.control.client_files import read_public_key
from checker.model import parse_public_key
from checker.registry.node_file import edited_toml, read_node
from client.bundle.keyforms import read_key
from client.config import load_config
from client.login import private_key
from tests.client import samples
from tests.client.bundle.samples import made_key

FORMS = [
    pytest.param("utf-8-sig", "\n", id="mark"),
    pytest.param("utf-8-sig", "\r\n", id="mark and CR LF"),
    pytest.param("utf-8", "\r\n", id="CR LF"),
    pytest.param("utf-16", "\r\n", id="UTF-16"),
]
pytestmark = pytest.mark.parametrize(("encoding", "ending"), FORMS)


def save(path: Path, text: str, encoding: str, ending: str) -> Path:
    path.write_bytes(text.replace("\n", ending).encode(encoding))
    path.chmod(0o600)
    return path


def test_the_clients_file_and_its_key_are_read(tmp_path: Path, encoding: str, ending: str) -> None:
    made = made_key(tmp_path)
    file = save(tmp_path / "office.toml", samples.TEXT, encoding, ending)
    save(tmp_path / "office.key", made.read_text(), encoding, ending)

    config = load_config(file)

    assert config.node == "office"
    public = private_key(config).export_public_key().decode()
    assert parse_public_key(public) == parse_public_key(made.with_suffix(".pub").read_text())


def test_a_public_key_is_read(tmp_path: Path, encoding: str, ending: str) -> None:
    text = made_key(tmp_path).with_suffix(".pub").read_text()

    assert read_public_key(save(tmp_path / "a.pub", text, encoding, ending)) == parse_public_key(
        text
    )


def test_a_private_key_goes_into_a_bundle_as_it_should_be(
    tmp_path: Path, encoding: str, ending: str
) -> None:
    made = made_key(tmp_path)
    saved = save(tmp_path / "saved.key", made.read_text(), encoding, ending)

    assert read_key(saved.read_bytes()) == read_key(made.read_bytes())


def test_a_nodes_file_is_read_and_edited(tmp_path: Path, encoding: str, ending: str) -> None:
    public = parse_public_key(made_key(tmp_path).with_suffix(".pub").read_text())
    text = f"""public_key = "{public}"
added_at = 1
[[forward]]
port = 20010
target = "127.0.0.1:22"
"""
    file = save(tmp_path / "office.toml", text, encoding, ending)

    assert read_toml(file)["added_at"] == 1
    node = read_node(file)
    assert edited_toml(node, file.read_bytes()) is not None
