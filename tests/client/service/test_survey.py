"""What `install` sees of a device; where `status` looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from client.config import Config, load_config, read_private_key
from client.errors import ConfigError
from client.service import status_place
from client.service.service import Manager
from client.service.status_place import with_status_of_service
from client.service.survey import (
    bundle,
    closed,
    command,
    environment,
    files,
    is_shared,
    rival,
    wanted,
)
from client.status import StatusFile, write
from tests.client.samples import TEXT
from tests.client.service.samples import OFFICE, SERVER
from tests.client.test_status import CONNECTING


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration with its key, on disk."""
    (tmp_path / "office.toml").write_text(TEXT, encoding="utf-8")
    key = tmp_path / "office.key"
    key.write_text("secret\n", encoding="utf-8")
    key.chmod(0o600)
    return load_config(tmp_path / "office.toml")


def test_the_service_is_named_for_the_node(config: Config) -> None:
    service = wanted(config)

    assert service.name == "reversi-client-office"
    assert (service.config, service.key) == (config.path, config.key)
    assert "secret" not in service.note


@pytest.mark.parametrize("name", ["office.toml", "office.key"])
def test_another_setting_or_key_makes_another_note(config: Config, name: str) -> None:
    before = wanted(config)
    path = config.path.with_name(name)
    path.write_text(f"{path.read_text(encoding='utf-8')}\n", encoding="utf-8")

    assert wanted(config).note != before.note


def test_a_key_that_others_can_read_is_refused(config: Config) -> None:
    config.key.chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        wanted(config)


def test_the_command_is_of_this_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "reversi-client"
    script.touch()
    link = tmp_path / "rc"
    link.symlink_to(script)
    monkeypatch.setattr(sys, "argv", [str(link)])

    assert command() == (sys.executable, "-E", "-P", str(script))


def test_another_program_that_calls_us_is_not_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/other"])

    assert "/usr/bin/other" not in command()


def test_everything_that_the_service_reads_is_looked_at() -> None:
    found = [str(path) for path in environment(OFFICE)]

    assert "/opt/reversi/bin/python" in found
    assert "/opt/reversi/bin/reversi-client" in found
    assert any(path.endswith("checker/__init__.py") for path in found)
    assert os.__file__ in found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that every account can enter, with a file in another."""
    with TemporaryDirectory(prefix="reversi-service-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "inner").mkdir(mode=0o755)
        (folder / "inner/file").touch(mode=0o644)
        if closed([folder / "inner/file"]):
            pytest.skip(f"others cannot enter {closed([folder])}")
        yield folder


@pytest.mark.parametrize(
    ("place", "mode"), [("inner", 0o700), ("inner/file", 0o640)], ids=["directory", "file"]
)
def test_what_keeps_other_accounts_out_is_named(open_folder: Path, place: str, mode: int) -> None:
    (open_folder / place).chmod(mode)

    assert closed([open_folder / "inner/file"]) == open_folder / place


def test_a_link_is_followed(open_folder: Path) -> None:
    link = open_folder / "link"
    link.symlink_to(open_folder / "inner/file")
    assert closed([link]) is None

    (open_folder / "inner").chmod(0o700)

    assert closed([link]) == open_folder / "inner"


def test_what_root_owns_is_open_to_root(open_folder: Path) -> None:
    file = open_folder / "inner/file"
    file.chmod(0o600)

    assert closed([file]) == file
    assert closed([file], owner=file.stat().st_uid) is None


def test_a_client_that_runs_already_is_seen(config: Config) -> None:
    assert rival(config) is None

    here = StatusFile(config, print)
    here.start(CONNECTING, 0.0)
    assert rival(config) == os.getpid()

    ended = replace(here.process, start_ticks=1)
    last = here.last
    assert last is not None
    write(config.status_file, replace(last, process=ended))
    assert rival(config) is None


def test_only_names_like_ours_are_read(tmp_path: Path) -> None:
    for name in ("reversi-client-office.service", "reversi-office.service", "ssh.service"):
        (tmp_path / name).write_text(name, encoding="utf-8")

    assert list(files(tmp_path, ".service")) == [tmp_path / "reversi-client-office.service"]
    assert files(tmp_path / "none", ".service") == {}


def test_the_bundle_of_the_node_is_seen(tmp_path: Path) -> None:
    found = replace(SERVER, manager=Manager.SYSTEMD_USER, home=tmp_path)
    place = tmp_path / ".config/systemd/user/reversi-office.service"
    place.parent.mkdir(parents=True)
    assert bundle(OFFICE, found) is None

    place.write_text("[Unit]\nDescription=something else\n", encoding="utf-8")
    assert bundle(OFFICE, found) is None

    place.write_text("[Unit]\nDescription=reversi: the tunnel of office\n", encoding="utf-8")
    assert bundle(OFFICE, found) == place


@pytest.mark.parametrize(
    ("mode", "is_handed_over", "is_read"),
    [(0o440, True, True), (0o444, True, False), (0o440, False, False)],
)
def test_an_access_list_of_systemd_opens_the_key_to_nobody_else(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    mode: int,
    *,
    is_handed_over: bool,
    is_read: bool,
) -> None:
    config.key.chmod(mode)
    if is_handed_over:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(config.key.parent))

    try:
        assert read_private_key(config) == b"secret\n"
    except ConfigError:
        assert not is_read
    else:
        assert is_read


def test_status_is_read_where_it_was_written_last(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(status_place, "STATE", tmp_path / "lib")
    assert with_status_of_service(config) == config

    of_service = tmp_path / "lib/reversi-client-office/status"
    of_service.parent.mkdir(parents=True)
    of_service.touch()
    assert with_status_of_service(config).status_file == of_service

    config.status_file.touch()
    os.utime(of_service, (1, 1))
    assert with_status_of_service(config) == config


ROOT = "450 444 0:64 / / rw,relatime shared:1 - ext4 /dev/vda rw"
RUN = "451 450 0:48 / /run rw,nosuid {}- tmpfs tmpfs rw,mode=755"


@pytest.mark.parametrize(
    ("mounts", "shared"),
    [
        ([ROOT, RUN.format("shared:5 ")], True),
        ([ROOT, RUN.format("")], False),
        ([ROOT, RUN.format("master:5 ")], False),
        ([ROOT, RUN.format("shared:5 master:1 ")], True),
        ([ROOT], True),
        ([ROOT.replace("shared:1 ", "")], False),
        ([], False),
    ],
)
def test_a_mount_is_shared_as_the_kernel_says(mounts: list[str], *, shared: bool) -> None:
    assert is_shared("/run", "\n".join(mounts)) is shared
