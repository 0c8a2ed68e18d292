"""Reading .rev files; tests/checker/registry/test_rev_files.py has `node import`."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from checker.config.layout import home_layout
from checker.control.importing import Places, import_files, rev_files
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from tests.strategies import node

REGISTRY = Registry(nodes=MappingProxyType({node().name: node()}))


def test_a_name_or_port_is_taken_by_the_registry_or_an_earlier_file() -> None:
    places = Places(REGISTRY)
    attic = node("attic", 2, (20011,))

    assert places.rival(node("office", 3, (20012,))) == "node office is registered already"
    assert places.rival(node("barn", 3, (20010,))) == "port 20010 belongs to node office"
    assert places.rival(attic) == ""

    places.take(attic, Path("a.rev"))

    assert places.rival(attic) == "node attic is in a.rev too"
    assert places.rival(node("barn", 3, (20011,))) == "port 20011 belongs to node attic, by a.rev"


def test_each_file_is_read_once_and_an_empty_directory_is_remarked_on(tmp_path: Path) -> None:
    (tmp_path / "a.rev").touch()
    (tmp_path / "empty").mkdir()

    files, remarks = rev_files([tmp_path, tmp_path / "a.rev", tmp_path / "empty"])

    assert files == [tmp_path / "a.rev"]
    assert [str(remark) for remark in remarks] == [f"{tmp_path / 'empty'}: has no .rev file"]


def test_a_dry_run_registers_nothing(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    layout.nodes.mkdir(parents=True)

    found = import_files(layout, [tmp_path / "missing.rev"], lambda _: None, is_dry=True)

    assert [remark.path for remark in found.problems] == [tmp_path / "missing.rev"]
    assert read_registry(layout.nodes).nodes == {}
    assert not layout.state.exists()
