"""Throwaway certificates of TLS servers in tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(folder: Path) -> Path:
    """Make a key and a self-signed certificate, in one file."""
    made = folder / "certificate.pem"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-keyout",
        str(made),
        "-out",
        str(folder / "certificate.crt"),
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=200)
    made.write_bytes(made.read_bytes() + (folder / "certificate.crt").read_bytes())
    return made
