"""A bare reader of banners. `python -m bench.banner_reader PORT A_SECOND` reads until it is ended.

What it takes of a core shows how fast this machine is at the time, for work of the sweep's kind.
"""

from __future__ import annotations

import asyncio
import sys


async def main() -> None:
    port, a_second = int(sys.argv[1]), float(sys.argv[2])
    print("ready", flush=True)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.close()
        await asyncio.sleep(1 / a_second)


if __name__ == "__main__":
    asyncio.run(main())
