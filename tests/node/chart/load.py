"""Open-loop load on the service of the chart's test: a request every 50 ms, whatever the answers do. Usage: load.py URL"""

from __future__ import annotations

import asyncio
import sys

import aiohttp

INTERVAL_SECONDS = 0.05


async def main(url: str) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:

        async def one() -> None:
            try:
                async with session.get(url) as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                print(error, file=sys.stderr, flush=True)

        running: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
            due += INTERVAL_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
