"""Collect the facts that `doctor` judges, about a home or the gateway of this machine."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from checker.config.layout import SYSTEM, Layout
from checker.config.settings import Config, load_config
from checker.config.toml_file import ConfigError
from checker.control.client import Control
from checker.doctor.examine_alerts import alert_facts
from checker.doctor.examine_bus import bus_facts
from checker.doctor.examine_enrolments import enrolment_facts
from checker.doctor.examine_files import key_facts, place_facts
from checker.doctor.examine_fleet import fleet_facts
from checker.doctor.examine_host_keys import gateway_facts, host_key_facts
from checker.doctor.examine_machine import machine_facts, port_facts
from checker.doctor.examine_metrics import metrics_facts
from checker.doctor.examine_published import published_facts
from checker.doctor.examine_readers import is_guarded, reader_facts
from checker.doctor.examine_sshd import login_facts, sshd_facts
from checker.doctor.facts import DaemonFacts, Facts, RegistryFacts, StateFacts
from checker.install.places import DROP_INS, MANIFEST, SERVICE, UNIT_FILE
from checker.install.survey import SYSTEMD, entry, is_served_by_root, user_account
from checker.install.unit_files import DAEMON_USER
from checker.linux.machine import usage_of
from checker.linux.processes import read_process, started_at
from checker.linux.systemd import is_enabled, is_unit
from checker.model import CheckerError, Tunnel, lacks_pin
from checker.registry.enrolments import Enrolments, read_enrolments
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.succession import overdue
from checker.state.drain_file import read_drain
from checker.state.errors import StateError, StateMissing, StateNewer
from checker.state.rows import Sweep
from checker.state.store import is_sound, open_reader
from checker.tunnels.shut_out import CONDITION


def examine(layout: Layout) -> Facts:
    """Return all facts; if there is no gateway, or its settings cannot be read, only that."""
    if is_missing(layout):
        return Facts(layout=layout, is_missing=True, is_undone=MANIFEST.exists())
    try:
        config = load_config(layout.config)
        registry = read_known(layout)
    except CheckerError as error:
        return Facts(layout=layout, trouble=str(error))
    now = time.time()
    account = user_account(config.tunnel_user)
    uid = account.uid if account else 0
    tunnels, sweep, state = recorded(layout)
    sshd = sshd_facts(layout, config)
    found_drain = read_drain(layout.drain)
    recorded_at: list[float] = [node.added_at for node in registry.nodes.values()]
    recorded_at += [sweep.swept_at] if sweep else []
    return Facts(
        layout=layout,
        user=config.tunnel_user,
        account=account,
        is_own=layout.home is not None and uid == os.geteuid(),
        sshd=sshd,
        login=replace(
            login_facts(layout, config.tunnel_user, sshd, is_user=uid != 0),
            refused=refused_nodes(tunnels),
        ),
        keys=key_facts(layout, account, sshd),
        daemon=daemon_facts(layout, config, sweep, now),
        places=place_facts(layout, uid),
        registry=registry_facts(registry, enrolments_of(layout), now),
        published=published_facts(layout, config, registry),
        ports=port_facts(registry, config, uid),
        machine=machine_facts(layout, peers_of(tunnels), recorded_at=recorded_at),
        state=state,
        readers=reader_facts(layout, config),
        is_guarded=is_guarded(layout, config),
        host_keys=host_key_facts(layout, registry, sshd),
        gateway=gateway_facts(layout, config, sshd),
        metrics=metrics_facts(layout),
        alerts=alert_facts(layout),
        enrolments=enrolment_facts(layout, now),
        fleet=fleet_facts(layout, config),
        bus=bus_facts(layout, config),
        drain=found_drain.drain,
        drain_trouble=found_drain.trouble,
    )


def is_missing(layout: Layout) -> bool:
    """Return whether there is no gateway to examine."""
    if layout.home is not None:
        return not layout.home.exists()
    made = (*DROP_INS, UNIT_FILE, SYSTEM.socket)
    return user_account(DAEMON_USER) is None and not any(path.exists() for path in made)


def recorded(layout: Layout) -> tuple[Sequence[Tunnel], Sweep | None, StateFacts]:
    """Read the state file."""
    try:
        state = open_reader(layout.state)
    except StateMissing:
        return (), None, StateFacts()
    except StateError as error:
        is_newer = isinstance(error, StateNewer)
        return (), None, StateFacts(trouble=str(error), is_newer=is_newer)
    try:
        if not is_sound(state):
            return (), None, StateFacts(trouble=f"the state file {layout.state} is damaged")
        return (
            state.tunnels(),
            state.last_sweep(),
            StateFacts(trouble="", has_strays=has_strays(layout)),
        )
    except StateError as error:
        return (), None, StateFacts(trouble=str(error))
    finally:
        state.close()


def has_strays(layout: Layout) -> bool:
    """Return whether a file beside the state file does not belong to the daemon."""
    folder = entry(layout.state.parent) if layout.home is None else None
    return folder is not None and folder.strays and not is_served_by_root()


def refused_nodes(tunnels: Sequence[Tunnel]) -> dict[str, str]:
    """Return the nodes that sshd refused lately, with its words, as their rows say."""
    notes = {tunnel.node: tunnel.detail.partition(f"{CONDITION}: ")[2] for tunnel in tunnels}
    return {node: words for node, words in sorted(notes.items()) if words}


def peers_of(tunnels: Sequence[Tunnel]) -> Counter[str]:
    """Count the nodes that connect from each address."""
    pairs = {
        (tunnel.node, tunnel.peer.rpartition(":")[0].strip("[]"))
        for tunnel in tunnels
        if tunnel.peer
    }
    return Counter(address for _, address in pairs)


def daemon_facts(layout: Layout, config: Config, sweep: Sweep | None, now: float) -> DaemonFacts:
    daemon = Control(layout=layout).daemon()
    pid = None if daemon is None else daemon.pid
    has_unit = layout.home is None and SYSTEMD.is_dir() and is_unit(SERVICE)
    return DaemonFacts(
        pid=pid,
        version=None if daemon is None else daemon.version,
        has_unit=has_unit,
        age_s=age_s(pid, now) if pid else None,
        swept_s_ago=None if sweep is None else now - sweep.swept_at,
        every_s=config.policy.probe_every_s,
        is_enabled=is_enabled(SERVICE) if has_unit else None,
        usage=usage_of(pid) if pid else None,
    )


def age_s(pid: int, now: float) -> float | None:
    """Return how long the process has existed; None if it ended."""
    process = read_process(pid)
    if process is None:
        return None
    return now - started_at(process.id, now, time.clock_gettime(time.CLOCK_BOOTTIME))


def enrolments_of(layout: Layout) -> Enrolments:
    """Return the enrolments; that they cannot be read has a finding of its own."""
    try:
        return read_enrolments(layout.enrolments)
    except ConfigError:
        return Enrolments()


def registry_facts(registry: Registry, enrolments: Enrolments, now: float) -> RegistryFacts:
    nodes = registry.nodes.values()
    enrolling = [one for one in enrolments.found.values() if one.answers(now)]
    return RegistryFacts(
        nodes=len(nodes),
        node_keys=(
            *((node.name, key) for node in nodes if node.enabled for key in node.public_keys),
            *((f"enrolment {one.id}", one.public_key) for one in enrolling),
        ),
        problems=(*registry.problems, *filter(None, [registry.freed_trouble])),
        overdue=tuple(one for node in nodes for one in overdue(node, now)),
        unpinned=tuple(node.name for node in nodes if lacks_pin(node)),
    )
