"""The metrics as text, written by prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from checker.metrics.families import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of the text format, which Prometheus has always read. OpenMetrics would take half as long
again.
"""


class Once(Collector):
    """Hands these metrics to prometheus_client."""

    def __init__(self, families: Iterable[Family]) -> None:
        self.families = families

    def collect(self) -> Iterator[Metric]:
        return map(metric_of, self.families)


def metric_of(family: Family) -> Metric:
    kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
    made = kind(family.name, family.help, labels=family.labels)
    for labels, value in family.samples:
        made.add_metric(labels, value)
    return made


def exposition(families: Iterable[Family]) -> bytes:
    """Return the text format, without timestamps."""
    registry = CollectorRegistry()
    registry.register(Once(families))
    return generate_latest(registry)
