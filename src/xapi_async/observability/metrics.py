"""What the server counts, as families of metrics for Prometheus.

Nothing is counted twice: each part keeps its own plain numbers, and they are read when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from xapi_async import __version__
from xapi_async.datamodel.classes import CLASSES, Session, Task
from xapi_async.objects.histogram import Histogram
from xapi_async.objects.store import Store
from xapi_async.observability.lag import LoopLag
from xapi_async.rpc.event_queue import EventQueue
from xapi_async.rpc.events import Events
from xapi_async.rpc.stats import BOUNDS, CallStats, MethodStats

STATUSES = ("pending", "success", "failure", "cancelling", "cancelled")
SUCCESS = "success"


class Traffic(Protocol):
    """What the wire knows of its load.

    connections: open now. pending: calls whose answers take time. refused: connections, so far.
    """

    @property
    def connections(self) -> int: ...

    @property
    def pending(self) -> int: ...

    @property
    def refused(self) -> int: ...


@dataclass
class Metrics:
    """Everything that is shown. spellings: to the name of a method from the other ways to write it."""

    store: Store
    calls: CallStats
    events: Events
    queue: EventQueue
    lag: LoopLag
    spellings: dict[str, str]
    traffic: Traffic | None = None
    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=False))

    def __post_init__(self) -> None:
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(_Server(self))

    def page(self) -> bytes:
        """The page as Prometheus reads it."""
        return generate_latest(self.registry)


class _Server(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._of = metrics

    def collect(self) -> Iterable[Metric]:
        """Every family, as of now."""
        yield _gauge("xapi_build_info", "The server that runs.", {(__version__,): 1}, ("version",))
        yield from _calls(_by_name(self._of))
        yield from _load(self._of)
        yield from _objects(self._of.store)
        yield from _journal(self._of.store)
        yield _histogram(
            "xapi_loop_lag_seconds", "By how much timers of the event loop came too late.", self._of.lag.late
        )


def _by_name(metrics: Metrics) -> dict[str, MethodStats]:
    """The counts of methods, those of all ways to write a name added up."""
    by_name: dict[str, MethodStats] = {}
    for sent, stats in metrics.calls.methods.items():
        total = by_name.setdefault(metrics.spellings.get(sent, sent), MethodStats())
        total.successes += stats.successes
        total.seconds += stats.seconds
        total.buckets = [a + b for a, b in zip(total.buckets, stats.buckets, strict=True)]
        for code, count in stats.failures.items():
            total.failures[code] = total.failures.get(code, 0) + count
    return by_name


def _calls(methods: dict[str, MethodStats]) -> Iterator[Metric]:
    calls = CounterMetricFamily("xapi_calls", "Calls answered, by method and result.", labels=("method", "result"))
    seconds = HistogramMetricFamily("xapi_call_seconds", "How long answers took.", labels=("method",))
    for method, stats in methods.items():
        if stats.successes:
            calls.add_metric((method, SUCCESS), stats.successes)
        for code, count in stats.failures.items():
            calls.add_metric((method, code), count)
        seconds.add_metric((method,), _cumulated(BOUNDS, stats.buckets), stats.seconds)
    yield calls
    yield seconds


def _load(metrics: Metrics) -> Iterator[Metric]:
    yield _gauge("xapi_calls_in_flight", "Calls being worked on, waiting ones included.", {(): metrics.calls.in_flight})
    waiting = {("event.from",): metrics.events.waiting, ("event.next",): metrics.queue.waiting}
    yield _gauge("xapi_event_waiters", "Clients that wait for events.", waiting, ("method",))
    if metrics.traffic is not None:
        yield _gauge("xapi_connections", "Connections open.", {(): metrics.traffic.connections})
        yield _gauge("xapi_pending_answers", "Answers that take time, under way.", {(): metrics.traffic.pending})
        refused = CounterMetricFamily("xapi_connections_refused", "Connections beyond the limit, turned away.")
        refused.add_metric((), metrics.traffic.refused)
        yield refused


def _objects(store: Store) -> Iterator[Metric]:
    yield _gauge("xapi_sessions", "Sessions that are logged in.", {(): len(store.table(Session))})
    tasks = Counter(task.status for task in store.all(Task))
    by_status = {(status,): tasks[status] for status in STATUSES}
    yield _gauge("xapi_tasks", "Tasks by status.", by_status, ("status",))
    counts = {(cls.FACTS.name,): len(store.table(cls)) for cls in CLASSES}
    yield _gauge("xapi_objects", "Objects by class.", counts, ("class",))
    yield _gauge("xapi_generation", "The generation of the last change.", {(): store.generation})


def _journal(store: Store) -> Iterator[Metric]:
    written = store.written
    yield _histogram("xapi_journal_batch_transactions", "Transactions written together.", written.transactions)
    yield _histogram("xapi_journal_write_seconds", "How long a batch took until it was durable.", written.seconds)
    failing = {(): int(bool(written.failure))}
    yield _gauge("xapi_journal_failing", "Whether the last write to the journal failed.", failing)


def _gauge(name: str, doc: str, values: Mapping[Any, float], labels: Sequence[str] = ()) -> GaugeMetricFamily:
    # values: by the values of the labels.
    family = GaugeMetricFamily(name, doc, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(name: str, doc: str, histogram: Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, doc, labels=())
    family.add_metric((), _cumulated(histogram.bounds, histogram.buckets), histogram.total)
    return family


def _cumulated(bounds: Sequence[float], buckets: Sequence[int]) -> list[tuple[str, float]]:
    return list(zip((*map(str, bounds), "+Inf"), accumulate(buckets), strict=True))
