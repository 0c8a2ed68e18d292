"""Look at the device: what starts services here, and who can read our environment."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import checker
import client
from checker import __version__
from client import identity, status
from client.config import Config, read_private_key
from client.service.plan import Found, ServiceError, file_of, systemctl
from client.service.service import PREFIX, Manager, Service

SYSTEMD = Path("/run/systemd/system")
CREDENTIALS_SINCE = 247
"""The first version of systemd with LoadCredential=. Source: systemd.exec(5)."""
COMMAND = "reversi-client"


def manager() -> Manager:
    """Return what starts services for this user. Raises ServiceError."""
    is_root = os.geteuid() == 0
    if platform.system() == "Darwin":
        return Manager.LAUNCHD_DAEMON if is_root else Manager.LAUNCHD_AGENT
    if SYSTEMD.is_dir() and shutil.which("systemctl"):
        return Manager.SYSTEMD if is_root else Manager.SYSTEMD_USER
    raise ServiceError(
        "neither systemd nor launchd runs here; have this started at boot: reversi-client run"
        " --config FILE"
    )


def command() -> tuple[str, ...]:
    """Return the words that start `reversi-client` of this environment, whatever PYTHONPATH and the
    present directory are.
    """
    called = Path(sys.argv[0]).resolve()
    places = (Path(sys.executable).with_name(COMMAND), Path(sysconfig.get_path("scripts"), COMMAND))
    scripts = [called] if called.name == COMMAND else []
    script = next((path for path in (*scripts, *places) if path.is_file()), None)
    return (sys.executable, "-E", "-P", *(["-m", "client"] if script is None else [str(script)]))


def wanted(config: Config) -> Service:
    """Return the service of a configuration. Raises ConfigError if its key cannot be used."""
    content = config.path.read_bytes() + b"\0" + read_private_key(config)
    return Service(
        tunnel=config.tunnel,
        config=Path(os.path.abspath(config.path)),  # noqa: PTH100 - a link may lead elsewhere later
        key=Path(os.path.abspath(config.key)),  # noqa: PTH100
        command=command(),
        note=f"reversi {__version__}, {hashlib.sha256(content).hexdigest()[:16]}",
    )


def files(folder: Path, suffix: str) -> dict[Path, str]:
    """Return the services with a name like ours, with their text."""
    found = sorted(folder.glob(f"{PREFIX}*{suffix}")) if folder.is_dir() else []
    return {path: path.read_text(encoding="utf-8", errors="replace") for path in found}


def home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - does not raise without a home


def look() -> Found:
    """Return what `uninstall` needs to know. Raises ServiceError."""
    here = manager()
    if here is Manager.SYSTEMD_USER and not said(*systemctl(here), "show", "--property=Version"):
        raise ServiceError(
            "your own systemd does not answer; log in as this user, not by su or sudo, or run:"
            " sudo loginctl enable-linger $USER"
        )
    return Found(manager=here, home=home(), files=files(here.folder(home()), here.suffix))


def look_for(service: Service, config: Config) -> Found:
    """Return what `install` needs to know. Raises ServiceError."""
    found = look()
    places = environment(service)
    file = file_of(service, found)
    # only a system service of systemd has its status elsewhere
    is_its_own = file in found.files and found.manager is not Manager.SYSTEMD
    return Found(
        manager=found.manager,
        home=found.home,
        files=found.files,
        hands_over=found.manager is Manager.SYSTEMD and hands_over(),
        environment=tuple(dict.fromkeys(path.resolve() for path in places)),
        closed=closed(places),
        unreadable=closed((service.config, service.key), owner=0),
        rival=None if is_its_own else rival(config),
        bundle=bundle(service, found),
        is_running=found.manager.is_systemd and is_running(found.manager, file.name),
    )


def environment(service: Service) -> tuple[Path, ...]:
    """Return what a process of the service reads."""
    inside = (Path(package.__path__[0], "__init__.py") for package in (checker, client))
    words = (Path(word) for word in service.command if word.startswith("/"))
    return (*words, *inside, Path(os.__file__))


def closed(paths: Iterable[Path], owner: int | None = None) -> Path | None:
    """Return the first part of the paths, links resolved or not, that this account cannot enter or
    read without a capability. None: an account that owns nothing.
    """
    for path in paths:
        for way in (path, path.resolve()):
            for part in (*reversed(way.parents), way):
                seen = part.stat()
                needed = stat.S_IXUSR if part != way else stat.S_IRUSR
                if not seen.st_mode & (needed if seen.st_uid == owner else needed >> 6):
                    return part
    return None


def rival(config: Config) -> int | None:
    """Return the PID of a client that was started by hand and keeps the tunnel now."""
    record = status.read(config.status_file)
    if record is None or record.machine != identity.machine_name():
        return None
    return record.process.pid if identity.is_alive(record.process) else None


def bundle(service: Service, found: Found) -> Path | None:
    """Return the service of the node's bundle; None if there is none."""
    name = service.tunnel
    path = found.manager.folder(found.home) / f"reversi-{name}{found.manager.suffix}"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    is_bundle = f"reversi: the tunnel of {name}\n" in text or f"/{name}.sh<" in text
    return path if is_bundle else None


def systemd_version() -> int:
    """Return systemd's version; 0 if it does not say."""
    found = re.match(r"systemd (\d+)", said("systemctl", "--version"))
    return int(found[1]) if found else 0


def hands_over() -> bool:
    """Return whether systemd can give a service files that the service's account cannot read."""
    try:
        mounts = Path("/proc/1/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return systemd_version() >= CREDENTIALS_SINCE and is_shared("/run", mounts)


def is_shared(place: str, mounts: str) -> bool:
    """Return whether a mount below the place reaches other namespaces. In some containers it does
    not, and systemd's credentials stay empty. Source: proc(5), /proc/pid/mountinfo.
    """
    fields = {words[4]: words for line in mounts.splitlines() if len(words := line.split()) > 6}
    found = fields.get(place) or fields.get("/", [])
    return any(word.startswith("shared:") for word in found[6:])


def is_running(manager: Manager, unit: str) -> bool:
    """Return whether the service runs and is started at boot."""
    control = systemctl(manager)
    return (said(*control, "is-active", unit), said(*control, "is-enabled", unit)) == (
        "active",
        "enabled",
    )


def said(*words: str) -> str:
    """Return what a command printed, whether or not it succeeded."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
