"""`python -m tests.benchmarks.forecast.train`: learns what ships with the package (operator/flyball/forecast/shipped.npz).

From ECL, Traffic and crane-0..3. Of ECL and Traffic the first 70 % of the hours, so that the benchmark's origins (their last fifth) have not been
learned from; of crane-0..3 hourly means of all. The applications of the few-shot section (ECW) are not read. The same data give the same file,
byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.forecast import Engine, Settings
from flyball.forecast.experts import echo, twodays
from flyball.forecast.experts.ridge import Ridge
from flyball.forecast.pool import ALPHA, Pool, Waves
from flyball.forecast.shipped import FILE, HOURS_AHEAD, HOURS_SEEN, NOTHING
from tests.benchmarks.forecast import data
from tests.benchmarks.forecast.enginerun import FIRST, table_of

Array = NDArray[np.float64]
OUT = data.ROOT / "operator" / "flyball" / "forecast" / FILE
OTHERS = ("ECL_32", "ECL_57", "ECL_114", "ECL_270", "Traffic_852")
SHARE = 0.7
STEP = 3600
STRIDE, STRIDE_SHORT = 13, 3
"""Hours between windows of the years-long series and of the short ones; 13 walks through all hours of the day."""
PENALTY = 0.1
"""Of the two days' weights: small beside the Gram, to which each source adds about 1 for each feature of one deviation."""
PATTERNS, WAVES_EACH, BATCH = 350, 1500, 500
RIDGE_DAYS = 200
SEED = 5


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    values: Array
    stride: int

    def windows(self) -> Array:
        """(72, windows)."""
        return np.lib.stride_tricks.sliding_window_view(self.values, HOURS_SEEN + HOURS_AHEAD)[:: self.stride].T


def sources() -> list[Source]:
    found = []
    for name in OTHERS:
        values = data.fill(data.hourly(name).values)
        found.append(Source(name, values[: int(SHARE * len(values))], STRIDE))
    for number in range(4):
        minutes = data.fill(data.crane(number).values)
        hours = minutes[: len(minutes) // 60 * 60].reshape(-1, 60).mean(axis=1)
        found.append(Source(f"crane-{number}", hours, STRIDE_SHORT))
    return found


def days(given: list[Source]) -> Array:
    """Weights (24, features) of the two days, each source counting the same."""
    gram: Array = np.zeros((1, 1, 1))
    moment: Array = np.zeros((1, 1))
    for source in given:
        windows = source.windows()
        mean, size = twodays.measure(windows[:HOURS_SEEN])
        x = twodays.features((windows[:HOURS_SEEN] - mean) / size)
        y = np.clip((windows[HOURS_SEEN:] - mean) / size, -echo.CLIP, echo.CLIP)
        gram = gram + np.einsum("fhn,ghn->hfg", x, x) / x.shape[-1]
        moment = moment + np.einsum("fhn,hn->hf", x, y) / x.shape[-1]
    return np.asarray(np.linalg.solve(gram + PENALTY * np.eye(gram.shape[-1]), moment[..., None])[..., 0])


def pool_of(given: list[Source], alpha: float = ALPHA) -> Pool:
    """A pool that has met the sources' waves, of each source at most the same number, in mixed order."""
    rng = np.random.default_rng(SEED)
    shapes = []
    for source in given:
        found = echo.waves(source.windows().astype(np.float32), np.zeros((source.windows().shape[1], 0), np.float32)).shapes
        shapes.append(found[rng.permutation(len(found))[:WAVES_EACH]])
    mixed = np.concatenate(shapes)
    mixed = mixed[rng.permutation(len(mixed))]
    pool = Pool(PATTERNS, HOURS_SEEN, HOURS_AHEAD, alpha=alpha)
    for first in range(0, len(mixed), BATCH):
        batch = mixed[first : first + BATCH]
        pool.learn(Waves(batch, np.zeros((len(batch), 0), np.float32)))
    return pool


def ridge(given: list[Source]) -> tuple[Array, Array]:
    """Shared weights and mean Gram of the engine's ridge after the sources' last days, side by side."""
    series = [data.Series(one.name, STEP, 0, one.values[-RIDGE_DAYS * 24 :], 48) for one in given]
    table = table_of(series)
    engine = Engine(len(series), Settings.for_step(STEP), NOTHING)
    engine.backfill(FIRST + (np.arange(len(table)) + 1) * STEP, table)
    expert = next(one for one in engine.experts if isinstance(one, Ridge))
    return expert.shared, expert.typical


def provenance(given: list[Source]) -> dict[str, object]:
    return {
        "command": "python -m tests.benchmarks.forecast.train",
        "sources": {one.name: {"hours": len(one.values), "sha256": hashlib.sha256(one.values.tobytes()).hexdigest()} for one in given},
        "licences": "ECL and Traffic as in EdgeBigBang/KDD25_MetaEformer (MIT); crane-0..3 as in gocrane/crane (Apache-2.0)",
        "of ECL and Traffic": f"the first {SHARE:.0%} of the hours",
    }


def learn(given: list[Source]) -> bytes:
    """The file's bytes."""
    weights, gram = ridge(given)
    pool = pool_of(given)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        days=days(given).astype(np.float32),
        patterns=pool.patterns[: pool.used].astype(np.float16),
        ridge=weights.astype(np.float32),
        ridge_gram=gram.astype(np.float32),
        provenance=np.array(json.dumps(provenance(given))),
    )
    return buffer.getvalue()


def main() -> int:
    try:
        made = learn(sources())
    except data.DataMissing as error:
        print(error)
        return 1
    OUT.write_bytes(made)
    print(f"written to {OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT}: {len(made) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
