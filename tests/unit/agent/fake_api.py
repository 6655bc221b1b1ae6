"""A small API server for the agent's client: lists, watches with bookmarks, 410, refusals; on a loopback port."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

PATH = "/api/v1/things"


def thing(name: str, version: int = 1, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}, "spec": spec}


class FakeApi:
    """Serves `objects`; `send` puts an event on every open watch."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 1
        self.page_size = 100
        self.refuse: list[int] = []  # status codes for the next requests
        self.seen: list[tuple[str, dict[str, str]]] = []  # authorization, query
        self.watching = asyncio.Event()
        self._watches: list[web.StreamResponse] = []
        self._end = asyncio.Event()
        app = web.Application()
        app.router.add_get(PATH, self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def start(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self._end.set()
        await self._runner.cleanup()

    def put(self, *objects: dict[str, Any]) -> None:
        self.objects |= {item["metadata"]["name"]: item for item in objects}

    async def send(self, kind: str, item: dict[str, Any], *, split: bool = False) -> None:
        await asyncio.wait_for(self.watching.wait(), 5)
        line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
        for watch in self._watches:
            for part in (line[:20], line[20:]) if split else (line,):
                await watch.write(part)
                await asyncio.sleep(0.01 if split else 0)  # two packets, not one

    def end_watches(self) -> None:
        """The server's timeout."""
        self.watching.clear()
        self._end.set()
        self._end = asyncio.Event()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.headers.get("Authorization", ""), dict(request.query)))
        if self.refuse:
            status = self.refuse.pop(0)
            return web.json_response({"kind": "Status", "code": status, "message": "not today"}, status=status)
        if request.query.get("watch") == "true":
            return await self._watch(request)
        start = int(request.query.get("continue", "0"))
        items = list(self.objects.values())
        end = start + min(self.page_size, int(request.query["limit"]))
        meta = {"resourceVersion": str(self.version)} | ({"continue": str(end)} if end < len(items) else {})
        return web.json_response({"metadata": meta, "items": items[start:end]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        end = self._end
        self._watches.append(response)
        self.watching.set()
        await end.wait()
        self._watches.remove(response)
        return response
