"""From an indicator to PromQL: counters of good and of all requests. Pure.

The object's namespace is added to every matcher, so that nobody reads what is not theirs. `le` bounds are numbers: "0.2", "0.20" and "2e-1" are one
bucket. Where the threshold is no bound, the bound below counts, never a laxer one. Applications change their buckets, and for a while, and in the
past, some series have a bound that others lack: each series then counts by the best that it has.

Presets, from the projects' own documentation: Istio "Standard Metrics" (istio_request_duration_milliseconds; destination_workload,
destination_workload_namespace, reporter, response_code), Linkerd "Proxy Metrics" (response_latency_ms, time to first byte; direction, deployment,
namespace, status_code), ingress-nginx "Monitoring" (nginx_ingress_controller_request_duration_seconds; ingress, status; its label `namespace` becomes
`exported_namespace` unless the scrape honours labels).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flyball.signals.answers import NoValue, SignalError


@dataclass(frozen=True, slots=True)
class Histogram:
    """A classic histogram and the series of it that count."""

    metric: str
    scale: float
    """Bounds per second: 1 where they are in seconds, 1000 where in milliseconds."""
    exact: Mapping[str, str] = field(default_factory=dict)
    """Label -> value."""
    bad: Mapping[str, str] = field(default_factory=dict)
    """Label -> anchored regular expression of requests that are bad however fast."""


@dataclass(frozen=True, slots=True)
class Query:
    """Two counters as PromQL, with `{window}` where the look-back in seconds goes."""

    good: str
    total: str
    newest: str
    """Expression of the time of the newest sample."""
    samples: str | None
    """Expression of the number of samples in `{window}` seconds; None where nobody can know (free expressions)."""
    threshold_used: float | None
    """Seconds; None for free expressions."""
    hint: str | None = None


SUBQUERY_SECONDS = 5.0
"""Resolution at which free expressions are evaluated: the shortest usual scrape interval. A value that repeats between scrapes adds nothing."""

LONG_SECONDS = 300.0
"""Time over which scrapes are counted to learn their interval: five scrapes a minute apart."""

_PRESETS = {
    "istio": ("istio_request_duration_milliseconds", 1000.0, "destination_workload", "destination_workload_namespace", "response_code"),
    "linkerd": ("response_latency_ms", 1000.0, "deployment", "namespace", "status_code"),
    "nginx-ingress": ("nginx_ingress_controller_request_duration_seconds", 1.0, "ingress", "exported_namespace", "status"),
}
_PRESET_LABELS = {"istio": {"reporter": "destination"}, "linkerd": {"direction": "inbound"}, "nginx-ingress": {}}


def histogram(namespace: str, metric: str, milliseconds: bool, matchers: Mapping[str, str], bad_matchers: Mapping[str, str]) -> Histogram:
    """The histogram that an object of `namespace` names."""
    return Histogram(metric, 1000.0 if milliseconds else 1.0, {**matchers, "namespace": namespace}, bad_matchers)


def preset(namespace: str, name: str, workload: str) -> Histogram:
    """The histogram that a mesh or gateway keeps for a workload. Raises KeyError for a preset that does not exist."""
    metric, scale, workload_label, namespace_label, code = _PRESETS[name]
    return Histogram(metric, scale, {**_PRESET_LABELS[name], workload_label: workload, namespace_label: namespace}, {code: "5.."})


def bounds(histogram: Histogram) -> str:
    """Query that lists the bucket bounds, and how many series have each."""
    return f"count by (le) ({histogram.metric}_bucket{{{selector(histogram.exact)}}})"


def resolve(histogram: Histogram, threshold_seconds: float, les: Iterable[str], before: Iterable[str] = ()) -> Query:
    """The counters for a threshold, given the `le` labels that exist. Raises SignalError when no bucket lies at or below it.

    `before`: further labels by which some series count, of another time or of another version of the application (`fallbacks`).
    """
    wanted = threshold_seconds * histogram.scale
    spelled = _by_bound(les)
    usable = [bound for bound in spelled if _serves(bound, wanted)]
    name = f"{histogram.metric}_bucket"
    if not spelled:
        raise SignalError(NoValue.NO_SERIES, f"There is no series {name}{{{selector(histogram.exact)}}}.")
    if not usable:
        smallest = min(spelled)
        raise SignalError(
            NoValue.NO_BUCKET,
            f"{name} has no bucket at or below {wanted:g} (its smallest is {smallest:g}): add the bucket {wanted:g} to the histogram.",
        )
    bound = max(usable)
    exact = math.isclose(bound, wanted, rel_tol=1e-9)
    hint = None if exact else f"{wanted:g} is no bucket of {name}; {bound:g} counts instead. Add the bucket {wanted:g} to the histogram."
    others = {le for below, each in _by_bound(before).items() if below != bound and _serves(below, wanted) for le in each}
    count = f"{histogram.metric}_count{{{selector(histogram.exact)}}}"
    return Query(
        good=_good(histogram, [*spelled[bound], *others], several=bool(others)),
        total=f"sum(increase({count}[{{window}}s]))",
        newest=f"max(timestamp({count}))",
        samples=f"max(count_over_time({count}[{{window}}s]))",
        threshold_used=bound / histogram.scale,
        hint=hint,
    )


def fallbacks(histogram: Histogram, threshold_seconds: float, counts: Mapping[str, float]) -> set[str]:
    """The `le` labels by which all series can be counted as well as each of them can, given how many have which at one time.

    From the largest bound at or below the threshold downwards, until one that all series have: each further one would be read for nothing.
    """
    wanted, most = threshold_seconds * histogram.scale, max(counts.values(), default=0)
    spelled = _by_bound(counts)
    found: set[str] = set()
    for bound in sorted((its for its in spelled if _serves(its, wanted)), reverse=True):
        found |= set(spelled[bound])
        if sum(counts[le] for le in spelled[bound]) >= most:
            break
    return found


def _good(histogram: Histogram, les: Iterable[str], *, several: bool) -> str:
    """Requests within the threshold. Buckets add up, so that the largest of a series' buckets is the best that it has."""
    le = "|".join(_regex_literal(text) for text in sorted(les))
    fast = ",".join([selector(histogram.exact), f'le=~"{le}"', *(f'{label}!~"{_quote(value)}"' for label, value in sorted(histogram.bad.items()))])
    increase = f"increase({histogram.metric}_bucket{{{fast}}}[{{window}}s])"
    return f"sum(max without (le) ({increase}))" if several else f"sum({increase})"


def _by_bound(les: Iterable[str]) -> dict[float, list[str]]:
    """Bound -> how it is spelled; what is no bound is left out."""
    spelled: dict[float, list[str]] = {}
    for le in les:
        try:
            spelled.setdefault(float(le), []).append(le)
        except ValueError:
            continue
    return spelled


def _serves(bound: float, wanted: float) -> bool:
    """Whether a bound is no laxer than the threshold. One that differs in the last bits of a float is the same: 0.2 seconds and 200 / 1000."""
    return math.isfinite(bound) and (bound <= wanted or math.isclose(bound, wanted, rel_tol=1e-9))


def promql(good: str, total: str, allowed: bool) -> Query:
    """The counters of free expressions. Raises SignalError where the operator does not allow them."""
    if not allowed:
        raise SignalError(
            NoValue.PROMQL_NOT_ALLOWED,
            "indicator.promql would read with the operator's rights; use histogram or preset, or start the operator with --allow-promql.",
        )
    return Query(
        good=f"increase(({good})[{{window}}s:{SUBQUERY_SECONDS:.0f}s])",
        total=f"increase(({total})[{{window}}s:{SUBQUERY_SECONDS:.0f}s])",
        newest=f"max(timestamp({total}))",
        samples=None,
        threshold_used=None,
    )


def both(query: Query, window_seconds: float) -> str:
    """One expression with good and total requests of the last `window_seconds`, told apart by the label `of`; one evaluation, one time."""
    return _told_apart({name: _over(expression, window_seconds) for name, expression in (("good", query.good), ("total", query.total))})


def freshness(query: Query, recent_seconds: float) -> str:
    """One expression with the time of the `newest` sample, and the number of samples in a `recent` and in a `long` time."""
    samples = {"recent": _over(query.samples, recent_seconds), "long": _over(query.samples, LONG_SECONDS)} if query.samples else {}
    return _told_apart({"newest": query.newest, **samples})


def _over(expression: str, window_seconds: float) -> str:
    return expression.replace("{window}", f"{max(1, round(window_seconds))}")


def _told_apart(expressions: Mapping[str, str]) -> str:
    return " or ".join(f'label_replace({expression}, "of", "{name}", "", "")' for name, expression in expressions.items())


def selector(exact: Mapping[str, str]) -> str:
    """Labels and their exact values, as PromQL writes them in braces."""
    return ",".join(f'{label}="{_quote(value)}"' for label, value in sorted(exact.items()))


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _regex_literal(text: str) -> str:
    """A bound as a regular expression that matches it alone, quoted for PromQL."""
    return text.replace(".", "\\\\.").replace("+", "\\\\+")
