"""What Prometheus knows, as typed values with their time: good and total requests of objectives, CPU and throttling of workloads."""

from flyball.signals.answers import NoValue, Series, SignalError
from flyball.signals.indicators import Query, resolve
from flyball.signals.joint import Asked, Joint
from flyball.signals.prometheus import Prometheus
from flyball.signals.reader import ObjectiveReader
from flyball.signals.workloads import WorkloadUsage, read_workloads

__all__ = [
    "Asked",
    "Joint",
    "NoValue",
    "ObjectiveReader",
    "Prometheus",
    "Query",
    "Series",
    "SignalError",
    "WorkloadUsage",
    "read_workloads",
    "resolve",
]
