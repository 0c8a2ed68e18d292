"""What the registry publishes, and whether HAProxy serves it."""

from __future__ import annotations

from checker.config.files import present_file
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.facts import PublishedFacts
from checker.haproxy.program import is_installed, proxy_of
from checker.haproxy.publish import published_ports, silent_ports, wanted_file
from checker.model import CheckerError
from checker.registry.nodes import Registry


def published_facts(layout: Layout, config: Config, registry: Registry) -> PublishedFacts:
    ports = published_ports(registry)
    if not ports:
        return PublishedFacts()
    proxy = proxy_of(layout, config)
    try:
        lags = present_file(proxy.path) != wanted_file(registry, proxy).encode()
    except CheckerError:
        lags = False  # the registry's own finding says why
    return PublishedFacts(
        ports=ports, is_installed=is_installed(), lags=lags, silent=silent_ports(registry, proxy)
    )
