"""One run of the comparison: Observe, the fit, the blocks, and the prediction for each. The scene acts, the simulator computes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import numpy as np

from flyball.sim.arrivals import Arrivals
from flyball.sim.plant import Overloaded
from flyball.sim.policy import Unlimited
from flyball.slo import Objective
from hack.demo import machine, trace
from hack.demo.errors import DemoError
from hack.demo.figures import quantile
from tests.benchmarks.live import fit as fits
from tests.benchmarks.live.contenders import Contender, contenders
from tests.benchmarks.live.fit import Fit, Observed
from tests.benchmarks.live.scene import Phase, Scene
from tests.benchmarks.live.score import Block
from tests.benchmarks.live.shape import Shape, order, piece
from tests.benchmarks.live.simulated import PEER_LOOKBACK, SEEDS, given, run

Progress = Callable[[str], None]


def experiment(scene: Scene, shape: Shape, policies: Sequence[str], say: Progress) -> tuple[Fit, list[Block]]:
    """Run it all; a block is scored as soon as it is measured, its prediction is made at the end, when nothing is measured any more."""
    values = trace.read()
    rates = [trace.per_ten_seconds(value) / trace.TIME_UNIT_SECONDS for value in values]
    fit = observe(scene, shape, values, say)
    application = fit.application(scene.objective.threshold_seconds, scene.objective.target)
    compared = contenders(policies, application, scene.objective, rates, shape.warm_up_run, say)
    by_name = {its.name: its for its in compared}
    say(f"{len(compared)} policies, {shape.rounds} rounds: about {shape.estimate_seconds(len(compared)) / 60:.0f} minutes")
    measured: list[tuple[Contender, int, int, Phase]] = []
    for number in range(shape.rounds):
        load = piece(values, number, shape.rounds, shape.load_seconds)
        for place, name in enumerate(order([its.name for its in compared], number)):
            phase = scene.block(by_name[name], load, shape.settle, shape.block, application, f"{number + 1}-{name}")
            measured.append((by_name[name], number, place, phase))
            say(f"round {number + 1}/{shape.rounds} {name}: {line(phase)}")
    say("predicting the blocks")
    return fit, [scored(fit, scene.objective, shape, *its) for its in measured]


def observe(scene: Scene, shape: Shape, values: Sequence[int], say: Progress) -> Fit:
    """The Observe phase, and the simulator fitted on it. Raises DemoError where nothing can be fitted on."""
    idle = scene.idle(shape.idle)
    start = fits.unfitted(scene.grants, machine.cores())
    objective = scene.objective
    load = list(islice(cycle(values), shape.load_seconds - shape.block + shape.observe))  # the trace's beginning, as in the demo
    phase = scene.observe(load, shape.settle, shape.observe, start.application(objective.threshold_seconds, objective.target))
    say(f"observed: {line(phase)}")
    sent = [its for its in phase.requests if phase.start + shape.settle <= its.start < phase.start + shape.settle + shape.observe]
    if not sent:
        raise DemoError("No request was answered while Observe was measured, so there is nothing to fit the simulator on; k6.log says why.")
    if phase.figures.slow_share > 1.0 - objective.target:
        say("WARNING: the objective is missed at the limits alone: the machine has other work, and the figures of this run mean little")
    observed = Observed(
        requests_per_second=len(sent) / shape.observe,
        idle_cores=idle,
        busy_cores=dict(zip(scene.grants, phase.driven.used.tolist(), strict=True)),
        p50_seconds=quantile((its.seconds for its in sent), 0.5),
        p99_seconds=quantile((its.seconds for its in sent), 0.99),
    )
    arrivals = [its.start - phase.start for its in phase.requests]
    seconds = shape.settle + shape.observe

    def simulated(fit: Fit) -> tuple[float, float]:
        application = fit.application(objective.threshold_seconds, objective.target)
        outcomes = [run(application, objective, Unlimited(), seed, given(arrivals, seconds), burst=False, lookback=PEER_LOOKBACK) for seed in SEEDS]
        return (
            statistics.fmean(its.p50(shape.settle, seconds) for its in outcomes),
            statistics.fmean(its.p99(shape.settle, seconds) for its in outcomes),
        )

    fit = fits.latency(fits.work_of(observed, scene.grants, machine.cores()), observed, simulated)
    p50, p99 = simulated(fit)
    say(
        f"fitted: {1000 * fit.delay_seconds:.1f} ms without CPU a visit, sigma {fit.tail:.2f}; p50 {1000 * p50:.0f} ms "
        f"({1000 * observed.p50_seconds:.0f} measured), p99 {1000 * p99:.0f} ms ({1000 * observed.p99_seconds:.0f})"
    )
    return fit


def scored(fit: Fit, objective: Objective, shape: Shape, contender: Contender, number: int, place: int, phase: Phase) -> Block:
    """A measured block with its prediction: the fitted simulator under the same policy, given the requests at the times at which they were sent."""
    application = fit.application(objective.threshold_seconds, objective.target)
    seconds = shape.settle + shape.block
    arrivals: Arrivals = given([its.start - phase.start for its in phase.requests], seconds)
    try:
        outcomes = [
            run(application, objective, contender.make(), seed, arrivals, burst=contender.burst, lookback=contender.lookback) for seed in SEEDS
        ]
    except Overloaded:
        outcomes = []
    within = (shape.settle, seconds)
    return Block(
        policy=contender.name,
        label=contender.label,
        round=number,
        order=place,
        figures=phase.figures,
        predicted_p99_seconds=_mean([its.p99(*within) for its in outcomes]),
        predicted_cores=_mean([its.cores(*within) for its in outcomes]),
        predicted_slow_share=_mean([its.slow_share(*within, objective.threshold_seconds) for its in outcomes]),
        throttled_by_pod=round(float(phase.driven.throttled_by_pod.sum())),
        writes=phase.driven.writes,
        ticks=phase.driven.ticks,
        late=phase.driven.late,
        policy_cores=phase.driven.policy_cores,
        dropped=phase.dropped,
        busy_share=phase.busy_share,
    )


def line(phase: Phase) -> str:
    """A phase in a line, for the progress."""
    its = phase.figures
    return (
        f"{its.requests} requests, {its.errors} errors, p99 {1000 * its.p99_seconds:.0f} ms, slow {100 * its.slow_share:.2f} %, "
        f"{its.cores.allocated:.2f} cores allocated, {its.cores.used:.2f} used, machine {100 * phase.busy_share:.0f} % busy"
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
