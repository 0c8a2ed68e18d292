"""The nodes as a configuration file of ssh. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checker.registry.ssh_hosts import (
    Option,
    SshHost,
    SshHosts,
    Way,
    common_options,
    pinned_options,
)

MOST_NAMES = 250
"""Names in one `Host` line. A line with 10,000 of them costs each start of ssh 0.2 s."""
HEAD = """\
# {count}, written by reversi-checker ssh-config. Change nothing here: the next run replaces it.
# To use it, put this line at the top of ~/.ssh/config: Include config.d/*
"""


def ssh_config(found: SshHosts, way: Way) -> str:
    """The whole file.

    ssh takes the first value that it finds: first come the lines of each host, then what those with
    a pinned key have in common, then what all have. No line applies to a host of somebody else.
    """
    hosts = found.hosts
    pinned = [host.name for host in hosts if host.is_pinned]
    return "".join(
        (
            head(found),
            *(host_lines(host) for host in hosts),
            *blocks(pinned, pinned_options(way), "hosts whose key is pinned (known-hosts)"),
            *blocks([host.name for host in hosts], common_options(way), "all hosts"),
        )
    )


def head(found: SshHosts) -> str:
    """The comment at the top. It has no date: the same nodes make the same file."""
    count = len(found.hosts)
    text = HEAD.format(count="1 host" if count == 1 else f"{count} hosts")
    return text + (f"# Left out: {found.left_out}.\n" if found.left_out else "")


def host_lines(host: SshHost) -> str:
    """What only this host has."""
    return f"Host {host.name}\n  Port {host.forward.port}\n  HostKeyAlias {host.alias}\n"


def blocks(names: Sequence[str], options: Iterable[Option], title: str) -> Iterator[str]:
    """The options for these hosts, in as few blocks as ssh reads quickly."""
    if names:
        yield f"\n# {title}\n"
    lines = "".join(f"  {keyword} {value}\n" for keyword, value in options)
    for start in range(0, len(names), MOST_NAMES):
        yield f"Host {' '.join(names[start : start + MOST_NAMES])}\n{lines}"
