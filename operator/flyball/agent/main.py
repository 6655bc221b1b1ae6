"""The agent's process: start, tick once a second, give everything back at the end.

Order at start: cgroups, journal, watches; what the journal says is lowered and no fresh plan covers is given back within 2 s, whether the API
answers or not. SIGTERM and SIGINT end it; then burst and quotas are given back before anything else is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import time

from flyball import logs
from flyball.agent.apiclient import ApiClient
from flyball.agent.governor import Governor
from flyball.agent.server import Health, Server
from flyball.agent.settings import Settings
from flyball.agent.watches import Watches
from flyball.cgroup.errors import NoCpuController
from flyball.cgroup.layout import detect

log = logging.getLogger(__name__)

# How long the start waits for the API before it gives back by the journal alone. Giving back 100 containers takes some 10 ms; the promise is 2 s.
SYNC_SECONDS = 1.5
# A tick that starts later than this share of its interval is counted as late.
LATE_SHARE = 0.25
SHUTDOWN = "Shutdown"


async def run(settings: Settings) -> int:
    """Serve the node until SIGTERM or SIGINT; the process's exit status."""
    logs.configure(settings.log_format, settings.log_level)
    try:
        layout = detect(settings.cgroup_root)
    except NoCpuController as error:
        log.error("%s", error)
        return 1
    _raise_file_limit()
    governor = Governor(settings, layout)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with ApiClient(settings.api_server, settings.token_file, settings.ca_file) as client:
            watches = Watches(client, governor, settings)
            health = Health(settings.tick_seconds, lambda: watches.synced)
            server = Server(health, governor.tallies)
            port = await server.start(settings.listen_host, settings.listen_port)
            log.info("agent of node %s: cgroup v%d, listening on port %d", settings.node_name, layout.version, port)
            watching = asyncio.create_task(watches.run())
            try:
                await _inherit(governor, watches)
                await tick_until(stop, watching, governor, health)
            finally:
                # First what people wait for, then the tidying up.
                left = governor.release_all(SHUTDOWN)
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
                await server.stop()
    finally:
        governor.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    log.info("agent ended, %d containers not given back", left)
    return 1 if left else 0


async def _inherit(governor: Governor, watches: Watches) -> None:
    entries = governor.journal.entries()
    if not entries:
        return
    log.info("the journal names %d lowered containers", len(entries))
    governor.inherit(entries)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SYNC_SECONDS):
            await watches.wait_synced()
    governor.settle_inheritance(time.monotonic())


async def tick_until(stop: asyncio.Event, watching: asyncio.Task[None], governor: Governor, health: Health) -> None:
    """Tick on a fixed grid of the monotonic clock. A tick that comes too late is counted, and those missed are left out."""
    # What was imported lives for ever: a full collection over it would take longer than a tick.
    gc.freeze()
    interval = health.interval
    due = time.monotonic()
    while not stop.is_set():
        if watching.done():
            watching.result()  # a fault of the program, not of the API: end, give back, be restarted
        begun = time.monotonic()
        if begun - due > LATE_SHARE * interval:
            governor.tallies.ticks_late += 1
        try:
            governor.tick(begun)
            health.ticked = time.monotonic()
        except Exception:  # the loop's edge: the next tick reads everything anew; where none succeeds, health says so, and a restart gives back
            governor.tallies.errors["tick"] += 1
            log.exception("a tick failed")
        ended = time.monotonic()
        governor.tallies.ticked(ended - begun)
        due += interval
        if due < ended:
            due = ended + interval
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due - time.monotonic()):
                await stop.wait()


def _raise_file_limit() -> None:
    """Seven descriptors a container, one a pod and up to 2,000 of tasks: a full node (110 pods, 3 containers each) needs 4,500, the usual soft limit
    is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
