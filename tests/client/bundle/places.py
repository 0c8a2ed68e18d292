"""A gateway and the directories of an admin who builds bundles there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checker.cli.main import run as run_checker
from client.cli import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A gateway's home with the node `office`, whose key is in `keys`."""

    home: Path
    keys: Path
    out: Path

    def add(self, name: str, *forwards: str) -> None:
        options = [word for forward in forwards for word in ("--forward", forward)]
        config = self.keys / f"{name}.toml"
        assert (
            run_checker(
                [
                    "--home",
                    str(self.home),
                    "node",
                    "add",
                    name,
                    *options,
                    "--client-config",
                    str(config),
                ]
            )
            == 0
        )

    def build(self, *words: str) -> int:
        """Build without a scan: nothing answers at the gateway's addresses."""
        return main(
            [
                "build",
                *words,
                "--no-scan",
                "--home",
                str(self.home),
                "--output-dir",
                str(self.out),
                "--private-key",
                str(self.keys),
            ]
        )

    def text(self, name: str = "office") -> str:
        return (self.out / f"{name}.sh").read_text()
