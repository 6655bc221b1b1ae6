"""What all kinds share: the base of the models, modes, object metadata, owners, label selectors."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

GROUP = "flyball.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class InvalidObject(ValueError):
    """An object that this version cannot read, e.g. because the CRD in the cluster is another version's; `problems` are sentences with paths."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _sentence(problem: ErrorDetails) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
    return f"{path or 'the object'}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


class Model(BaseModel):
    """Base of all models: camelCase outside, unknown fields dropped, as a newer API server may send them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """The object that the API server returned. Raises InvalidObject; unknown fields are no reason."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise InvalidObject(tuple(_sentence(problem) for problem in error.errors())) from None

    def to_api(self) -> dict[str, Any]:
        """The object as the API server stores it."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


class Mode(enum.StrEnum):
    """How far an object may go."""

    OBSERVE = "Observe"
    RECOMMEND = "Recommend"
    CANARY = "Canary"
    ENFORCE = "Enforce"

    def capped(self, maximum: Mode) -> Mode:
        """This mode, or `maximum` where that is more careful."""
        order = list(Mode)
        return order[min(order.index(self), order.index(maximum))]

    @property
    def acts(self) -> bool:
        """Whether pods are touched."""
        return self in (Mode.CANARY, Mode.ENFORCE)


class Metadata(Model):
    """The part of an object's metadata that Flyball reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None


class Owner(Model):
    """The controller that a pod belongs to, in the object's namespace."""

    kind: Annotated[str, Field(min_length=1, max_length=63, description="Kind of the controller, e.g. Deployment; Pod for a pod without one.")]
    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the controller.")]

    @classmethod
    def unchecked(cls, kind: str, name: str) -> Self:
        """What somebody else's object refers to, whatever it says: bounds are for what we write, and nobody else keeps to them."""
        return cls.model_construct(kind=kind, name=name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Operator(enum.StrEnum):
    """How a label requirement compares."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


LabelValue = Annotated[str, Field(max_length=63)]


class LabelRequirement(Model):
    """One requirement on a label."""

    key: Annotated[str, Field(min_length=1, max_length=317, description="Label key.")]
    operator: Annotated[Operator, Field(description="How the label's value relates to `values`.")]
    values: Annotated[
        list[LabelValue] | None, Field(max_length=16, description="Values for In and NotIn.", json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in (self.values or ())
            case Operator.NOT_IN:
                return labels.get(self.key) not in (self.values or ()) or self.key not in labels
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


class LabelSelector(Model):
    """Pods by their labels, as in a Deployment's selector; all requirements must hold."""

    match_labels: Annotated[dict[str, LabelValue] | None, Field(max_length=16, description="Labels that a pod must have with these values.")] = None
    match_expressions: Annotated[
        list[LabelRequirement] | None,
        Field(max_length=16, description="Further requirements on labels.", json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = None

    @property
    def exact(self) -> tuple[str, str] | None:
        """A label and the one value that it must have; None where no requirement is as narrow."""
        if self.match_labels:
            return next(iter(self.match_labels.items()))
        narrow = (its for its in self.match_expressions or () if its.operator is Operator.IN and len(its.values or ()) == 1)
        return next(((its.key, its.values[0]) for its in narrow if its.values), None)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels is selected."""
        exact = all(labels.get(key) == value for key, value in (self.match_labels or {}).items())
        return exact and all(requirement.matches(labels) for requirement in self.match_expressions or ())
