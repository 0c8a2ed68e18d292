"""`python -m bench.banner PORT`: greet like an SSH server, for use in a namespace."""

from __future__ import annotations

import asyncio
import sys

from bench.setting import greet


async def main() -> None:
    server = await asyncio.start_server(greet, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
