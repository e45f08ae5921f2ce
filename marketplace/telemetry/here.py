"""The span in which the present thread works. Apart from those who record spans: a client's start must stay quick."""

from contextvars import ContextVar

from marketplace.protocol.tracing import Place

HERE: ContextVar[Place | None] = ContextVar("computehive_place", default=None)


def here() -> Place | None:
    """Where in a job's trace this is; None outside of all."""
    return HERE.get()
