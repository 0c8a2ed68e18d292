"""A service that greets like an SSH server. `python -m bench.banner PORT` runs it by itself."""

from __future__ import annotations

import asyncio
import sys

BANNER = b"SSH-2.0-bench\r\n"


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the banner, and wait until the other side closes."""
    try:
        writer.write(BANNER)
        await reader.read()
    except OSError:
        return
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(greet, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
