"""`python -m bench.herd full|quick FOLDER`: print the figures as JSON, in namespaces of its own."""

from __future__ import annotations

import sys

from bench.crowd import Crowd, Mixture
from bench.figures import Figure
from bench.herd.plan import FULL_PLAN, QUICK_PLAN, Plan
from bench.herd.restart import Login, figures, restarted, times_up
from bench.herd.watch import Spent, spent
from bench.herd.wave import figures as wave_figures
from bench.herd.wave import wave
from bench.inside import Tell, main, say
from bench.own_sshd import OwnSshd
from bench.setting import Gateway, Member, banner_server, gateway, listening
from demo.stage import free_ports


def first_figure(mixture: Mixture, user: str, login: Login, cost: Spent) -> Figure:
    return Figure(
        what=f"herd: a login of {mixture.nodes} nodes that come one by one",
        measured=f"CPU {login}, first beats and probes included",
        beside=f"{mixture}; they log in as {user}; all on this machine; {cost.others}",
    )


async def arrive(
    server: Gateway, sshd: OwnSshd, crowd: Crowd, members: list[Member], plan: Plan
) -> tuple[Login, Spent]:
    """Bring all nodes up, one by one; return what a login costs. Raises DemoFailed."""
    mixture = plan.mixture.possible()
    ports = [member.port for member in members]
    before = spent(server, sshd, crowd)
    await crowd.start(mixture, members, plan.each_s)
    await times_up(ports, before.at, lambda: listening(ports))
    cost = spent(server, sshd, crowd).since(before)
    return (
        Login(
            gateway_s=(cost.sshd_s + cost.daemon_s) / len(ports), node_s=cost.nodes_s / len(ports)
        ),
        cost,
    )


async def those_that_stay(crowd: Crowd, mixture: Mixture, ports: list[int]) -> list[int]:
    """End the second process of Python clients; return the others' ports."""
    first, *leaving = mixture.python
    for process in crowd.python[1:]:
        await crowd.leave(process)
    return ports[:first] + ports[first + sum(leaving) :]


async def herd(user: str, quick: bool, tell: Tell) -> None:
    plan = QUICK_PLAN if quick else FULL_PLAN
    mixture = plan.mixture.possible()
    async with banner_server() as target, gateway(user=user) as server:
        sshd = OwnSshd(server)
        await sshd.start()
        server.port = sshd.port
        ports = free_ports(mixture.nodes + plan.wave)
        members = await server.add(ports, f"127.0.0.1:{target}")
        nodes, others = members[: mixture.nodes], members[mixture.nodes :]
        ports = ports[: mixture.nodes]
        crowd = Crowd(server=server, target=target)
        say(f"{mixture.nodes} nodes come up")
        login, cost = await arrive(server, sshd, crowd, nodes, plan)
        tell(first_figure(mixture, user, login, cost))
        for with_daemon in (True, False):
            say(f"restart, {'with' if with_daemon else 'without'} the daemon")
            seen = await restarted(
                server, sshd, crowd, ports, lambda: listening(ports), with_daemon=with_daemon
            )
            for figure in figures(seen, login):
                tell(figure)
        say(f"{plan.wave} logins at once")
        healthy = await those_that_stay(crowd, mixture, ports)
        found = await wave(
            server, sshd, crowd, healthy, others, sample=plan.sample, watch_s=plan.watch_s
        )
        for figure in wave_figures(found):
            tell(figure)


if __name__ == "__main__":
    sys.exit(main(herd))
