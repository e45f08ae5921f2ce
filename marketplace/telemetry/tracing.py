"""Spans of jobs. What is recorded goes to an OpenTelemetry collector where one is configured, and nowhere else.

Ids follow from the job (`protocol/tracing.py`). Without the extra `computehive[otel]`, or without an address, spans
cost a hash and a context variable: a request still says where in which trace it is (`traceparent`, not sampled).
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Protocol

from marketplace.errors import SettingsError
from marketplace.protocol.tracing import SAMPLED, Place, Stage, parent_of, place_of
from marketplace.telemetry.here import HERE
from marketplace.telemetry.logs import about

Attribute = str | int | float | bool
EXPORT_SECONDS = 5.0
"""How long a stop of the process waits for the last spans."""


class Recorder(Protocol):
    """What becomes of spans."""

    def record(
        self,
        name: str,
        parent: Place | None,
        own: Place,
        started_ns: int,
        ended_ns: int,
        error: str,
        **attributes: Attribute,
    ) -> None: ...

    def close(self) -> None: ...


class Tracer:
    """The spans of one process."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        """Without a recorder nothing is kept."""
        self._recorder = recorder

    @property
    def is_recording(self) -> bool:
        """Whether spans are kept."""
        return self._recorder is not None

    def close(self) -> None:
        """Send what is left; nothing is recorded after that. Doing so twice does no harm."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def span(
        self,
        stage: Stage,
        job_id: str,
        lease_id: str = "",
        who: str = "",
        *,
        only_done: bool = False,
        **attributes: Attribute,
    ) -> AbstractContextManager[Place]:
        """A stage of a job that takes as long as the block. An error ends it as failed, and goes on.

        `only_done`: a block that ends in an error will be tried again, and only the last time counts.
        """
        own = place_of(job_id, stage, lease_id, who, flags=SAMPLED if self.is_recording else 0)
        known = {"computehive.job_id": job_id} | ({"computehive.lease_id": lease_id} if lease_id else {})
        parent, named = parent_of(job_id, stage, lease_id), known | attributes
        return self._timed(stage.value, parent, own, named, job=(job_id, lease_id), only_done=only_done)

    def child(self, name: str, own_id: str, parent: Place, **attributes: Attribute) -> AbstractContextManager[Place]:
        """A span below another one. `own_id`: 16 hexadecimal digits."""
        own = replace(parent, span_id=own_id, flags=SAMPLED if self.is_recording else 0)
        return self._timed(name, parent, own, attributes)

    def note(
        self, stage: Stage, job_id: str, lease_id: str, started: float, ended: float, **attributes: Attribute
    ) -> None:
        """A stage that is over: a wait whose ends are known, in Unix seconds."""
        if self._recorder is None:
            return
        own = place_of(job_id, stage, lease_id, flags=SAMPLED)
        known = {"computehive.job_id": job_id, "computehive.lease_id": lease_id}
        start = int(started * 1e9)
        end = max(start, int(ended * 1e9))
        self._recorder.record(
            stage.value, parent_of(job_id, stage, lease_id), own, start, end, "", **(known | attributes)
        )

    @contextmanager
    def _timed(
        self,
        name: str,
        parent: Place | None,
        own: Place,
        attributes: dict[str, Attribute],
        *,
        job: tuple[str, str] | None = None,
        only_done: bool = False,
    ) -> Iterator[Place]:
        token, started, failure = HERE.set(own), time.time_ns(), ""
        try:
            with about(*job) if job is not None else _nothing():
                yield own
        except BaseException as error:
            failure = getattr(error, "code", "") or type(error).__name__
            raise
        finally:
            HERE.reset(token)
            if self._recorder is not None and not (failure and only_done):
                self._recorder.record(name, parent, own, started, time.time_ns(), failure, **attributes)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def open_tracer(endpoint: str, service: str) -> Tracer:
    """A tracer that sends to an OTLP collector over HTTP, such as `http://127.0.0.1:4318`; for "" one that keeps none.

    Raises SettingsError where OpenTelemetry is not installed, or the address is none.
    """
    if not endpoint:
        return Tracer()
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"OTLP_ENDPOINT: {endpoint!r} is not an address.", hint="Such as http://127.0.0.1:4318, OTLP over HTTP."
        )
    try:
        from marketplace.telemetry.otel import open_recorder
    except ImportError as error:
        raise SettingsError(
            f"OTLP_ENDPOINT is set, and {error.name} is not installed.", hint="pip install 'computehive[otel]'"
        ) from error
    return Tracer(open_recorder(endpoint, service))
