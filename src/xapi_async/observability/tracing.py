"""Traces: a span for each call whose answer takes time, for those who have OpenTelemetry.

Reads answered on the spot get no span: making one would cost more than the answer. Work behind an
asynchronous call goes on in the context of the call's span.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from xapi_async import __version__
from xapi_async.observability.settings import ObservabilitySettings
from xapi_async.rpc.call import Call, Failure, Outcome
from xapi_async.wire.rpc_endpoint import Dispatcher

Tracer = Any
"""OpenTelemetry's tracer, whose package need not be there."""


class TracingError(Exception):
    """Traces that cannot be made. The message is one line that says what to do."""


@asynccontextmanager
async def traced(dispatcher: Dispatcher, settings: ObservabilitySettings) -> AsyncIterator[Dispatcher]:
    """The dispatcher with spans around its calls, or as it is where the settings ask for none.

    Leaving it sends what is left. Raises TracingError where OpenTelemetry is not installed.
    """
    if not settings.trace_endpoint:
        yield dispatcher
        return
    tracer, close = _tracer(settings)
    try:
        yield _Traced(dispatcher, tracer)
    finally:
        await asyncio.to_thread(close)


class _Traced:
    def __init__(self, dispatcher: Dispatcher, tracer: Tracer) -> None:
        self._dispatcher = dispatcher
        self._tracer = tracer

    def call(self, call: Call) -> Any:
        """Answer a call, in whatever way the dispatcher does."""
        outcome: object = self._dispatcher.call(call)
        return self._spanned(call, outcome) if isinstance(outcome, Coroutine) else outcome

    async def _spanned(self, call: Call, answer: Awaitable[Outcome]) -> Outcome:
        attributes = {"rpc.system": "xenapi", "rpc.method": call.method, "client.address": call.origin.address}
        with self._tracer.start_as_current_span(call.method, attributes=attributes) as span:
            outcome = await answer
            if isinstance(outcome, Failure):
                span.set_attribute("error.type", outcome.error.code)
            return outcome


def _tracer(settings: ObservabilitySettings) -> tuple[Tracer, Callable[[], None]]:
    """A tracer that sends spans in batches from a thread of its own, and what ends it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError:
        raise TracingError(
            "observability.trace_endpoint: OpenTelemetry is not installed; pip install 'xapi-async[tracing]'"
        ) from None
    resource = Resource.create({"service.name": "xapi-async", "service.version": __version__})
    provider = TracerProvider(
        resource=resource, sampler=ParentBasedTraceIdRatio(settings.trace_ratio), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(settings.trace_endpoint)))
    return provider.get_tracer("xapi_async"), provider.shutdown
