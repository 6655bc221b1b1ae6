"""A small Kubernetes API client: list in pages, watch as a stream of JSON lines, with the pod's own token.

Only what the agent needs, on aiohttp: the official client alone would exceed the agent's memory budget.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

# Objects a page: 500 pods of 20 KB are 10 MB while they are parsed; 100 are 2 MB.
PAGE = 100
# A token file is projected anew long before it expires (at 80 % of at least 10 minutes).
TOKEN_SECONDS = 30.0
CONNECT_SECONDS = 5.0
LIST_SECONDS = 30.0
# The server ends a watch at its timeout; silence this much longer means that the connection is dead.
GRACE_SECONDS = 10.0
GONE = 410


class ApiError(Exception):
    """The API server answered with an error, or not at all."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiClient:
    """Talks to one API server; an async context manager."""

    def __init__(self, server: str, token_file: Path, ca_file: Path) -> None:
        self._server = server.rstrip("/")
        self._token_file = token_file
        self._ca_file = ca_file
        self._token = ""
        self._token_read = float("-inf")
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context(cafile=str(self._ca_file)) if self._server.startswith("https") else False
        # trust_env stays off: a proxy for the outside world must not see the API server's token.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls or False, limit=8))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """One object or list. Raises ApiError."""
        try:
            timeout = aiohttp.ClientTimeout(total=LIST_SECONDS, connect=CONNECT_SECONDS)
            async with self._session.get(self._server + path, params=params, headers=self._headers(), timeout=timeout) as response:
                await _check(response)
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ApiError(0, f"no answer from {self._server}{path}: {error or type(error).__name__}") from error

    async def pages(self, path: str, **params: str) -> AsyncIterator[dict[str, Any]]:
        """A list in pages. Raises ApiError, with status 410 when the continuation expired."""
        token = ""
        while True:
            page = await self.get(path, limit=str(PAGE), **({"continue": token} if token else {}), **params)
            yield page
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return

    async def watch(self, path: str, version: str, seconds: float, **params: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Events after `version`, for about `seconds`; bookmarks included. Raises ApiError."""
        query = {
            **params,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=seconds + GRACE_SECONDS)
        try:
            async with self._session.get(self._server + path, params=query, headers=self._headers(), timeout=timeout) as response:
                await _check(response)
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in filter(None, lines):
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise ApiError(int(event["object"].get("code", 0)), event["object"].get("message", "the watch failed"))
                        yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise ApiError(0, f"watch of {path} broke: {error or type(error).__name__}") from error

    def _headers(self) -> dict[str, str]:
        now = time.monotonic()
        if now - self._token_read > TOKEN_SECONDS:
            try:
                self._token = self._token_file.read_text().strip()
            except OSError as error:
                raise ApiError(0, f"cannot read the token in {self._token_file}: {error.strerror}") from error
            self._token_read = now
        return {"Authorization": f"Bearer {self._token}", "User-Agent": "flyball-agent"}


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        text = (await response.text())[:300]
        try:
            text = json.loads(text)["message"]
        except (ValueError, KeyError, TypeError):
            text = text or str(response.reason)
        raise ApiError(response.status, f"{response.status} from {response.url.path}: {text}")
