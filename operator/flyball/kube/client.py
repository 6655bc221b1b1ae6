"""A thin client: the official package's asyncio connection and credentials, raw JSON instead of its models.

Parsing a list of 2,000 pods into the models takes a second of CPU, raw JSON an eighth of it. Writes go through server-side apply with one field
manager; a conflict is a finding that is shown, not a nuisance that is forced.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import kopf
from kubernetes.aio import client, config
from kubernetes.aio.config.config_exception import ConfigException

from flyball import __version__

FIELD_MANAGER = "flyball"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
JSON = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
REQUEST_SECONDS = 15.0
"""A request that takes longer is given up: the next tick tries again, and meanwhile nothing else waits."""


_OUR_RIGHTS = re.compile(r'forbidden: User ".*" cannot [a-z]+ (resource|path) "', re.DOTALL)
"""How the API server's authorisation refuses, whatever decides behind it (k8s.io/apiserver, handlers/responsewriters)."""
_ADMISSION = re.compile(r" is forbidden: |denied (the )?request")
"""How admission refuses, where it is not authorisation: a quota, a policy, a webhook, a namespace that is going. Anything else is not the API
server's word: a proxy before it, for example."""


class KubeError(Exception):
    """The API server refused or could not be reached; `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def about_object(self) -> bool:
        """Whether it is about the one object alone (refused, conflicting, its namespace full or going), not about the API server or our rights."""
        refused = self.status == 403 and _ADMISSION.search(str(self)) and not _OUR_RIGHTS.search(str(self))
        return bool(refused) or self.status in (400, 404, 409, 413, 422)


class NotFound(KubeError):
    """There is no such object, or no such kind."""


class Conflict(KubeError):
    """Someone else owns a field, or the object has changed meanwhile."""


class Unreachable(KubeError):
    """The API server did not answer."""


_ERRORS: Mapping[int, type[KubeError]] = {404: NotFound, 409: Conflict}


class Kube:
    """Requests to one API server."""

    def __init__(self, configuration: client.Configuration) -> None:
        # The environment names a proxy once: left to the session, each request asks for it anew in a thread, and waits for that thread's turn.
        configuration.proxy = configuration.proxy or _proxy(configuration.host)
        configuration.client_session_kwargs = {"trust_env": False}
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._client.user_agent = f"flyball/{__version__}"

    @classmethod
    async def connect(cls, kubeconfig: str | None = None) -> Kube:
        """With a kubeconfig (its path, or the user's own), or as the pod's service account. Raises KubeError when there is neither."""
        configuration = client.Configuration()
        try:
            if kubeconfig or not SERVICE_ACCOUNT.exists():  # noqa: ASYNC240 - a local file, read once
                await config.load_kube_config(config_file=_kubeconfig(kubeconfig), client_configuration=configuration)
            else:
                config.load_incluster_config(client_configuration=configuration)
        except (ConfigException, OSError, ValueError) as error:
            raise KubeError(0, f"No Kubernetes cluster is configured: {error}") from error
        configuration.retries = None  # none: False counts as a number and retries 5xx for ever; the next look tries again
        return cls(configuration)

    async def close(self) -> None:
        await self._client.close()

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def login(self) -> kopf.ConnectionInfo:
        """The same credentials for kopf, which opens connections of its own."""
        its = self._configuration
        header = await its.get_api_key_with_prefix("BearerToken") or ""
        return kopf.ConnectionInfo(
            server=its.host,
            ca_path=its.ssl_ca_cert,
            insecure=None if its.verify_ssl else True,
            certificate_path=its.cert_file,
            private_key_path=its.key_file,
            scheme="Bearer" if header else None,
            token=header.removeprefix("Bearer ") or None,
        )

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await self._request("GET", path, query)

    async def items(self, path: str, *, metadata_only: bool = False) -> list[dict[str, Any]]:
        """All objects of a list, fetched in chunks; with `metadata_only` without spec and status."""
        found: list[dict[str, Any]] = []
        query = {"limit": "500"}
        while True:
            page = await self._request("GET", path, query, accept=METADATA_LIST if metadata_only else JSON)
            found += page["items"] or ()  # null in an empty list of metadata
            token = page["metadata"].get("continue")
            if not token:
                return found
            query["continue"] = token

    async def apply(self, path: str, body: Mapping[str, Any], *, force: bool = False, dry_run: bool = False) -> dict[str, Any]:
        """Server-side apply as `flyball`. Raises Conflict when another manager owns a field, unless `force` takes it over."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        query |= ({"force": "true"} if force else {}) | ({"dryRun": "All"} if dry_run else {})
        return await self._request("PATCH", path, query, body, APPLY)

    async def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """JSON merge patch."""
        return await self._request("PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE)

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._request("POST", path, {"fieldManager": FIELD_MANAGER}, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Conflict when the object has another resourceVersion by now."""
        return await self._request("PUT", path, {"fieldManager": FIELD_MANAGER}, body)

    async def delete(self, path: str) -> None:
        """Delete; that there is none is fine."""
        try:
            await self._request("DELETE", path)
        except NotFound:
            return

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> dict[str, Any]:
        headers = {"Accept": accept, "Content-Type": content_type}
        try:
            serialized = await self._client.param_serialize(
                method, path, query_params=list((query or {}).items()), header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            answer = await self._client.call_api(*serialized, _request_timeout=REQUEST_SECONDS)
            content = await answer.read()
        except TimeoutError as error:
            raise Unreachable(0, f"The API server did not answer within {REQUEST_SECONDS:g} s.") from error
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise Unreachable(0, f"The API server at {self._configuration.host} cannot be reached: {error}") from error
        if answer.status >= 400:
            raise _ERRORS.get(answer.status, KubeError)(answer.status, _message(content, answer.status))
        parsed: dict[str, Any] = json.loads(content)
        return parsed


def _kubeconfig(named: str | None) -> str:
    """The kubeconfig to use. Raises KubeError when there is none: the loader would go on with an empty one."""
    path = named or os.environ.get("KUBECONFIG") or "~/.kube/config"
    if not any(Path(part).expanduser().is_file() for part in path.split(os.pathsep)):
        raise KubeError(0, f"No Kubernetes cluster is configured: there is no file {path}.")
    return path


def _proxy(host: str) -> str | None:
    """The proxy that the environment names for a server (HTTPS_PROXY, NO_PROXY), if any."""
    its = urlsplit(host)
    if not its.hostname or proxy_bypass(its.hostname):
        return None
    return getproxies().get(its.scheme)


def _message(content: bytes, status: int) -> str:
    """What the API server said, in its own words."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return f"The API server answered {status}."
