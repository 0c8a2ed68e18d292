"""Type the commands of docs/nodes.md about tables, in order, with the table of that page."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from checker.cli.main import run as run_checker
from checker.config.layout import home_layout
from checker.registry.node_table import read_table
from checker.registry.reading import read_registry
from checker.registry.table_columns import COLUMNS
from client.cli import main as run_client
from tests.host_keys import put_rsa_host_key
from tests.programs import require
from tests.system.page_blocks import Block, blocks

PAGE = Path(__file__).parents[3] / "docs" / "nodes.md"
SECTION = "Many nodes from a table"


def block(kind: str) -> Block:
    text = PAGE.read_text(encoding="utf-8")
    (found,) = (one for one in blocks(text) if (one.section, one.kind) == (SECTION, kind))
    return found


def test_the_commands_of_the_page_make_nodes_and_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require("ssh-keygen")
    home = home_layout(tmp_path / "home")
    put_rsa_host_key(home)
    home.config.write_text('gateway = ["gw.example.org:22"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVERSI_HOME", str(home.home))
    (tmp_path / "nodes.csv").write_text("\n".join(block("csv").lines))

    said = []
    for line in block("sh").lines:
        sudo, program, *words = shlex.split(line)
        assert sudo == "sudo"
        run = {"reversi-checker": run_checker, "reversi-client": run_client}[program]
        scans = ["--no-scan"] if program == "reversi-client" else []
        assert run([*words, *scans]) == 0, line
        said.append(capsys.readouterr())

    assert "would register mill: port 20002 -> 127.0.0.1:22" in said[0].out
    assert "3 nodes added" in said[1].err
    assert "2 of 2 bundles" in said[2].err
    registry = read_registry(home.nodes)
    assert [str(forward.expect) for forward in registry.node("mill").forwards] == [
        "banner:SSH-2.0",
        "tls",
    ]
    assert registry.node("barn").public_key.startswith("ssh-rsa ")
    assert sorted(path.name for path in (tmp_path / "bundles").iterdir()) == ["attic.sh", "barn.sh"]


def test_the_page_describes_each_column() -> None:
    text = PAGE.read_text(encoding="utf-8").split(f"## {SECTION}")[1].split("\n## ")[0]

    assert [
        column
        for column in COLUMNS
        if f"| `{column}`" not in text.replace("`, `", "` | `") and f"`{column}2`" not in text
    ] == []
    assert read_table("\n".join(block("csv").lines).encode()).problems == ()
