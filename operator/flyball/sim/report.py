"""The page that `flyball simulate` writes: what a run cost, whether its objective was met, and when."""

from __future__ import annotations

from html import escape

import numpy as np

from flyball.sim.plots import Line, chart
from flyball.sim.result import Result
from flyball.sim.spec import Application

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 2rem 0 .3rem }
table { border-collapse: collapse } td, th { padding: .2rem .9rem .2rem 0; text-align: right } td:first-child, th:first-child { text-align: left }
.missed { color: #b00020; font-weight: 600 }
"""


def figures(result: Result) -> list[tuple[str, str]]:
    """Name and value of what a reader asks first."""
    minutes = len(result.minutes.total) - result.score_from
    return [
        ("requests", f"{int(result.minutes.total[result.score_from :].sum()):,}"),
        ("cores of quota, mean", f"{result.cores:.2f}"),
        ("cores used, mean", f"{result.cores_used:.2f}"),
        (f"slow requests (later than {1000 * result.objective_seconds:g} ms)", f"{100 * result.slow_share:.3f} %"),
        ("worst sliding hour", f"{100 * result.worst_hour():.3f} % slow"),
        ("objective by the hour (H)", "met" if result.meets_hours() else "missed"),
        ("objective by the hour and minute (M)", "met" if result.meets_minutes() else "missed"),
        ("minutes over the objective", f"{result.minutes_over()} of {minutes}"),
        ("worst minute's p99", f"{result.worst_minute_ratio():.2f} x the objective"),
        ("reversals of the quota", f"{result.minutes.reversals[result.score_from :].mean():.1f} a minute"),
        ("busiest node's CPU, p99 of seconds", f"{100 * float(np.max(result.minutes.node_p99[result.score_from :])):.0f} %"),
        ("decision, fast level", f"{1e6 * result.fast_cpu_seconds / max(1, result.fast_ticks * len(result.names)):.1f} us a container and tick"),
        ("decision, slow level", f"{1e3 * result.slow_cpu_seconds / max(1, result.slow_ticks):.2f} ms"),
        ("engine", f"{result.visits / max(1e-9, result.engine_cpu_seconds) / 1e6:.2f} million visits a CPU second"),
    ]


def page(application: Application, result: Result, compared: Result | None = None) -> str:
    """An HTML page without scripts or outside resources. `compared`: the same work under the grants alone."""
    minute = np.arange(1, len(result.minutes.total) + 1).tolist()
    objective = 1000 * result.objective_seconds
    lines = [Line("quota", minute, result.minutes.quota.tolist()), Line("used", minute, result.minutes.used.tolist())]
    latency = [Line("p99", minute, (1000 * result.minutes.p99).tolist()), Line("objective", minute, [objective] * len(minute), dashed=True)]
    if compared is not None:
        lines.append(Line("grant", minute, compared.minutes.quota.tolist(), dashed=True))
        latency.append(Line(f"p99, {compared.policy}", minute, (1000 * compared.minutes.p99).tolist()))
    slow = 100 * result.minutes.slow / np.maximum(1, result.minutes.total)
    allowed = 100 * (1 - result.target)
    charts = [
        ("Cores", chart("cores by minute", lines)),
        ("Latency, p99 of each minute in ms (cut at three times the objective)", chart("p99", latency, y_max=3 * objective)),
        (
            "Slow requests, % of each minute",
            chart("slow requests", [Line("slow", minute, slow.tolist()), Line("allowed", minute, [allowed] * len(minute), dashed=True)]),
        ),
        (
            "Throttled periods, % of all containers' wall periods",
            chart("throttled periods", [Line("throttled", minute, (100 * result.minutes.throttled_share).tolist())]),
        ),
        ("Requests a second", chart("requests", [Line("requests/s", minute, (result.minutes.total / 60).tolist())])),
    ]
    rows = "".join(
        f"<tr><td>{escape(service.name)}</td><td>{service.replicas}</td><td>{service.grant_cores * service.replicas:.2f}</td><td>{quota:.3f}</td>"
        f"<td>{used:.3f}</td></tr>"
        for service, quota, used in zip(application.services, result.service_quota, result.service_used, strict=True)
    )
    facts = "".join(f'<tr><td>{escape(name)}</td><td class="{escape(value)}">{escape(value)}</td></tr>' for name, value in figures(result))
    plots = "".join(f"<h2>{escape(title)}</h2>{drawing}" for title, drawing in charts)
    title = f"{application.name} under {result.policy}, seed {result.seed}"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><table>{facts}</table>{plots}<h2>Services (cores, means)</h2>"
        f"<table><tr><th>service</th><th>replicas</th><th>granted</th><th>quota</th><th>used</th></tr>{rows}</table></body></html>\n"
    )
