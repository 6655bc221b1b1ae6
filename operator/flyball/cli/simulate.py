"""`flyball simulate`: an application under a policy, in the simulator; a table and a page with plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from flyball.cli.table import table

if TYPE_CHECKING:
    from flyball.sim.policy import Floats

T = TypeVar("T")
MISSING = "The simulator needs its libraries; in a checkout of Flyball: pip install '.[sim]'."


@click.command("simulate", short_help="Run a policy on a simulated application.")
@click.option("--application", "application_name", default="shop", show_default=True, help="Which application; --list names all.")
@click.option("--policy", "policy_name", default="flyball", show_default=True, help="Which policy; --list names all.")
@click.option(
    "--trace", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Requests per second, one number a line, repeated as needed."
)
@click.option("--rate", default=200.0, show_default=True, help="Requests per second where no trace is given.")
@click.option("--factor", default=1.0, show_default=True, help="Multiplies the trace.")
@click.option("--minutes", type=click.IntRange(min=1), default=60, show_default=True, help="How long.")
@click.option("--warmup", type=click.IntRange(min=0), default=0, show_default=True, help="Minutes at the beginning that are not scored.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed brings the same requests and work.")
@click.option("--burst/--no-burst", default=False, show_default=True, help="Whether policies may write a burst allowance.")
@click.option(
    "--level", type=click.Choice(["fluid", "sliced"]), default="fluid", show_default=True, help="Detail of CPU bandwidth; sliced has per-CPU slices."
)
@click.option("--contention", is_flag=True, help="Let containers compete for their node's cores.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("flyball-simulation.html"), show_default=True, help="The page."
)
@click.option("--list", "listing", is_flag=True, help="Name applications and policies, and end.")
def command(
    application_name: str,
    policy_name: str,
    trace: Path | None,
    rate: float,
    factor: float,
    minutes: int,
    warmup: int,
    seed: int,
    burst: bool,
    level: str,
    contention: bool,
    output: Path,
    listing: bool,
) -> None:
    """Run a policy on a simulated application and write a page with plots, beside the same work at the grants alone."""
    try:
        from flyball.sim.catalogue import applications, policies  # noqa: PLC0415  numba takes a second to load
        from flyball.sim.policy import Unlimited  # noqa: PLC0415
        from flyball.sim.report import figures, page  # noqa: PLC0415
        from flyball.sim.run import Settings, simulate  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{MISSING} ({error})") from error
    if listing:
        click.echo(f"applications: {', '.join(sorted(applications()))}\npolicies: {', '.join(sorted(policies()))}")
        return
    application = _chosen(applications(), application_name, "application")()
    policy = _chosen(policies(), policy_name, "policy")()
    if warmup >= minutes:
        raise click.ClickException("--warmup must be less than --minutes, or nothing is left to score.")
    rates = _rates(trace, rate, factor, minutes * 60)
    settings = Settings(level=level, contention=contention, burst=burst, warmup_seconds=60.0 * warmup)
    try:
        with click.progressbar(length=2 * len(rates), label=f"{application.name}, {policy.name}") as bar:
            result = simulate(application, rates, policy, seed, settings, progress=lambda _: bar.update(1))
            compared = simulate(application, rates, Unlimited(), seed, settings, progress=lambda _: bar.update(1))
    except (ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page(application, result, compared))
    before = dict(figures(compared))
    click.echo(table((application.name, policy.name, "grants alone"), [(name, value, before[name]) for name, value in figures(result)]))
    click.echo(f"\nPage: {output}")


def _chosen(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise click.ClickException(f"There is no {what} {name!r}; there are {', '.join(sorted(known))}.")
    return known[name]


def _rates(trace: Path | None, rate: float, factor: float, seconds: int) -> Floats:
    import numpy as np  # noqa: PLC0415  only the simulator needs it

    from flyball.sim.arrivals import repeat  # noqa: PLC0415

    if trace is None:
        values = [rate]
    else:
        try:
            values = [float(line) for line in trace.read_text().split()]
        except ValueError as error:
            raise click.ClickException(f"{trace} must hold one number of requests per second a line: {error}") from error
        if not values:
            raise click.ClickException(f"{trace} is empty.")
    rates = repeat(values, seconds, factor)
    if not np.all(np.isfinite(rates)) or rates.min() < 0:
        raise click.ClickException("Rates must be finite and not negative.")
    return rates
