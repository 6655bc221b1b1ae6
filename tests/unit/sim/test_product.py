"""The product in the loop: it saves where there is something to save, keeps the objective, and needs nothing of the simulator to run elsewhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from flyball.cpu.captain import CaptainState, Sample, decide
from flyball.cpu.tower import Settings as TowerSettings
from flyball.sim.bridge import Captains, Product
from flyball.sim.example import shop
from flyball.sim.policy import Facts, Samples
from flyball.sim.run import Settings, simulate
from flyball.slo import Objective
from tests.unit.sim.builders import Recorder, load, single

RATES = np.full(25 * 60, 150.0)


def test_flyball_takes_what_the_shop_does_not_need_and_keeps_its_objective() -> None:
    product = Product()
    result = simulate(shop(), RATES, product, 1, Settings(burst=True, warmup_seconds=300.0))
    grants = sum(service.replicas * service.grant_cores for service in shop().services)
    assert result.cores < 0.75 * grants
    assert result.slow_share < 0.01
    assert result.minutes.quota[0] > result.minutes.quota[-1] > result.minutes.used[-1]
    assert product.tower is not None and product.tower.decision is not None
    assert max(product.tower.decision.targets.values()) > 0


def test_a_fixed_target_is_held_by_the_captains() -> None:
    product = Product(TowerSettings(policy="fixed", fixed_target=0.1))
    result = simulate(shop(), RATES, product, 1, Settings(warmup_seconds=600.0))
    assert result.minutes.throttled_share[10:].mean() == pytest.approx(0.1, abs=0.04)


def test_a_surge_gives_everything_back() -> None:
    product = Product()
    peak = []

    def disturb(second: int, plant: object) -> None:
        if second == 900:
            plant.set_work("orders", 6.0)  # type: ignore[attr-defined]
        if second >= 900:
            peak.append(float(plant.quota.sum()))  # type: ignore[attr-defined]

    simulate(shop(), np.full(1080, 150.0), product, 1, Settings(burst=True), disturb=disturb)
    grants = sum(service.replicas * service.grant_cores for service in shop().services)
    assert max(peak) == pytest.approx(grants)


def test_no_quota_goes_below_what_is_kept_of_its_grant() -> None:
    recorder = Recorder()
    load(single(0.02, grant=1.0), 10.0, 60, recorder)
    facts = Facts(single(), Objective("o", 0.99, 1.0, 3600.0), np.array([0]), np.array([1.0]), ("only/0",), False, 1)
    free, keeping = Captains(facts), Captains(facts)
    low, held = 1.0, 1.0
    for samples in recorder.samples:
        low = float(free.decide(replace(samples, quota=np.array([low])), np.zeros(1)).quota[0])
        held = float(keeping.decide(replace(samples, quota=np.array([held])), np.zeros(1), kept=0.9).quota[0])
    assert low < 0.9
    assert held == pytest.approx(0.9)


def test_the_captains_in_the_loop_are_the_products_own() -> None:
    """Tick for tick what `captain.decide` says, rounded up to a thousandth of a core as the agent writes it."""
    recorder = Recorder()
    load(single(0.02, grant=1.0), 10.0, 120, recorder)
    facts = Facts(single(), Objective("o", 0.99, 1.0, 3600.0), np.array([0]), np.array([1.0]), ("only/0",), False, 1)
    captains, state, quota = Captains(facts), CaptainState(), 1.0
    for seen in recorder.samples:
        samples = Samples(
            seen.now, 1.0, seen.usage, seen.throttled, seen.throttled_by_pod, seen.periods, np.array([quota]), seen.burst, seen.written, seen.active
        )
        chosen = captains.decide(samples, np.array([0.05]))
        state, move = decide(state, Sample(1.0, int(seen.throttled[0]), 0, float(seen.usage[0]), quota), 0.05, captains._bounds[0])
        assert move.quota <= chosen.quota[0] + 1e-12 <= move.quota + 0.001
        quota = float(chosen.quota[0])
    assert quota < 0.5


def test_captain_and_tower_import_without_the_simulator() -> None:
    code = (
        "import sys, flyball.cpu.captain, flyball.cpu.tower\n"
        "sys.exit(any(name.startswith(('flyball.sim', 'numba', 'numpy')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
