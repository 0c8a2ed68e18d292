"""Answer one node's request in this process, as a dead daemon must never cost a tunnel."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from checker.config.layout import Layout, find_layout
from checker.model import CheckerError, enrolment_of
from checker.sshd.sessions import session_above
from checker.tunnels.enrol_requests import without_daemon
from checker.tunnels.gateway import Gateway
from checker.tunnels.in_process import with_gateway
from checker.tunnels.requests import Requests, refused
from checker.wire import Asked, Reply

UNAVAILABLE = 69


def answer_alone(layout: Layout, asked: Asked) -> Reply:
    """Answer a node's request without a daemon. Raises CheckerError."""
    if enrolment_of(asked.node) is not None:
        return without_daemon()
    caller = session_above(os.getppid(), os.geteuid())

    async def use(gateway: Gateway) -> Reply:
        return await Requests(gateway).answer(asked, caller)

    return asyncio.run(with_gateway(layout, use))


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="checker.daemon.alone")
    parser.add_argument("--home")
    parser.add_argument("--key", default="")
    parser.add_argument("--node", required=True)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run `checker.daemon.alone [--home DIR] [--key WHICH] --node NAME` for the gate."""
    arguments = parse(words)
    # stderr is the node's; the admin reads the events
    logging.getLogger().addHandler(logging.NullHandler())
    asked = Asked(
        node=arguments.node,
        peer=" ".join(os.environ.get("SSH_CONNECTION", "").split(" ")[:2]),
        command=os.environ.get("SSH_ORIGINAL_COMMAND", ""),
        key=arguments.key,
    )
    try:
        reply = answer_alone(find_layout(arguments.home, {}), asked)
    except CheckerError as error:
        reply = refused(asked, str(error), UNAVAILABLE)
    if reply.complaint:
        print(f"reversi: {reply.complaint}", file=sys.stderr)
    if reply.becomes:
        os.execv(reply.becomes[0], reply.becomes)  # noqa: S606 - the beat loop; the words are ours
    if reply.answer:
        print(reply.answer, flush=True)
    sys.exit(reply.exit_status)


if __name__ == "__main__":
    main()
