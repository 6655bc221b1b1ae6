"""The Gymnasium environment keeps Gymnasium's contract and moves the plant."""

from __future__ import annotations

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
from gymnasium.utils.env_checker import check_env  # noqa: E402

from flyball.sim.env import CpuEnv  # noqa: E402
from flyball.sim.example import shop  # noqa: E402

RATES = np.full(120, 100.0)


@pytest.mark.parametrize("action", ["targets", "quotas"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_passes_gymnasiums_own_check(action: str) -> None:
    check_env(CpuEnv(shop(), RATES, action=action), skip_render_check=True)  # type: ignore[arg-type]


def test_a_seed_repeats_an_episode() -> None:
    totals = []
    for _ in range(2):
        env = CpuEnv(shop(), RATES)
        env.reset(seed=4)
        rewards = [env.step(np.full(7, 0.1, np.float32))[1] for _ in range(8)]
        totals.append(rewards)
    assert totals[0] == totals[1]


def test_smaller_quotas_cost_fewer_cores_until_requests_become_slow() -> None:
    cores, shares, rewards = {}, {}, {}
    for quota in (1.0, 0.5, 0.1):
        env = CpuEnv(shop(), RATES, action="quotas")
        env.reset(seed=4)
        steps = [env.step(np.full(7, quota, np.float32)) for _ in range(8)]
        cores[quota] = np.mean([step[4]["cores"] for step in steps[1:]])
        shares[quota] = np.mean([step[4]["slow_share"] for step in steps[1:]])
        rewards[quota] = np.mean([step[1] for step in steps[1:]])
        assert steps[-1][2]
    assert cores[1.0] > cores[0.5] > cores[0.1]
    assert shares[0.1] > 0.5 > shares[0.5]
    assert rewards[0.5] > rewards[1.0] > rewards[0.1]


def test_misuse_is_said() -> None:
    with pytest.raises(RuntimeError, match=r"reset\(\) before"):
        CpuEnv(shop(), RATES).step(np.zeros(7, np.float32))
    with pytest.raises(ValueError, match="targets or quotas"):
        CpuEnv(shop(), RATES, action="shares")  # type: ignore[arg-type]
    for seconds in (0, 61):
        with pytest.raises(ValueError, match="a step is 1 to 60 s long"):
            CpuEnv(shop(), RATES, step_seconds=seconds)
