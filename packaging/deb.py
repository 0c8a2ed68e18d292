"""Pack the tree as a `.deb`: its control files, the times of its files, and dpkg-deb.

debhelper and dh-virtualenv would bring fifty packages for a tree, a control file and three scripts.
The same commit gives the same file, if pip finds the same libraries.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from documents import add_documents
from environment import compile_packages, make_environment
from release import HERE, NAME, PREFIX, Release, output_of
from units import add_units, conffiles

SCRIPTS = ("postinst", "prerm", "postrm")
DESCRIPTION = """\
keep reverse SSH tunnels alive
 Hundreds of devices behind NAT each keep a reverse SSH tunnel to a gateway.
 This package makes the machine such a gateway: it tests each tunnel end to
 end every few seconds, frees the ports of tunnels that hang, and shows all
 of them in a console. Stock OpenSSH stays the server.
 .
 It also has the client for devices with Python. Other devices get one file,
 which the gateway builds.
 .
 Installing it changes nothing: "reversi-checker init" makes the gateway."""
MANYLINUX = re.compile(r"^Tag: .*-manylinux_(\d+)_(\d+)_", re.MULTILINE)


def maintainer() -> str:
    """Return who builds the package, as Debian's tools are told."""
    name = os.environ.get("DEBFULLNAME", "The reversi developers")
    return f"{name} <{os.environ.get('DEBEMAIL', 'reversi@localhost')}>"


def make_deb(wheel: Path, folder: Path, work: Path, release: Release, *, is_fast: bool) -> Path:
    """Build the package in `work`, write it to `folder`, and return its path."""
    root = work / "root"
    make_environment(root, wheel, release)
    add_documents(root, release, maintainer())
    add_units(root)
    set_modes(root)
    set_times(root, release.epoch)
    compile_packages(root)
    add_control(root, release)
    set_modes(root)
    set_times(root, release.epoch)
    return pack(root, folder, release, is_fast=is_fast)


def pack(root: Path, folder: Path, release: Release, *, is_fast: bool) -> Path:
    """Run dpkg-deb. `is_fast`: compress little."""
    made = folder / f"{NAME}_{release.debian}_{architecture()}.deb"
    packed = ("-Zgzip", "-z1") if is_fast else ("-Zxz",)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *packed, "--build", root, made],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(release.epoch)},
    )
    return made


def architecture() -> str:
    return output_of("dpkg", "--print-architecture")


def set_modes(root: Path) -> None:
    """Let everybody read everything, whatever the umask is; only programs may be run."""
    for path in below(root):
        if not path.is_symlink():
            is_program = path.parent in (root / PREFIX / "bin", root / "DEBIAN") and (
                path.parent.name != "DEBIAN" or path.name in SCRIPTS
            )
            path.chmod(0o755 if path.is_dir() or is_program else 0o644)


def set_times(root: Path, epoch: int) -> None:
    """Give each file the release's time, which the bytecode of a module must know."""
    for path in below(root):
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def below(root: Path) -> Iterator[Path]:
    yield root
    yield from sorted(root.rglob("*"))


def files_of(root: Path) -> Iterator[Path]:
    """Yield the package's own files."""
    for path in below(root):
        if stat.S_ISREG(path.lstat().st_mode) and (root / "DEBIAN") not in path.parents:
            yield path


def add_control(root: Path, release: Release) -> None:
    """Write the control files."""
    place = root / "DEBIAN"
    place.mkdir()
    files, asked = list(files_of(root)), conffiles(root)
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    (place / "control").write_text(control(release, libc(root), size), encoding="utf-8")
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"
        f"  {path.relative_to(root)}\n"
        for path in files
        if path not in asked
    ]
    (place / "conffiles").write_text(
        "".join(f"/{path.relative_to(root)}\n" for path in asked), encoding="utf-8"
    )
    (place / "md5sums").write_text("".join(sums), encoding="utf-8")
    for script in SCRIPTS:
        shutil.copy(HERE / f"{script}.sh", place / script)


def control(release: Release, least_libc: str, size: int) -> str:
    """Return what dpkg knows of the package. `size` is in KiB."""
    major, minor = release.python
    python = f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1})"
    return (
        f"Package: {NAME}\n"
        f"Version: {release.debian}\n"
        "Section: net\n"
        "Priority: optional\n"
        f"Architecture: {architecture()}\n"
        f"Maintainer: {maintainer()}\n"
        f"Installed-Size: {size}\n"
        f"Depends: {python}, libc6 (>= {least_libc})\n"
        "Recommends: openssh-server, openssh-client\n"
        "Suggests: haproxy\n"
        f"Description: {DESCRIPTION}\n"
    )


def libc(root: Path) -> str:
    """Return the oldest C library that all compiled wheels run with, by their tags."""
    least = (2, 17)
    for file in (root / PREFIX / "packages").glob("*.dist-info/WHEEL"):
        text = file.read_text(encoding="utf-8")
        tags = [(int(one), int(two)) for one, two in MANYLINUX.findall(text)]
        if "Tag: " in text and not tags and "-linux_" in text:  # compiled here
            major, minor = platform.libc_ver()[1].split(".")[:2]
            tags = [(int(major), int(minor))]
        least = max(least, min(tags, default=least))
    return f"{least[0]}.{least[1]}"
