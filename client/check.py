"""`reversi-client check`: log in once and ask the gateway whether the tunnel works."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

import asyncssh

from checker import wire
from client.config import Address, Config
from client.errors import Ended, GatewayUnreachable
from client.link import ask
from client.login import Dialer, Owner, Refusal, login_options, reason_of
from client.pace import Pace
from client.words import Failure

CHECK_DEADLINE_S = 30.0
"""The gateway probes all ports of the node before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gateway's answer to `check`."""

    node: str
    gateway: str
    wait_s: int

    @property
    def sentence(self) -> str:
        if self.wait_s == 0:
            return f"{self.node}: {self.gateway} says that the tunnel works"
        return (
            f"{self.node}: {self.gateway} says that the tunnel does not work and asks to wait"
            f" {self.wait_s} s"
        )

    @property
    def document(self) -> dict[str, Any]:
        return {"schema": 1, **asdict(self), "up": self.wait_s == 0}


async def check(config: Config) -> Verdict:
    """Ask the first gateway that accepts a login. Raises ConfigError, GatewayUnreachable."""
    dialer = Dialer(login_options(config))
    reasons = []
    for gateway in config.gateways:
        outcome = await check_at(
            gateway, dialer, Pace(config.connect_timeout_s, config.answer_deadline_s)
        )
        if isinstance(outcome, int):
            return Verdict(node=config.node, gateway=str(gateway), wait_s=outcome)
        reasons.append(f"{gateway}: {outcome}")
    raise GatewayUnreachable(config.node, tuple(reasons))


async def check_at(gateway: Address, dialer: Dialer, pace: Pace) -> int | str:
    """Return the verdict, or why there is none.

    After a login that timed out, try again with a longer limit, up to the longest.
    """
    connection = await dialer.dial(gateway, pace.limits, Owner)
    while isinstance(connection, Refusal):
        before_s = pace.login_s
        pace.timed_out()
        if connection.failure is not Failure.SLOW or pace.login_s == before_s:
            return connection.reason
        connection = await dialer.dial(gateway, pace.limits, Owner)
    limit_s = max(CHECK_DEADLINE_S, pace.login_s)
    try:
        async with asyncio.timeout(limit_s):
            answer = await ask(connection, wire.Check())
    except TimeoutError:
        return f"no answer within {limit_s:g} s"
    except (Ended, wire.Malformed, asyncssh.Error, OSError) as error:
        return reason_of(error)
    else:
        return answer.wait_s
    finally:
        connection.abort()
