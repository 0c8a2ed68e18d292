"""An RSA host key for the gateways of tests: to make one takes half a second of CPU."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from checker.config.layout import Layout
from checker.sshd.keygen import make_host_key, rsa_beside


@functools.cache
def rsa_host_key() -> tuple[bytes, bytes]:
    """The private and the public RSA host key of all gateways of this run, short for speed."""
    with tempfile.TemporaryDirectory(prefix="reversi-") as folder:
        path = Path(folder) / "key"
        words = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "reversi"]
        subprocess.run([*words, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
        return path.read_bytes(), path.with_suffix(".pub").read_bytes()


def put_rsa_host_key(layout: Layout) -> tuple[Path, Path]:
    """Put it where the gateway would make its own; return the paths of both halves."""
    path = rsa_beside(layout.host_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    files = path, path.with_suffix(".pub")
    for file, content in zip(files, rsa_host_key(), strict=True):
        file.write_bytes(content)
        file.chmod(0o600)
    return files


def put_host_keys(layout: Layout) -> None:
    """Put the RSA host key there, and make the other one."""
    put_rsa_host_key(layout)
    make_host_key(layout.host_key)
