"""Parse the configuration of frp's client, `frpc.toml` or the older `frpc.ini`. Pure.

Source: gofrp.org, "Client Configures" and "Proxies".
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checker.model import InvalidValue
from checker.registry.imported import Remark
from checker.registry.ssh_command import RemoteForward, remote_forward
from checker.registry.tunnel_source import Source

TEMPLATES = "; write the values of its {{ }} templates into a copy of the file"
IS_PUBLIC = (
    "frp opens its ports on all addresses, so port {port} is public here; to close it:"
    " reversi-checker node set NAME --public no"
)
AS_TOML = (
    "is frp's configuration as YAML or JSON, which is not read; write it as TOML, or add its ports"
    " with: reversi-checker node add"
)
KNOWN = frozenset({"name", "type", "localIP", "localPort", "remotePort"})
INI_NAMES = {"local_ip": "localIP", "local_port": "localPort", "remote_port": "remotePort"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy of a file."""

    line: int
    values: Mapping[str, Any]

    def text(self, key: str, default: str = "") -> str:
        return str(self.values.get(key, default)).strip()


def is_frp(text: str) -> bool:
    """Whether this is a configuration of frp's client."""
    toml = r"^\s*(serverAddr\s*=|\[\[proxies\]\])|^\s*\[common\]|^\s*\"?serverAddr\"?\s*:"
    return re.search(toml, text, re.MULTILINE) is not None


def frp_sources(text: str, stem: str) -> Iterator[Source | Remark]:
    """Yield the node whose file this is, and a remark on each proxy that is not taken. Raises
    InvalidValue.
    """
    if re.search(r"^\s*\[common\]", text, re.MULTILINE):
        top, proxies = of_ini(text)
    elif re.search(r"^\s*\"?serverAddr\"?\s*:", text, re.MULTILINE):
        raise InvalidValue(AS_TOML)
    else:
        top, proxies = of_toml(text)
    forwards: list[RemoteForward] = []
    left_out: list[str] = []
    for proxy in proxies:
        try:
            forwards.append(forward_of(proxy))
            left_out += [key for key in proxy.values if key not in KNOWN]
        except InvalidValue as error:
            yield Remark(line=proxy.line, text=f"proxy {proxy.text('name')[:40]}: {error}")
    if forwards:
        yield Source(
            line=0,
            name=str(top.get("user", "")) or stem,
            login=None,
            forwards=tuple(forwards),
            left_out=tuple(dict.fromkeys(left_out)),
            notes=tuple(IS_PUBLIC.format(port=one.port) for one in forwards),
        )


def of_toml(text: str) -> tuple[Mapping[str, Any], list[Proxy]]:
    """Raises InvalidValue."""
    try:
        top = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        why = TEMPLATES if "{{" in text else ""
        raise InvalidValue(f"is not valid TOML: {error}{why}") from error
    lines = [
        number
        for number, line in enumerate(text.split("\n"), start=1)
        if re.match(r"\s*\[\[\s*proxies\s*\]\]", line)
    ]
    tables = top.get("proxies", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise InvalidValue("proxies is not a list of tables")
    places = lines if len(lines) == len(tables) else [0] * len(tables)
    return top, [
        Proxy(line=line, values=values) for line, values in zip(places, tables, strict=True)
    ]


def of_ini(text: str) -> tuple[Mapping[str, Any], list[Proxy]]:
    """Raises InvalidValue."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        why = str(error).replace("\n", " ")
        raise InvalidValue(f"is not a valid frpc.ini: {why[:200]}") from error
    lines = {
        found[1]: number
        for number, line in enumerate(text.split("\n"), start=1)
        if (found := re.match(r"\s*\[([^\]]*)\]", line))
    }
    proxies = [
        Proxy(
            line=lines.get(name, 0),
            values={
                "name": name,
                **{INI_NAMES.get(key, key): value for key, value in parser[name].items()},
            },
        )
        for name in parser.sections()
        if name != "common"
    ]
    return dict(parser["common"]), proxies


def forward_of(proxy: Proxy) -> RemoteForward:
    """Return the forward of a proxy. Raises InvalidValue."""
    kind = proxy.text("type", "tcp")
    if kind != "tcp":
        raise InvalidValue(f"type {kind[:20]} is not a TCP port (tcp)")
    if "plugin" in proxy.values:
        raise InvalidValue("its target is a plugin of frp, not a HOST:PORT")
    if proxy.text("name").startswith("range:") or re.search(r"[-,]", proxy.text("remotePort")):
        raise InvalidValue("it has several ports; write a proxy for each")
    if proxy.text("remotePort") in ("", "0"):
        raise InvalidValue("no remotePort, so only frps knows its port")
    return remote_forward(
        "*", proxy.text("remotePort"), proxy.text("localIP", "127.0.0.1"), proxy.text("localPort")
    )
