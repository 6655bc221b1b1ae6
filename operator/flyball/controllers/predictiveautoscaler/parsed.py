"""Objects as the watch delivered them, parsed: the spec once a generation, status and metadata once a version. Looks find it ready made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flyball.api.meta import InvalidObject, Metadata
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.api.predictiveautoscaler_status import PredictiveAutoscalerStatus

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Parsed:
    """One object as it was delivered."""

    body: Mapping[str, Any]
    metadata: Metadata
    status: PredictiveAutoscalerStatus
    """As the API server has it; an empty one where it cannot be read, so that it is written anew."""
    whole: PredictiveAutoscaler | InvalidObject
    """All of it; or why the spec cannot be read."""


class Parser:
    """Parses each object once."""

    def __init__(self) -> None:
        self._specs: dict[Key, tuple[tuple[Any, Any], PredictiveAutoscaler | InvalidObject]] = {}
        self._known: dict[Key, Parsed] = {}

    def parse(self, key: Key, body: Mapping[str, Any]) -> Parsed:
        """The object; a body that is delivered anew is another one."""
        known = self._known.get(key)
        if known is None or known.body is not body:
            metadata, status, spec = Metadata.parse(body["metadata"]), _status(body), self.spec(key, body)
            whole = spec if isinstance(spec, InvalidObject) else spec.model_copy(update={"metadata": metadata, "status": status})
            known = self._known[key] = Parsed(body, metadata, status, whole)
        return known

    def spec(self, key: Key, body: Mapping[str, Any]) -> PredictiveAutoscaler | InvalidObject:
        """Metadata and spec as of its generation, without the status; or why they cannot be read."""
        version = (body["metadata"].get("uid"), body["metadata"].get("generation"))
        known = self._specs.get(key)
        if known is None or known[0] != version:
            try:
                known = (version, PredictiveAutoscaler.parse({"metadata": body["metadata"], "spec": body["spec"]}))
            except InvalidObject as error:
                known = (version, error)
            self._specs[key] = known
        return known[1]

    def others(self, key: Key, name: str, objects: Mapping[Key, Mapping[str, Any]]) -> Iterator[PredictiveAutoscaler]:
        """The namespace's other objects whose target has this name."""
        for other, body in objects.items():
            if other[0] != key[0] or other == key or target(body)[1] != name:
                continue
            parsed = self.spec(other, body)
            if not isinstance(parsed, InvalidObject):  # its own look says so
                yield parsed

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._specs.pop(key, None)
        self._known.pop(key, None)


def target(body: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of what is scaled."""
    its = body["spec"].get("scaleTargetRef") or {}
    return str(its.get("kind", "Deployment")), str(its.get("name", ""))


def _status(body: Mapping[str, Any]) -> PredictiveAutoscalerStatus:
    try:
        return PredictiveAutoscalerStatus.parse(body.get("status") or {})
    except InvalidObject:
        return PredictiveAutoscalerStatus()
