"""Carry out the machine's actions over asyncssh, one connection at a time, and post the results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import asyncssh

from checker import __version__, wire
from client import words
from client.config import Address, Config
from client.errors import Ended
from client.login import Dialer, Owner, Refusal, printable, reason_of
from client.targets import Targets
from client.traffic import Traffic

Order = words.Claim | words.Listen | words.Hold | words.Beat
Post = Callable[[words.Event], None]
NAMES = (
    f"reversi-{__version__}/asyncssh-{asyncssh.__version__}",
    f"reversi-{__version__}",
    "reversi",
)
"""How this client names itself to the gateway: in full, if its home's ID leaves room for that."""


def hold_request(instance: str, home: str) -> wire.Hold:
    """Return the request that registers the tunnel of a client that belongs to this gateway."""
    name = next(one for one in NAMES if fits(wire.client_word(one, moves=True, home=home)))
    return wire.Hold(instance, name, moves=True, home=home)


def fits(word: str) -> bool:
    return wire.CLIENT.match(word) is not None


class Watcher(Owner):
    """asyncssh's callbacks: a connection was made, and why it was lost."""

    def __init__(self, made: Callable[[Traffic], None], lost: Callable[[str], None]) -> None:
        super().__init__()
        self.made, self.lost = made, lost

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        super().connection_made(conn)
        self.made(Traffic(conn))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost(reason_of(exc) if exc else "the connection was closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestResult:
    """The gateway's answer to a request that has only one."""

    wait_s: int
    complaint: str
    """A sentence for people, from standard error; mostly empty."""
    login_text: wire.LoginText
    """What the login printed before the answer."""


async def ask(connection: asyncssh.SSHClientConnection, request: wire.Request) -> RequestResult:
    """Send a request and return the answer. Raises Ended, Malformed, asyncssh.Error, OSError."""
    done = await connection.run(
        wire.render_request(request), stdin=asyncssh.DEVNULL, encoding="utf-8", errors="replace"
    )
    complaint = printable(str(done.stderr or ""))
    if done.exit_status != wire.OK:
        raise Ended(f"the gateway refuses: {complaint or f'exit status {done.exit_status}'}")
    wait_s, login_text = wire.last_answer(str(done.stdout or ""))
    return RequestResult(wait_s=wait_s, complaint=complaint, login_text=login_text)


class GatewayConnection:
    """One connection: its login, its requests and its tunnel."""

    def __init__(self, link: Link, order: words.Connect) -> None:
        self.config, self.instance, self.targets = link.config, link.instance, link.targets
        self.post, self.login_texts = link.post, link.login_texts
        self.number, self.gateway, self.limits = order.connection, order.gateway, order.limits
        self.orders: asyncio.Queue[Order] = asyncio.Queue()
        self.connection: asyncssh.SSHClientConnection | None = None
        self.held: asyncssh.SSHClientProcess[str] | None = None
        self.traffic: Traffic | None = None

    async def live(self, dialer: Dialer) -> None:
        """Log in, and carry out orders until cancelled."""
        outcome = await dialer.dial(
            self.gateway, self.limits, lambda: Watcher(self.start, self.lose)
        )
        if isinstance(outcome, Refusal):
            self.post(
                words.Failed(connection=self.number, failure=outcome.failure, reason=outcome.reason)
            )
            return
        self.connection = outcome
        self.post(words.Connected(connection=self.number))
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(self.carry_out(await self.orders.get(), outcome))
        finally:
            outcome.abort()

    def start(self, traffic: Traffic) -> None:
        """Use this connection from now on; a login to an earlier address may have failed."""
        self.traffic = traffic

    def counters(self) -> words.Moved | None:
        """Return the connection's counters; None before the login."""
        return (
            self.traffic.counters(self.number)
            if self.traffic is not None and self.connection is not None
            else None
        )

    def lose(self, reason: str) -> None:
        """Post that the connection ended. Before the login do nothing: the dialer reports that."""
        if self.connection is not None:
            self.post(words.Lost(connection=self.number, reason=reason))

    def drop(self, *, abort: bool) -> None:
        """End the connection without waiting for the other side.

        Source: asyncssh's close() sends a disconnect and then aborts the transport.
        """
        connection, self.connection = self.connection, None
        if connection is None:
            return
        if abort:
            connection.abort()
        else:
            connection.close()

    async def carry_out(self, order: Order, connection: asyncssh.SSHClientConnection) -> None:
        try:
            match order:
                case words.Claim():
                    answer = await ask(connection, wire.Claim(self.instance))
                    self.login_texts[self.gateway] = answer.login_text
                    self.post(
                        words.Claimed(
                            connection=self.number,
                            wait_s=answer.wait_s,
                            complaint=answer.complaint,
                        )
                    )
                case words.Listen(ports=ports):
                    await self.listen(ports, connection)
                case words.Hold():
                    await self.hold(connection)
                case words.Beat():
                    self.beat()
        except (Ended, wire.Malformed, asyncssh.Error, OSError) as error:
            self.lose(reason_of(error))

    async def listen(self, ports: frozenset[int], connection: asyncssh.SSHClientConnection) -> None:
        async with asyncio.TaskGroup() as group:
            asked = {
                port: group.create_task(self.is_granted(port, connection)) for port in sorted(ports)
            }
        listening = frozenset(port for port, task in asked.items() if task.result())
        self.post(
            words.Listened(connection=self.number, listening=listening, denied=ports - listening)
        )

    async def is_granted(self, port: int, connection: asyncssh.SSHClientConnection) -> bool:
        """Ask for one port; return whether the gateway listens. It denies a taken port, too.

        `localhost` is what permitlisten names; an empty host means all addresses. Source: RFC
        4254, section 7.1.
        """
        assert self.traffic is not None
        forward = next(forward for forward in self.config.forwards if forward.port == port)
        host = "" if forward.public else "localhost"
        try:
            await connection.create_server(
                self.targets.sessions(self.traffic, forward.target), host, port
            )
        except asyncssh.ChannelListenError:
            return False
        return True

    async def hold(self, connection: asyncssh.SSHClientConnection) -> None:
        """Register the connection, and read the answers to its beats until the gateway stops.

        Raises Ended, unless it stops because it drains.
        """
        request = wire.render_request(hold_request(self.instance, self.config.home))
        held = await connection.create_process(request, encoding="utf-8", errors="replace")
        self.held = held
        self.beat()
        is_sure = self.gateway in self.login_texts
        answers = wire.Answers(self.login_texts.get(self.gateway, wire.LoginText()))
        while line := await held.stdout.readline():
            wait_s = answers.take(line)
            if wait_s is not None:
                self.post(words.Answered(connection=self.number, wait_s=wait_s, is_sure=is_sure))
        complaint = printable(await held.stderr.read())
        await held.wait_closed()
        if held.exit_status == wire.TRY_LATER:
            reason = complaint or "this gateway drains"
            self.post(words.Lost(connection=self.number, reason=reason, drains=True))
            return
        raise Ended(f"the gateway ended hold{f': {complaint}' if complaint else ''}")

    def beat(self) -> None:
        if self.held is not None:
            self.held.stdin.write("\n")


class Link:
    """The current connection, if there is one."""

    def __init__(
        self, config: Config, dialer: Dialer, instance: str, targets: Targets, post: Post
    ) -> None:
        self.config, self.dialer, self.instance, self.targets, self.post = (
            config,
            dialer,
            instance,
            targets,
            post,
        )
        self.login_texts: dict[Address, wire.LoginText] = {}
        """What a login prints at each gateway; a claim shows it."""
        self.current: GatewayConnection | None = None
        self.task: asyncio.Task[None] | None = None

    def connect(self, order: words.Connect, group: asyncio.TaskGroup) -> None:
        self.current = GatewayConnection(self, order)
        self.task = group.create_task(
            self.current.live(self.dialer), name=f"connection {order.connection}"
        )

    def counters(self) -> words.Moved | None:
        """Return the counters of the current connection; None before the login."""
        return self.current.counters() if self.current is not None else None

    def order(self, order: Order) -> None:
        if self.current is not None:
            self.current.orders.put_nowait(order)

    def drop(self, *, abort: bool) -> None:
        if self.current is not None and self.task is not None:
            self.current.drop(abort=abort)
            self.task.cancel()
        self.current = self.task = None
