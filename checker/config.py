"""Where a gateway keeps its things, and `reversi.toml`: the numbers and names that the admin may
set.
"""

from __future__ import annotations

import ipaddress
import os
import pwd
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from checker.model import CheckerError, InvalidValue, Policy, parse_port, parse_target


class ConfigError(CheckerError):
    """A file that the admin wrote, or should have written, is not as it must be."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class NoGateway(CheckerError):
    """Asked about a gateway that is not there: nothing shown must not pass for all well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"there is no directory {folder}, so there is no gateway to tell of; see --home and"
            " REVERSI_HOME"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one gateway."""

    config: Path
    nodes: Path
    authorized_keys: Path
    state: Path
    run: Path
    """Verdicts for the beat loops, written by the daemon alone."""
    spool: Path
    """What sessions of the tunnel user leave for the daemon; theirs to write."""
    socket: Path
    host_key: Path
    home: Path | None
    """The one directory that holds it all, where there is one."""


def home_layout(home: Path) -> Layout:
    """Everything under one directory. Raises InvalidValue."""
    try:
        home = home.expanduser().absolute()
    except RuntimeError as error:
        raise InvalidValue(
            f"the home {str(home)!r} begins with a user that is not known here; write the directory"
            " in full"
        ) from error
    if "\n" in str(home):
        raise InvalidValue(
            f"the home {str(home)!r} has a newline, which no key file can hold; choose another"
            " --home"
        )
    return Layout(
        config=home / "reversi.toml",
        nodes=home / "nodes",
        authorized_keys=home / "authorized_keys",
        state=home / "state.db",
        run=home / "run",
        spool=home / "spool",
        socket=home / "checker.sock",
        host_key=home / "ssh_host_ed25519_key",
        home=home,
    )


SYSTEM = Layout(
    config=Path("/etc/reversi/reversi.toml"),
    nodes=Path("/etc/reversi/nodes"),
    authorized_keys=Path("/etc/reversi/authorized_keys"),
    state=Path("/var/lib/reversi/state.db"),
    run=Path("/run/reversi/verdicts"),
    spool=Path("/run/reversi/spool"),
    socket=Path("/run/reversi/checker.sock"),
    host_key=Path("/etc/ssh/ssh_host_ed25519_key"),
    home=None,
)


def is_there(path: Path) -> bool:
    """Whether there is such a file, also where we may not look: then reading it tells why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def refuse_missing(layout: Layout) -> None:
    """Raises NoGateway where the directory of this gateway's configuration is not there."""
    if not layout.config.parent.is_dir():
        raise NoGateway(layout.config.parent)


def find_layout(home: str | None, environ: Mapping[str, str]) -> Layout:
    """`--home`, else REVERSI_HOME, else an installed gateway, else the user's own directory. Raises
    InvalidValue.
    """
    chosen = home or environ.get("REVERSI_HOME")
    if chosen:
        return home_layout(Path(chosen))
    if is_there(SYSTEM.config):
        return SYSTEM
    state = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '/')}/.local/state"
    return home_layout(Path(state) / "reversi")


MOST_PORTS = 4000
"""Of the shared key; OpenSSH 9.2 voids a key line that permits 4,150."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """The one key of all devices that the original reversi set up."""

    enabled: bool = False
    public_keys: tuple[str, ...] = ()
    ports: range = field(default=range(50000, 51000))
    """Where devices that are not registered may listen."""

    @property
    def open_ports(self) -> range:
        """The same, and none while it is off."""
        return self.ports if self.enabled else range(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`reversi.toml`, with what it leaves out filled in."""

    tunnel_user: str
    gateway: tuple[str, ...] = ()
    """HOST:PORT by which nodes reach this gateway, the first tried first; empty: as `up` was last
    told.
    """
    operators_group: str = ""
    """Whose members may kill, reset and probe, besides root and the daemon's own user."""
    policy: Policy = field(default_factory=Policy)
    probes_at_once: int = 256
    requests_a_minute: int = 120
    """Of one node; beats are none."""
    haproxy_reload: str | None = None
    """The command that has HAProxy read its files again; None: as an installed gateway does it,
    nothing in a home.
    """
    publish_on: tuple[str, ...] = ()
    """The addresses that HAProxy binds; empty: all."""
    shared_key: SharedKey = field(default_factory=SharedKey)

    @property
    def tunnel_uid(self) -> int:
        """The tunnel user's uid. Raises InvalidValue."""
        try:
            return pwd.getpwnam(self.tunnel_user).pw_uid
        except (KeyError, ValueError):
            raise InvalidValue(
                f"tunnel_user {self.tunnel_user!r} is no account here; make it with useradd, or"
                " name another"
            ) from None


POLICY_KEYS = {
    "probe_every_s": (5.0, 3600.0),
    "deadline_s": (0.5, 60.0),
    "strikes": (1, 10),
    "strike_gap_s": (0.5, 60.0),
    "quiet_s": (1.0, 86400.0),
}
"""What an admin may set of the policy, and from where to where."""
KEYS = (
    "tunnel_user",
    "gateway",
    "operators_group",
    "ports",
    "probes_at_once",
    "requests_a_minute",
    "haproxy_reload",
    "publish_on",
    "shared_key",
    *POLICY_KEYS,
    "console",
    "command",
)
"""The last two are the console's, who judges them."""
SHARED_KEY_KEYS = ("enabled", "public_key", "ports")


def refuse_unknown(path: Path, where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises ConfigError for a key that is not known, naming the nearest that is."""
    known = tuple(known)
    for key in given:
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
            raise ConfigError(path, f"{where}unknown key {key!r}; {hint}")


MOST_BYTES = 1 << 20
"""Of a file that an admin writes: the largest node has fewer."""


def beginning(path: Path, most: int) -> bytes:
    """What a regular file begins with. Raises ConfigError, also for a pipe, which would have us
    wait for a writer.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(path, "can not be read: it is no regular file; move it away")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(most)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(
            path, f"can not be read ({error.strerror}); check its permissions"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's table. Raises ConfigError."""
    import tomllib

    content = beginning(path, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ConfigError(
            path, f"is larger than {MOST_BYTES >> 20} MiB, and so not ours; move it away"
        )
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(path, f"not UTF-8 text ({error.reason} at byte {error.start})") from error
    # tomllib lets both through, for a number or a nesting that is too long
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, f"not valid TOML ({error}); mend that line") from error


def number_in(path: Path, key: str, value: Any, lowest: float, highest: float) -> float:
    """A number within its bounds. Raises ConfigError."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not lowest <= value <= highest
    ):
        raise ConfigError(
            path, f"{key} must be a number from {lowest:g} to {highest:g}, not {value!r}"
        )
    return value


def whole_in(path: Path, key: str, value: Any, lowest: int, highest: int) -> int:
    """A whole number within its bounds. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(
            path, f"{key} must be a whole number from {lowest} to {highest}, not {value!r}"
        )
    return value


def text_in(path: Path, key: str, value: Any) -> str:
    """A text that is not empty. Raises ConfigError."""
    if not isinstance(value, str) or not value:
        raise ConfigError(path, f"{key} must be a text that is not empty, not {value!r}")
    return value


def address_in(path: Path, value: Any) -> str:
    """`HOST:PORT`. Raises ConfigError."""
    try:
        return str(parse_target(text_in(path, "gateway", value)))
    except InvalidValue as error:
        raise ConfigError(path, f"gateway: {error}") from error


def addresses_in(path: Path, value: Any) -> tuple[str, ...]:
    """A list of IP addresses of this machine. Raises ConfigError."""
    try:
        if (
            isinstance(value, list)
            and value
            and all(isinstance(one, str) and "%" not in one for one in value)
        ):
            return tuple(str(ipaddress.ip_address(one)) for one in value)
    except ValueError:
        pass
    raise ConfigError(
        path, f"publish_on must be a list of IP addresses, as in ['203.0.113.7'], not {value!r}"
    )


def ports_in(path: Path, value: Any) -> range:
    """`LOWEST-HIGHEST`. Raises ConfigError."""
    low, dash, high = text_in(path, "ports", value).partition("-")
    try:
        first, last = parse_port(low), parse_port(high)
    except InvalidValue as error:
        raise ConfigError(
            path, f"ports must be LOWEST-HIGHEST, as in '20000-29999': {error}"
        ) from error
    if not dash or first > last:
        raise ConfigError(path, f"ports must be LOWEST-HIGHEST, as in '20000-29999', not {value!r}")
    return range(first, last + 1)


def policy_in(path: Path, table: Mapping[str, Any]) -> Policy:
    """The policy, with the file's numbers in place of the defaults. Raises ConfigError."""
    defaults = Policy()
    given: dict[str, Any] = {}
    for key, (lowest, highest) in POLICY_KEYS.items():
        if key in table:
            number = number_in(path, key, table[key], lowest, highest)
            whole = isinstance(getattr(defaults, key), int)
            given[key] = (
                whole_in(path, key, number, int(lowest), int(highest)) if whole else float(number)
            )
    if "ports" in table:
        given["ports"] = ports_in(path, table["ports"])
    return Policy(**{**{f.name: getattr(defaults, f.name) for f in fields(defaults)}, **given})


def public_keys_in(path: Path, value: Any) -> tuple[str, ...]:
    """One public key or a list of them. Raises ConfigError."""
    from checker.keys import parse_public_key

    try:
        keys = [value] if isinstance(value, str) else value
        return tuple(parse_public_key(text_in(path, "shared_key: public_key", key)) for key in keys)
    except (InvalidValue, TypeError) as error:
        raise ConfigError(
            path, f"shared_key: public_key must be a public key, or a list of them: {error}"
        ) from error


def shared_key_in(path: Path, table: Any, allotted: range) -> SharedKey:
    """The `[shared_key]` table. Raises ConfigError."""
    if not isinstance(table, dict):
        raise ConfigError(path, "shared_key must be a table; write [shared_key]")
    refuse_unknown(path, "shared_key: ", table, SHARED_KEY_KEYS)
    enabled = table.get("enabled", False)
    if not isinstance(enabled, bool):
        raise ConfigError(path, f"shared_key: enabled must be true or false, not {enabled!r}")
    keys = public_keys_in(path, table["public_key"]) if "public_key" in table else ()
    if enabled and not keys:
        raise ConfigError(
            path,
            "shared_key: public_key is missing; give the line of the .pub file that belongs to the"
            " devices' key",
        )
    ports = ports_in(path, table["ports"]) if "ports" in table else SharedKey().ports
    if len(ports) > MOST_PORTS:
        raise ConfigError(
            path,
            f"shared_key: ports has {len(ports)} ports; sshd takes {MOST_PORTS} at most on one key"
            " line",
        )
    if enabled and ports.start < allotted.stop and allotted.start < ports.stop:
        raise ConfigError(
            path,
            "shared_key: ports and ports overlap; registered nodes need a range that the shared key"
            " can not take from",
        )
    return SharedKey(enabled=enabled, public_keys=keys, ports=ports)


def load_config(path: Path) -> Config:
    """`reversi.toml`; where there is none, the defaults. Raises ConfigError."""
    return config_from(path, config_table(path))


def config_table(path: Path) -> dict[str, Any]:
    """What stands in `reversi.toml`; nothing where there is none. Raises ConfigError."""
    return read_toml(path) if is_there(path) else {}


def config_from(path: Path, table: Mapping[str, Any]) -> Config:
    """The table of that file, judged. Raises ConfigError."""
    refuse_unknown(path, "", table, KEYS)
    gateway = table.get("gateway", [])
    gateway = [gateway] if isinstance(gateway, str) else gateway
    if not isinstance(gateway, list):
        raise ConfigError(path, "gateway must be a list of HOST:PORT")
    policy = policy_in(path, table)
    return Config(
        tunnel_user=(
            text_in(path, "tunnel_user", table["tunnel_user"])
            if "tunnel_user" in table
            else current_user()
        ),
        gateway=tuple(address_in(path, address) for address in gateway),
        operators_group=(
            text_in(path, "operators_group", table["operators_group"])
            if "operators_group" in table
            else ""
        ),
        policy=policy,
        probes_at_once=whole_in(path, "probes_at_once", table.get("probes_at_once", 256), 1, 1024),
        requests_a_minute=whole_in(
            path, "requests_a_minute", table.get("requests_a_minute", 120), 10, 1_000_000
        ),
        haproxy_reload=(
            text_in(path, "haproxy_reload", table["haproxy_reload"])
            if "haproxy_reload" in table
            else None
        ),
        publish_on=addresses_in(path, table["publish_on"]) if "publish_on" in table else (),
        shared_key=shared_key_in(path, table.get("shared_key", {}), policy.ports),
    )


def current_user() -> str:
    """The name of whoever runs this."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise InvalidValue(
            f"uid {uid} has no name on this machine; set tunnel_user in reversi.toml"
        ) from None
