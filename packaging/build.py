"""`./run package`: the wheel, the source distribution and the `.deb`, in `dist/`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from setuptools import build_meta

sys.path.insert(0, str(Path(__file__).parents[1]))

from deb import make_deb
from release import CHECKOUT, PYTHON, Release, this_release

LEFT_OUT = (
    ".git",
    ".venv",
    "build",
    "dist",
    "__pycache__",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
)
OLDEST = (3, 11)


def main() -> None:
    """Build what is asked for, and print the paths."""
    parser = argparse.ArgumentParser(
        prog="./run package",
        description="Make the wheel, the source distribution and the .deb, and print their paths.",
    )
    parser.add_argument(
        "--dist",
        type=Path,
        default=CHECKOUT / "dist",
        metavar="DIR",
        help="where to put them (default: dist)",
    )
    parser.add_argument(
        "--fast", action="store_true", help="compress the .deb less, in a tenth of the time"
    )
    wanted = parser.parse_args()
    folder: Path = wanted.dist.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    release = this_release()
    os.environ["SOURCE_DATE_EPOCH"] = str(release.epoch)
    with tempfile.TemporaryDirectory(prefix="reversi-package-") as work:
        for made in build(Path(work), folder, release, is_fast=wanted.fast):
            print(made)


def build(work: Path, folder: Path, release: Release, *, is_fast: bool) -> Iterator[Path]:
    """Build in `work`, and yield what is in `folder` then."""
    print("run: building; the .deb takes about half a minute", file=sys.stderr)
    source = work / "source"
    # a build leaves files beside the source
    shutil.copytree(CHECKOUT, source, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    with contextlib.chdir(source), contextlib.redirect_stdout(io.StringIO()):
        wheel = folder / build_meta.build_wheel(str(folder))
        archive = folder / build_meta.build_sdist(str(folder))
    yield wheel
    yield archive
    if release.python < OLDEST or shutil.which("dpkg-deb") is None:
        print(f"no .deb: it takes dpkg-deb, and {PYTHON} of 3.11 or newer", file=sys.stderr)
    else:
        yield make_deb(wheel, folder, work, release, is_fast=is_fast)


if __name__ == "__main__":
    main()
