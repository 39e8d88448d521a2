"""What Prometheus is told beside requests and queries: how the last audits ended, and what apps count in tables."""

from collections.abc import Callable, Iterator, Mapping

from django.db import DatabaseError
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from apps.kernel.invariants import all_invariants
from apps.kernel.models import CheckRun


class AuditCollector(Collector):
    """Reads the outcome from the table when it is asked: a worker ran the audit, a web process is scraped."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing, so that registering asks no database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Breaches by number, of the last run and of the last full one, and when each number was last checked."""
        breaches = GaugeMetricFamily(
            "chatloop_invariant_breaches", "rows that break an invariant", labels=["number", "run"]
        )
        checked = GaugeMetricFamily("chatloop_invariant_checked_seconds", "when it was last checked", labels=["number"])
        try:
            for number, (recent, full, at) in _by_number().items():
                breaches.add_metric([number, "recent"], recent)
                breaches.add_metric([number, "full"], full)
                checked.add_metric([number], at)
        except DatabaseError:
            return
        yield breaches
        yield checked


class CountCollector(Collector):
    """Numbers that an app keeps where every process reads the same: those that only grow, or how something stands."""

    def __init__(
        self,
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        documentation: str,
        *,
        label: str,
        read: Callable[[], Mapping[str, int]],
    ) -> None:
        self._family = family
        self._name, self._documentation, self._label, self._read = name, documentation, label, read

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Nothing, so that registering asks no database."""
        yield from ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Each number under its label."""
        counts = self._family(self._name, self._documentation, labels=[self._label])
        try:
            for label, number in self._read().items():
                counts.add_metric([label], number)
        except DatabaseError:
            return
        yield counts


def register_counts(name: str, documentation: str, *, label: str, read: Callable[[], Mapping[str, int]]) -> None:
    """Tell what `read` reads, by label, and what only grows; called once from AppConfig.ready()."""
    REGISTRY.register(CountCollector(CounterMetricFamily, name, documentation, label=label, read=read))


def register_gauge(name: str, documentation: str, *, label: str, read: Callable[[], Mapping[str, int]]) -> None:
    """Tell how what `read` reads stands now, by label; called once from AppConfig.ready()."""
    REGISTRY.register(CountCollector(GaugeMetricFamily, name, documentation, label=label, read=read))


def register() -> None:
    """Add the collector to the process's registry; called once from AppConfig.ready()."""
    REGISTRY.register(AuditCollector())


def _by_number() -> dict[str, tuple[int, int, float]]:
    found: dict[str, tuple[int, int, float]] = {}
    # What a check was called before says nothing any more.
    for row in CheckRun.objects.filter(name__in=[item.name for item in all_invariants()]):
        recent, full, at = found.get(row.number, (0, 0, float("inf")))
        found[row.number] = (recent + row.breaches, full + row.full_breaches, min(at, row.ran_at.timestamp()))
    return found
