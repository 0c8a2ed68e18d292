"""Publish a forward through HAProxy: planned, then carried out under the registry's lock."""

from __future__ import annotations

from dataclasses import dataclass

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.node_changes import ChangedMeanwhile
from checker.control.notices import Report, notify
from checker.haproxy.program import Proxy, proxy_of
from checker.haproxy.publish import change, refuse_taken, wanted_file
from checker.model import Forward, Node, Publication
from checker.registry.edits import with_forward
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.publications import with_publication
from checker.registry.reading import read_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPlan:
    """A publication that conflicts with no other, and the file that HAProxy gets."""

    before: Node
    after: Node
    forward: Forward
    publication: Publication
    proxy: Proxy
    file: str

    @property
    def sentence(self) -> str:
        """What was done, without the node's name."""
        return f"published on port {self.publication}"


def planned_publication(
    registry: Registry, proxy: Proxy, uid: int, forward: Forward, publication: Publication
) -> PublishPlan:
    """What to publish, with `uid` the tunnel user's. Raises what `wanted_file` and `refuse_taken`
    do.
    """
    node = registry.node(forward.node)
    after = with_forward(node, forward, with_publication(forward, publication))
    file = wanted_file(registry.with_node(after), proxy)
    refuse_taken(publication.port, registry, proxy, uid)
    return PublishPlan(
        before=node,
        after=after,
        forward=forward,
        publication=publication,
        proxy=proxy,
        file=file,
    )


def planned_at(
    layout: Layout, registry: Registry, forward: Forward, publication: Publication
) -> PublishPlan:
    """The same, with HAProxy and the tunnel user of the gateway's settings. Raises CheckerError."""
    config = load_config(layout.config)
    proxy = proxy_of(layout, config)
    return planned_publication(registry, proxy, config.tunnel_uid, forward, publication)


def publish(layout: Layout, plan: PublishPlan, report: Report) -> str:
    """Carry the plan out; return what HAProxy did, as a sentence, empty if nothing. Raises
    ChangedMeanwhile, and what `change` raises.
    """
    with locked(layout):
        if read_registry(layout.nodes).nodes.get(plan.before.name) != plan.before:
            raise ChangedMeanwhile(plan.before.name)
        about_proxy = change(layout, plan.proxy, plan.after)
    notify(layout, plan.after.name, [(plan.forward.port, plan.sentence)], report)
    return about_proxy
