"""The target of an object: its `/scale`, and the floor of an HPA. Reads and writes; who may is decided in `conflicts`.

A read asks for what is not older than what was read or written last, which the API server answers from its cache, as it does a watch: without
a version it would ask etcd each time.

Writes are server-side applies of the one field. A manager that keeps the field from a repository (Argo CD, Flux, Helm) would set it back at its
next sync: it is told, not fought. Everybody else's earlier write (kubectl, a former HPA) is taken over.
"""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyball.api.meta import LabelRequirement, LabelSelector, Operator
from flyball.api.predictiveautoscaler import ScaleTarget
from flyball.controllers.shared.autoscalers import Autoscaler, horizontal
from flyball.controllers.shared.raised import Raised
from flyball.kube import paths
from flyball.kube.client import Conflict, Kube, KubeError, NotFound

PLURALS = {("apps/v1", "Deployment"): "deployments", ("apps/v1", "StatefulSet"): "statefulsets", ("apps/v1", "ReplicaSet"): "replicasets"}
"""Those that everybody has; others are looked up once."""

TOO_NEW = 504
"""What an API server answers that has not seen the version: its cache lags, or etcd was restored from a backup."""
REMEMBERED = 10_000
"""Targets whose last version is remembered; of others the next read asks etcd."""

KEEPERS = ("argocd", "argo-cd", "kustomize-controller", "helm-controller", "helm", "fleet", "kapp")
"""Field managers that keep objects as a repository has them, by how their names begin."""

_TERM = re.compile(r"(!?)\s*([A-Za-z0-9._/-]+)\s*(?:(==|=|!=)\s*([A-Za-z0-9._-]*)|\s(in|notin)\s*\(([^)]*)\))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Scale:
    """What `/scale` says."""

    path: str
    replicas: int
    selector: LabelSelector | None
    """None: it names no pods."""


class TargetError(Exception):
    """The target cannot be scaled; a sentence says why. `forbidden`: for want of rights."""

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class Targets:
    """Reads and writes targets of all objects."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._plurals = dict(PLURALS)
        self._versions: OrderedDict[str, str] = OrderedDict()
        """Path of a scale -> its version as last read or written."""

    async def read(self, target: ScaleTarget, namespace: str) -> Scale:
        """The target's scale. Raises TargetError when there is none that could be used, KubeError when the API server does not do its part."""
        path = paths.scale(target.api_version, await self._plural(target), namespace, target.name)
        try:
            body = await self._latest(path)
        except NotFound as error:
            raise TargetError(f"There is no {target} with a scale subresource in this namespace.") from error
        except KubeError as error:
            if error.status == 403:
                raise TargetError(_forbidden(target, "get"), forbidden=True) from error
            raise
        self._remember(path, body)
        labels = (body.get("status") or {}).get("selector") or ""
        return Scale(path, (body.get("spec") or {}).get("replicas") or 0, parse_selector(labels) if labels else None)

    async def write(self, target: ScaleTarget, namespace: str, scale: Scale, replicas: int) -> str | None:
        """Ask for so many replicas. Returns a sentence when a manager keeps the field. Raises TargetError, KubeError."""
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": target.name, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        try:
            return await self._apply(scale.path, body, f"spec.replicas of {target}")
        except KubeError as error:
            if error.status == 403:
                raise TargetError(_forbidden(target, "patch"), forbidden=True) from error
            raise

    async def read_hpa(self, namespace: str, name: str) -> Autoscaler | None:
        """The HPA as it is now; None where it is gone. Raises KubeError."""
        listed = await self._kube.get(paths.autoscalers(namespace), {"fieldSelector": f"metadata.name={name}"})  # a list needs no right to get
        return next(map(horizontal, listed["items"]), None)

    async def write_floor(self, namespace: str, name: str, floor: int, record: Raised | None) -> str | None:
        """Set an HPA's minReplicas and the record of what it was, or take that away. Returns a sentence when a manager keeps the field.

        Raises KubeError.
        """
        body = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": namespace, "annotations": record.annotations if record else {}},
            "spec": {"minReplicas": floor},
        }
        return await self._apply(paths.autoscaler(namespace, name), body, f"spec.minReplicas of the HorizontalPodAutoscaler {name}")

    async def _apply(self, path: str, body: Mapping[str, Any], what: str) -> str | None:
        try:
            self._remember(path, await self._kube.apply(path, body))
        except Conflict as error:
            keeper = keeper_of(str(error))
            if keeper:
                return f"{what} is kept by {keeper}: leave the field out of what it applies, or let it ignore the field."
            self._remember(path, await self._kube.apply(path, body, force=True))
        return None

    async def _latest(self, path: str) -> dict[str, Any]:
        version = self._versions.pop(path, None)
        if version is None:
            return await self._kube.get(path)
        try:
            return await self._kube.get(path, {"resourceVersion": version})
        except KubeError as error:
            if error.status != TOO_NEW:
                raise
            return await self._kube.get(path)

    def _remember(self, path: str, body: Mapping[str, Any]) -> None:
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version:
            self._versions[path] = version
            self._versions.move_to_end(path)
        while len(self._versions) > REMEMBERED:
            self._versions.popitem(last=False)

    async def _plural(self, target: ScaleTarget) -> str:
        key = (target.api_version, target.kind)
        if key not in self._plurals:
            try:
                listed = await self._kube.get(paths.group_version(target.api_version))
            except NotFound as error:
                raise TargetError(f"The cluster does not serve {target.api_version}, the version of {target}.") from error
            named = [its["name"] for its in listed.get("resources") or () if its["kind"] == target.kind and "/" not in its["name"]]
            if not named:
                raise TargetError(f"The cluster knows no kind {target.kind} in {target.api_version}.")
            self._plurals[key] = str(named[0])
        return self._plurals[key]


def keeper_of(conflict: str) -> str | None:
    """The manager named in a conflict's message that keeps objects as a repository has them; None where nobody of the sort is named."""
    managers = re.findall(r'conflicts? with "([^"]+)"', conflict) + re.findall(r'- "([^"]+)"', conflict)
    return next((name for name in managers if name.lower().startswith(KEEPERS)), None)


@functools.lru_cache(maxsize=REMEMBERED)
def parse_selector(text: str) -> LabelSelector:
    """A selector as `/scale` writes it: a=b,c!=d,e in (f,g),h,!i. Raises TargetError on anything else."""
    terms, position = [], 0
    while position < len(text):
        found = _TERM.match(text, position)
        if not found:
            raise TargetError(f"The target's selector {text!r} cannot be read.")
        terms.append(_requirement(found))
        position = found.end()
    # Unchecked: bounds are for selectors that our own objects hold, and a Deployment's may have more terms than they allow.
    return LabelSelector.model_construct(match_expressions=terms)


def _requirement(found: re.Match[str]) -> LabelRequirement:
    absent, key, sign, value, word, values = found.groups()
    if word:
        operator, names = (Operator.IN if word == "in" else Operator.NOT_IN), [part.strip() for part in values.split(",")]
        return LabelRequirement.model_construct(key=key, operator=operator, values=names)
    if sign:
        return LabelRequirement.model_construct(key=key, operator=Operator.NOT_IN if sign == "!=" else Operator.IN, values=[value])
    return LabelRequirement.model_construct(key=key, operator=Operator.DOES_NOT_EXIST if absent else Operator.EXISTS)


def _forbidden(target: ScaleTarget, verb: str) -> str:
    group = target.api_version.rpartition("/")[0] or '""'
    return f"The operator may not {verb} the scale of {target}: give its role the rule {group}, {target.kind.lower()}s/scale, get and patch."
