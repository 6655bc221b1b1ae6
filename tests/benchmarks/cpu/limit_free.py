"""Containers without limits on nodes that fill up: cores requested, slow share, minutes over. `python -m tests.benchmarks.cpu.limit_free`.

Social-Network under its diurnal trace, 25 minutes of which five are not scored, one seed. Each node is shared with neighbours that want half of what
the label says: node cores are twice the 99 % quantile of the application's seconds there over the label, and the neighbours' mean use is half of the
label. Their weight is all that the application does not request, as if the scheduler had given it away. Compared: the spec's requests as they
are (each container's peak second), the Vertical Pod Autoscaler's recommendations, and the product's weight control; and, with limits of twice the
requests, the product's quotas with burst, blind to waiting and not. 60, 80, 95 as arguments: those alone; `quotas`: the
rows with limits alone, the others are kept. FLYBALL_DATA as for the others.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace

import numpy as np

from flyball.sim.bridge import Product
from flyball.sim.policies.limit_free import LimitFree, SpecRequests, VpaRequests
from flyball.sim.policy import Facts, Quotas, Samples
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, Service
from tests.benchmarks.cpu.__main__ import ROOT
from tests.benchmarks.cpu.cells import CONTENTION, VARIED, Cell, bare, cells, peak, rates

MINUTES, WARMUP = 25, 5
SEED = 1
OUT = ROOT / "build" / "bench" / "limit_free.json"
NEIGHBOUR_CORES = 0.5
"""Mean use of a neighbour, in one piece of work each period: busy half of the time, at a random phase."""
PERIODS = (7.0, 11.0, 17.0, 23.0)
"""Seconds; no two divide each other, so that the neighbours of a node do not come together always or never."""
QUOTAS = "quotas"
OUT_OF_THE_WAY = 4.0
"""Grants over a node's cores: a quota that nothing reaches."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy at one fullness."""

    policy: str
    full: float
    taken: float
    """Mean cores requested, or of quota, as a share of the spec's."""
    slow_percent: float
    minutes_over: int
    minutes: int


def beside_neighbours(
    application: Application, requests: dict[str, float], nodes: dict[str, float], full: float, *, limits: bool = False
) -> Application:
    """The application on nodes that it shares, without limits or with twice its requests. `requests`: cores of a container by service; `nodes`: use
    by node."""
    sized = tuple(Node(node.name, max(2, round(2.0 * nodes[node.name] / full)), node.speed) for node in application.nodes)
    most = OUT_OF_THE_WAY * max(node.cores for node in sized)
    grants = {name: 2.0 * cores if limits else most for name, cores in requests.items()}
    own = tuple(replace(service, grant_cores=grants[service.name], weight=requests[service.name]) for service in application.services)
    neighbours = tuple(
        Service(
            f"neighbour-{node.name}-{number}",
            most,
            background_cores=NEIGHBOUR_CORES,
            background_period_seconds=PERIODS[number % len(PERIODS)],
            weight=NEIGHBOUR_CORES,
            node=node.name,
        )
        for node in sized
        for number in range(round(full * node.cores / 2.0 / NEIGHBOUR_CORES))
    )
    return replace(application, services=own + neighbours, nodes=sized)


class OwnOnly(Product):
    """The product on the application alone: neighbours keep what they were granted."""

    def start(self, facts: Facts) -> Quotas | None:
        works = facts.application.work_per_request()
        self._own = np.array([works[service.name] > 0.0 for service in facts.application.services])[facts.service]
        self._grant = facts.grant
        return super().start(facts)

    def fast(self, samples: Samples) -> Quotas | None:
        made = super().fast(samples)
        assert made is not None
        assert made.burst is not None
        return Quotas(np.where(self._own, made.quota, self._grant), np.where(self._own, made.burst, 0.0))


def row(cell: Cell, policy: SpecRequests | Product, full: float) -> Row:
    """Run one policy, on containers without limits if it moves weights."""
    hour = rates(cell, 3600)
    found = peak(cell.application, hour)
    requests = {name: max(0.02, value) for name, value in found.containers.items()}
    application = beside_neighbours(bare(cell.application), requests, found.nodes, full, limits=isinstance(policy, Product))
    settings = Settings(contention=True, burst=True, warmup_seconds=60.0 * WARMUP)
    result = simulate(application, hour[: 60 * MINUTES], policy, SEED, settings)
    if isinstance(policy, Product):
        count = len(requests)
        share = float(result.service_quota[:count].sum()) / sum(2.0 * requests[its.name] * its.replicas for its in application.services[:count])
    else:
        taken = policy.requested[60 * WARMUP :]
        share = sum(taken) / len(taken) / float(policy.spec[policy.own].sum())
    return Row(policy.name, full, share, 100.0 * result.slow_share, result.minutes_over(), MINUTES - WARMUP)


def main() -> None:
    """Print the table and keep it."""
    (cell,) = [its for its in cells(holdout=False) if its.application == VARIED and its.trace == "diurnal"]
    words = [word for word in sys.argv[1:] if word != QUOTAS]
    asked = tuple(float(word) / 100.0 for word in words) or CONTENTION
    made = [Row(**its) for its in json.loads(OUT.read_text())] if OUT.is_file() else []
    print(f"{'nodes full':>10} {'policy':22} {'taken':>10} {'slow':>8} {'minutes over':>13}")
    for full in asked:
        weights: tuple[SpecRequests, ...] = () if QUOTAS in sys.argv else (SpecRequests(), VpaRequests(), LimitFree())
        for policy in (*weights, OwnOnly(name="flyball, blind"), OwnOnly(name="flyball, sees waiting", waiting=True)):
            one = row(cell, policy, full)
            made = [*(its for its in made if (its.policy, its.full) != (one.policy, one.full)), one]
            print(f"{full:>10.0%} {one.policy:22} {one.taken:>10.1%} {one.slow_percent:>7.2f}% {one.minutes_over:>7} of {one.minutes}", flush=True)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps([asdict(its) for its in sorted(made, key=lambda its: its.full)], indent=1) + "\n")


if __name__ == "__main__":
    main()
