"""Weights: what a group gets of a full CPU beside its neighbours; reading and writing it, and what a CPU request becomes in it.

Read by the agent for containers without a CPU limit, and for their pods, whose groups stand above the containers' and share out first. v1 has
`cpu.shares`; v2 has `cpu.weight`, made from shares by the runtime (a container's) and the kubelet (a pod's), each by the older or the newer of two
formulas. Which one is seen from a group whose request is known.
Source: kubelet pkg/kubelet/cm/helpers_linux.go; opencontainers/cgroups utils.go; KEP-2254.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyball.cgroup.errors import CgroupError
from flyball.cgroup.handle import open_file, read_file, value_of, write_file
from flyball.cgroup.layout import Layout

SHARES_MIN, SHARES_MAX = 2, 262_144
SHARES_PER_CORE = 1024
WEIGHT_MIN, WEIGHT_MAX = 1, 10_000

Conversion = Callable[[int], int]
"""From shares to what stands in the file."""


@dataclass(frozen=True, slots=True)
class WeightReading:
    """What the kernel says of one group now."""

    usage_ns: int  # since the group was made
    weight: int  # as it stands in the file


class WeightHandle:
    """The weight and the use of one container's or pod's group. Not safe for several threads."""

    __slots__ = ("_usage", "_weight", "path", "version")

    def __init__(self, layout: Layout, path: Path) -> None:
        """Open the files. Raises CgroupGone when the group is not there."""
        self.path = path
        self.version = layout.version
        self._weight = open_file(path / ("cpu.shares" if layout.version == 1 else "cpu.weight"), os.O_RDWR)
        try:
            usage = layout.cpuacct_of(path) / "cpuacct.usage" if layout.version == 1 else path / "cpu.stat"
            self._usage = open_file(usage, os.O_RDONLY)
        except CgroupError:
            os.close(self._weight)
            raise

    def read(self) -> WeightReading:
        """Raises CgroupGone when the container or pod ended."""
        usage = read_file(self._usage, self.path)
        used = int(usage) if self.version == 1 else value_of(usage, b"usage_usec ") * 1000
        return WeightReading(used, int(read_file(self._weight, self.path)))

    def write(self, weight: int) -> int:
        """Put a weight in force; what the kernel then says."""
        write_file(self._weight, b"%d" % weight, "weight", self.path)
        return int(read_file(self._weight, self.path))

    def close(self) -> None:
        """Close the descriptors; the group keeps what was written."""
        os.close(self._weight)
        os.close(self._usage)


def shares(milli_cpu: int) -> int:
    """The shares that the kubelet makes of a CPU request."""
    return min(SHARES_MAX, max(SHARES_MIN, milli_cpu * SHARES_PER_CORE // 1000))


def shares_of_cores(cores: float) -> int:
    """The shares that a decided weight, in cores of request, stands for: rounded up, towards capacity."""
    return min(SHARES_MAX, max(SHARES_MIN, math.ceil(cores * SHARES_PER_CORE - 1e-6)))


def v1(value: int) -> int:
    """cgroup v1: shares as they are."""
    return value


def v2_linear(value: int) -> int:
    """The older formula: runc before 1.3.2, crun before 1.23, and kubelets of their time."""
    return WEIGHT_MIN + (value - SHARES_MIN) * (WEIGHT_MAX - WEIGHT_MIN) // (SHARES_MAX - SHARES_MIN)


def v2_quadratic(value: int) -> int:
    """The newer formula, in which 1024 shares become 100, the kernel's default."""
    power = math.log2(value)
    return min(WEIGHT_MAX, math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34)))


def conversion(version: int, request_shares: int, weight: int) -> Conversion | None:
    """The conversion by which a request of so many shares became this weight; None where it is somebody's own choice."""
    known: tuple[Conversion, ...] = (v1,) if version == 1 else (v2_quadratic, v2_linear)
    return next((convert for convert in known if convert(request_shares) == weight), None)


def shares_in_force(convert: Conversion, weight: int, most: int) -> int:
    """The most shares, up to `most`, that become no more than this weight."""
    return SHARES_MIN - 1 + max(1, bisect_right(range(SHARES_MIN, most + 1), weight, key=convert))
