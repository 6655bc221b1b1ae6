"""The client over HTTP: what each answer of an API server becomes, and what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from flyball.kube import client as module
from flyball.kube.client import Conflict, Kube, KubeError, NotFound, Unreachable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """A server whose handler the test sets."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.handler: Handler = _ok

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.text())
        return await self.handler(request)


async def _ok(_: web.Request) -> web.StreamResponse:
    return web.json_response({"metadata": {}})


def refusal(status: int, message: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "message": message, "code": status}, status=status)

    return handler


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def kube(api: Api, tmp_path: Path) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    async with TestServer(app) as server:
        config = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}],
            "users": [{"name": "test", "user": {"token": "secret-of-the-test"}}],
        }
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        async with await Kube.connect(str(file)) as kube:
            yield kube


async def test_requests_carry_our_name_and_the_token(kube: Kube, api: Api) -> None:
    await kube.get("/api/v1/pods")
    (request,) = api.requests
    assert request.headers["User-Agent"].startswith("flyball/")
    assert request.headers["Authorization"] == "Bearer secret-of-the-test"


@pytest.mark.parametrize(("force", "sent"), [(False, None), (True, "true")])
async def test_an_apply_is_a_server_side_apply_by_one_manager(kube: Kube, api: Api, force: bool, sent: str | None) -> None:
    await kube.apply("/apis/flyball.dev/v1alpha1/namespaces/shop/throttleplans/shop", {"spec": {}}, force=force)
    (request,) = api.requests
    assert (request.method, request.content_type) == ("PATCH", "application/apply-patch+yaml")
    assert request.query["fieldManager"] == "flyball"
    assert request.query.get("force") == sent
    assert yaml.safe_load(api.bodies[0]) == {"spec": {}}


@pytest.mark.parametrize(
    ("status", "kind", "about_object"),
    [(404, NotFound, True), (409, Conflict, True), (422, KubeError, True), (403, KubeError, False), (429, KubeError, False), (503, KubeError, False)],
)
async def test_a_refusal_is_told_in_the_api_servers_words(kube: Kube, api: Api, status: int, kind: type[KubeError], about_object: bool) -> None:
    api.handler = refusal(status, "because it is so")
    with pytest.raises(kind, match="because it is so") as caught:
        await kube.get("/x")
    assert caught.value.status == status
    assert caught.value.about_object is about_object


async def test_a_namespace_that_is_going_concerns_its_objects_alone(kube: Kube, api: Api) -> None:
    api.handler = refusal(403, 'throttleplans "shop" is forbidden: unable to create new content in namespace shop because it is being terminated')
    with pytest.raises(KubeError) as caught:
        await kube.apply("/x", {})
    assert caught.value.about_object


async def test_an_answer_that_is_no_json_is_an_error_with_its_status(kube: Kube, api: Api) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>proxy</html>", status=502)

    api.handler = handler
    with pytest.raises(KubeError, match="502"):
        await kube.get("/x")


async def test_lists_are_fetched_page_by_page(kube: Kube, api: Api) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        page = int(request.query.get("continue", "0"))
        more = {"continue": str(page + 1)} if page < 2 else {}
        return web.json_response({"metadata": more, "items": [{"metadata": {"name": f"{page}"}}] if page < 2 else None})

    api.handler = handler
    assert [item["metadata"]["name"] for item in await kube.items("/api/v1/pods")] == ["0", "1"]
    assert len(api.requests) == 3
    await kube.items("/api/v1/pods", metadata_only=True)
    assert "as=PartialObjectMetadataList" in api.requests[-1].headers["Accept"]


async def test_deleting_what_is_not_there_is_fine(kube: Kube, api: Api) -> None:
    api.handler = refusal(404, "not found")
    await kube.delete("/x")


async def test_an_api_server_that_hangs_or_is_away_is_unreachable(kube: Kube, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.json_response({})

    api.handler = handler
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.05)
    with pytest.raises(Unreachable, match="did not answer"):
        await kube.get("/x")


async def test_no_kubeconfig_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="No Kubernetes cluster is configured: there is no file"):
        await Kube.connect(str(tmp_path / "missing"))
    broken = tmp_path / "broken"
    broken.write_text("{}")
    with pytest.raises(KubeError, match="No Kubernetes cluster is configured"):
        await Kube.connect(str(broken))


async def test_kopf_logs_in_with_the_same_credentials(kube: Kube) -> None:
    info = await kube.login()
    assert info.token == "secret-of-the-test"
    assert info.scheme == "Bearer"
    assert info.server.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("exempt", "proxy"), [("", "http://proxy.example:3128"), ("api.example", None), ("elsewhere.example", "http://proxy.example:3128")]
)
def test_a_proxy_that_the_environment_names_is_gone_through(exempt: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert module._proxy("https://api.example:6443") == proxy
    assert module._proxy("http://api.example:8080") is None


async def test_a_request_asks_no_thread_for_the_environment(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a thread a request is what a thousand objects cannot afford")

    monkeypatch.setattr(asyncio, "to_thread", never)
    assert await kube.get("/version") == {"metadata": {}}


RBAC = 'User "system:serviceaccount:flyball-system:flyball-operator" cannot patch resource "throttleplans" in API group "flyball.dev"'
QUOTA = "exceeded quota: plans, requested: count/throttleplans.flyball.dev=1, used: count/throttleplans.flyball.dev=1"


@pytest.mark.parametrize(
    ("what", "message", "about_object"),
    [
        ("no right in a namespace", f'throttleplans.flyball.dev "shop" is forbidden: {RBAC} in the namespace "shop"', False),
        ("no right, and why", f'throttleplans.flyball.dev is forbidden: {RBAC} at the cluster scope: requires one of ["x"] permission(s)', False),
        ("no right to a path", 'forbidden: User "system:anonymous" cannot get path "/apis"', False),
        ("a quota", f'throttleplans.flyball.dev "shop" is forbidden: {QUOTA}', True),
        ("a webhook", 'admission webhook "policy.example" denied the request: User bob cannot throttle', True),
        ("a policy", "throttleplans.flyball.dev \"shop\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", True),
        ("something that is no API server", "Forbidden", False),
    ],
)
async def test_a_403_is_everybodys_where_it_is_about_our_rights(kube: Kube, api: Api, what: str, message: str, about_object: bool) -> None:
    api.handler = refusal(403, message)
    with pytest.raises(KubeError) as caught:
        await kube.apply("/x", {})
    assert caught.value.about_object is about_object, what
