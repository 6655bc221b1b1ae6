"""The measured half of the section speed: an engine of N series in a process of its own, ticking; prints one JSON object.

`python -m tests.benchmarks.forecast.speed_process 10000 75`
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from flyball.forecast import Engine, Settings

WARM_TICKS = 62
"""All horizons of an hour have matured by then: from here on each tick does everything."""
START = 1_700_006_400
SEED = 11


def cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(count: int, ticks: int) -> dict[str, float]:
    """A tick is the update with all series' values and the forecast of all horizons and quantiles."""
    rng = np.random.default_rng(SEED)
    size = np.exp(rng.normal(4.0, 2.0, count))
    phase = rng.uniform(0, 2 * np.pi, count)
    engine = Engine(count, Settings.for_step(60))
    wall, cpu = [], []
    for tick in range(ticks):
        usual = size * (1.5 + np.sin(2 * np.pi * tick / 1440 + phase))
        values = usual * np.exp(rng.normal(0, 0.1, count))
        values[rng.random(count) < 0.01] = np.nan
        begun, used = time.perf_counter(), cpu_seconds()
        engine.update(START + 60 * (tick + 1), values)
        made = engine.forecast()
        wall.append(time.perf_counter() - begun)
        cpu.append(cpu_seconds() - used)
        assert made.values.shape[0] == count
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
    whole_wall, whole_cpu = np.array(wall[WARM_TICKS:]), np.array(cpu[WARM_TICKS:])
    return {
        "series": float(count),
        "ticks": float(len(whole_wall)),
        "tick_seconds": float(np.median(whole_cpu)),
        "tick_seconds_max": float(whole_cpu.max()),
        "tick_wall_seconds": float(np.median(whole_wall)),
        "rss_gb": peak / 1e9,
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
