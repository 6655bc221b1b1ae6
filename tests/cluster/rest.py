"""The API server over plain HTTPS, as a kubeconfig says: some milliseconds a call where kubectl takes a hundred, and the answer as JSON."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GROUP_PATH = "/apis/flyball.dev/v1alpha1/namespaces"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code and body."""

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


def _status(body: bytes) -> dict[str, Any]:
    """The API server answers in plain text where it does not know the path, e.g. before a CRD is served."""
    try:
        status: dict[str, Any] = json.loads(body)
    except json.JSONDecodeError:
        return {"message": body.decode()}
    return status


class Rest:
    """A client with the rights of the kubeconfig's user."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = cluster["server"]
        self._context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as file:  # ssl reads a client's certificate from a file only
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
            file.flush()
            self._context.load_cert_chain(file.name)

    def call(self, method: str, path: str, body: object = None, content: str = "application/json") -> Answer:
        request = urllib.request.Request(
            f"{self._server}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content, "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=30) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _status(error.read()))

    def create(self, plural: str, obj: dict[str, Any], *, dry_run: bool = False) -> Answer:
        """Create an object of ours in its namespace; unknown fields are errors, as kubectl has it."""
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.call("POST", f"{GROUP_PATH}/{obj['metadata']['namespace']}/{plural}{query}", obj)

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        return self.call("GET", f"{GROUP_PATH}/{namespace}/{plural}/{name}").body

    def delete(self, plural: str, namespace: str, name: str) -> None:
        self.call("DELETE", f"{GROUP_PATH}/{namespace}/{plural}/{name}")

    def put_status(self, plural: str, obj: dict[str, Any], *, dry_run: bool = False) -> Answer:
        path = f"{GROUP_PATH}/{obj['metadata']['namespace']}/{plural}/{obj['metadata']['name']}/status"
        return self.call("PUT", path + "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else ""), obj)
