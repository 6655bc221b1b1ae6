"""The operator's process: endpoints first, then the leader's Lease, then the leader's work; a lost Lease ends it.

Only the leader watches and acts; a standby answers its endpoints and waits. On SIGTERM the Lease is released, so that a standby leads within a retry.
"""

from __future__ import annotations

import asyncio
import logging
import signal

import aiohttp

from flyball import logs
from flyball.kube import lease
from flyball.kube.client import Kube
from flyball.runtime.app import App
from flyball.runtime.health import serve
from flyball.runtime.settings import Settings
from flyball.runtime.watches import WatchesEnded

log = logging.getLogger(__name__)

LOST_LEASE = 3
"""Exit status when the leader's Lease was lost: whoever restarts us should, and whoever reads logs should know."""


async def run(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT; the process's exit status. Raises KubeError when no cluster is configured."""
    logs.configure(settings.log_format, settings.log_level)
    _quieten_kopf(settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await Kube.connect(settings.kubeconfig) as kube, aiohttp.ClientSession() as session:
        app = App(settings, kube, session)
        runner, port = await serve(app.health, app.metrics.registry, settings.listen_host, settings.listen_port)
        log.info("operator %s listens on port %d; Prometheus: %s", settings.identity, port, settings.prometheus_url)
        beat = asyncio.create_task(app.health.beat())
        try:
            return await _serve(app, lease.LeaderElector(kube, settings.namespace, settings.identity), stop)
        finally:
            beat.cancel()
            await runner.cleanup()


async def _serve(app: App, elector: lease.LeaderElector, stop: asyncio.Event) -> int:
    """Wait for the lead, then act while it lasts."""
    stopped = asyncio.create_task(stop.wait())
    acquired = asyncio.create_task(elector.acquire())
    await asyncio.wait([stopped, acquired], return_when=asyncio.FIRST_COMPLETED)
    if not acquired.done():
        acquired.cancel()
        return 0
    acquired.result()
    kept = asyncio.create_task(elector.keep())
    leading = asyncio.create_task(app.lead(stop))
    await asyncio.wait([kept, leading], return_when=asyncio.FIRST_COMPLETED)
    if kept.done():
        stop.set()
        await asyncio.wait([leading])
        log.error("lost the leader's Lease: ending, so that there is only one operator")
        return LOST_LEASE
    try:
        leading.result()
        await app.farewell()
    except WatchesEnded as error:
        log.error("%s", error)
        return 1
    finally:
        # The Lease is renewed to the very end: until it is released, nobody else may act.
        kept.cancel()
        await elector.release()
    return 0


def _quieten_kopf(log_level: str) -> None:
    """kopf logs a line for each event of each object; and warns that it leaves the signals to us, as it should."""
    if log_level != "debug":
        logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
