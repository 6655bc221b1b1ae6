"""An API server's worth of objects in memory, with the surface of `flyball.kube.client.Kube`: resource versions, conflicts, and faults on demand.

For what a real API server cannot be made to do at will: hang, refuse, or answer in faked time. What its answers mean is tested on the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from flyball.kube.client import Conflict, KubeError, NotFound


class FakeKube:
    """Objects by path."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        """Verb, path and body of every write that came through."""
        self.fault: KubeError | None = None
        """Raised by every request."""
        self.refused: dict[str, KubeError] = {}
        """Raised by writes to a path."""
        self.hangs = False
        self._version = 0

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        await self._arrive()
        if path not in self.objects:
            raise NotFound(404, f"{path} not found")
        return deepcopy(self.objects[path])

    async def items(self, path: str, *, metadata_only: bool = False) -> list[dict[str, Any]]:
        await self._arrive()
        if path in self.refused:
            raise self.refused[path]
        return [deepcopy(body) for key, body in self.objects.items() if key.startswith(f"{path}/")]

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await self._arrive(path)
        where = f"{path}/{body['metadata']['name']}"
        if where in self.objects:
            raise Conflict(409, f"{where} already exists")
        return self._store("create", where, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await self._arrive(path)
        if self.objects[path]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict(409, f"{path} has been modified")
        return self._store("replace", path, body)

    async def apply(self, path: str, body: Mapping[str, Any], *, force: bool = False) -> dict[str, Any]:
        await self._arrive(path)
        return self._store("apply", path, body)

    async def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        await self._arrive(path)
        return self._store("merge", path, {**self.objects[path], **body})

    async def delete(self, path: str) -> None:
        await self._arrive(path)
        self.objects.pop(path, None)
        self.writes.append(("delete", path, {}))

    async def _arrive(self, path: str | None = None) -> None:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fault:
            raise self.fault
        if path in self.refused:
            raise self.refused[path]

    def _store(self, verb: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        stored = deepcopy(dict(body))
        stored["metadata"] = {**stored.get("metadata", {}), "resourceVersion": str(self._version)}
        self.objects[path] = stored
        self.writes.append((verb, path, deepcopy(dict(body))))
        return deepcopy(stored)
