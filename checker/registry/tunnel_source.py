"""One connection that a file of another tool describes, and the node that it becomes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checker.model import SHARED_KEY, Forward, InvalidValue, Node, NodeName
from checker.registry.imported import Found, Login, Remark, name_like
from checker.registry.ssh_command import RemoteForward, SshCommand

NO_TUNNEL = "describes no tunnel with -R"
ELSEWHERE = "if its forwards are in the device's ~/.ssh/config, import that file"
IS_OPEN = (
    "what its targets answer is unknown: expecting open, which cannot see a hang; import with"
    " --target, as in --target 127.0.0.1:22,banner:SSH-, or see: reversi-checker node set"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One connection that a file describes."""

    line: int
    name: str
    login: Login | None
    """None: it does not log in by SSH."""
    forwards: tuple[RemoteForward, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def found(self, called: str, added_at: int) -> Found:
        """Return the node, under a name like this. Raises InvalidValue."""
        name = name_like(called)
        if not self.forwards:
            raise InvalidValue("; ".join([NO_TUNNEL, *self.notes]))
        node = Node(
            name=name,
            public_key=SHARED_KEY,
            forwards=tuple(forward_of(name, one) for one in self.forwards),
            added_at=added_at,
        )
        public = [
            f"port {one.port} is asked for on all addresses of the gateway, and is public"
            for one in self.forwards
            if one.public and self.login is not None
        ]
        left = [f"left out: {', '.join(self.left_out)}"] if self.left_out else []
        return Found(
            node=node,
            line=self.line,
            login=self.login,
            left_out=self.left_out,
            notes=tuple(
                Remark(line=0, text=text) for text in (*self.notes, *public, IS_OPEN, *left)
            ),
        )


def forward_of(name: NodeName, one: RemoteForward) -> Forward:
    return Forward(node=name, port=one.port, target=one.target, public=one.public)


def source_of(
    command: SshCommand, line: int, name: str, others: Sequence[str], notes: Sequence[str]
) -> Source:
    return Source(
        line=line,
        name=name,
        login=command.login,
        forwards=command.forwards,
        left_out=(*command.left_out, *others),
        notes=(*notes, *command.refused),
    )


def monitored(port: str) -> Iterator[str]:
    if port.partition(":")[0] not in ("", "0"):
        yield (
            f"autossh tests itself through ports {port[:20]} and the next one, which the gateway"
            " refuses: set its monitor port (-M) to 0 on the device"
        )
