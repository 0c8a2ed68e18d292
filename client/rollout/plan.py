"""Sort the chosen nodes into devices to go to and devices to leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checker.model import CheckerError, Node, Status, seen_at
from checker.output import today
from client.bundle.build import CannotBuild, Source, bundle_for, wanted_nodes
from client.bundle.compose import Bundle
from client.bundle.gateways import id_of
from client.bundle.paths import paths_to_build, signed_paths
from client.paths import ONLY
from client.rollout.course import Came, Result
from client.rollout.memory import Memory
from client.rollout.options import RolloutOptions
from client.rollout.view import View
from client.rollout.way import Job, clients_of, paths_of, way_to, why_not

NO_SSH = "no forward leads to an SSH server on the device; if one does, name it with --port"
UNHEARD = (
    "its new bundle begins with its home {home}, of which nothing is heard here; look at the bus,"
    " or name the gateways with --gateway"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The devices to go to, in order, and what is known of the others already."""

    jobs: Sequence[Job]
    others: Sequence[Came]


def chosen(source: Source, wanted: RolloutOptions) -> list[Node]:
    """Return the nodes that are named, or match, by name. Raises CheckerError, CannotBuild."""
    registry = source.registry
    for name in wanted.nodes:
        registry.refuse_broken(name)
    nodes = [registry.node(name) for name in dict.fromkeys(wanted.nodes)] or sorted(
        wanted_nodes(source, wanted.build.filter_text)[0], key=lambda node: node.name
    )
    known = {port for node in nodes for port in node.ports}
    strange = [port for port in wanted.ports if port not in known]
    if strange:
        raise CannotBuild(f"port {strange[0]} is not a port of these nodes")
    return nodes


def job_for(source: Source, wanted: RolloutOptions, node: Node, view: View) -> Job | str:
    """Return what to bring to the device and by which port, or why that is not known."""
    try:
        path = path_here(source, node, view)
        bundle = bundle_for(source, node, wanted.build, path)
    except (CannotBuild, CheckerError) as error:
        return str(error)
    forward = way_to(node, wanted.ports, view.tunnels)
    if forward is None:
        return NO_SSH
    return Job(node=node, forward=forward, bundle=bundle, home=home_of(source, bundle))


def home_of(source: Source, bundle: Bundle) -> str:
    """Return with which other gateway of the fleet the bundle begins, or an empty text."""
    first = id_of(bundle.gateways[0])
    return first if source.order is not None and first != source.order.own else ""


def path_here(source: Source, node: Node, view: View) -> int:
    """Return the path whose bundle a rollout brings from here. Raises ConfigError,
    InvalidValue.
    """
    path = paths_of(view.registrations).get(node.name, ONLY)
    signed = signed_paths(source.layout, source.config, node.name)
    return paths_to_build(node.name, signed, path, all_=False)[0]


def hindrance(job: Job, view: View) -> str:
    """Return why nobody should go to the device now, as a clause; empty if there is no reason.
    Raises StateError, ConfigError.
    """
    seen = seen_at((job.name, job.port), view.tunnels)
    client = clients_of(view.registrations).get(job.name, "")
    there = "" if seen.status is Status.UP else view.holder_of((job.name, job.port))
    why = why_not(job.node, job.forward, seen, client=client, today=today(), there=there)
    if not why and job.home and not view.hears(job.home):
        return UNHEARD.format(home=job.home)
    return why


def plan(source: Source, wanted: RolloutOptions, view: View, memory: Memory) -> Plan:
    """Build each bundle, and look which devices can be reached. Raises CheckerError."""
    jobs: list[Job] = []
    others: list[Came] = []
    for node in chosen(source, wanted):
        job = job_for(source, wanted, node, view)
        if isinstance(job, str):
            others.append(Came(name=node.name, result=Result.SKIPPED, detail=job))
        elif not wanted.again and memory.has(job.bundle.name, job.digest):
            others.append(job.came(Result.SAME, "by an earlier rollout"))
        elif why := hindrance(job, view):
            others.append(job.came(Result.SKIPPED, why))
        else:
            jobs.append(job)
    return Plan(jobs=jobs, others=others)
