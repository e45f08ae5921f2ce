"""Ending a program from outside, at a tick of the engine's clock: its time is up, or its machine wants it gone.

wasmtime asks a store's callback at every tick whether to go on. Its Python package wraps everything of that but the
call which sets the callback, so that is taken from the bindings that the package is made of; fuel is not touched by it,
so a program that is not stopped ends as it would have.
"""

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Event, Thread, current_thread, main_thread
from typing import TypeVar

import wasmtime
from wasmtime import _bindings as bindings

from marketplace.protocol.enums import ExitKind

_SIGNATURE = bindings._wasmtime_store_epoch_deadline_callback.argtypes
_Callback, _Finalizer = _SIGNATURE[1], _SIGNATURE[3]
_GO_ON = 0
_Result = TypeVar("_Result")


def run_aside(run: Callable[[Event | None], _Result], stop: Event | None) -> _Result:
    """What `run` gives, never in the main thread: in that one Python raises KeyboardInterrupt between any two steps.

    Inside of a callback of the engine nobody would hear of it, and the engine would take what lies in memory for an
    answer. An interrupted caller has the program stopped, and goes on once it has ended.
    """
    if current_thread() is not main_thread():
        return run(stop)
    stop, outcome = stop or Event(), Future[_Result]()

    def fulfil() -> None:
        try:
            outcome.set_result(run(stop))
        except BaseException as error:  # whatever it is, it is raised where the run was asked for
            outcome.set_exception(error)

    Thread(target=fulfil, name="sandbox-run", daemon=True).start()
    try:
        return outcome.result()
    finally:
        if not outcome.done():
            stop.set()
            wait([outcome])


class Interrupter:
    """Watches over one run. `ended` says how it had to be ended, None where it was not."""

    def __init__(self, seconds: float, stop: Event | None, look: Callable[[bool], None] | None = None) -> None:
        """`look` is called at every tick, told whether it is the last one before the machine stops the program."""
        self.ended: ExitKind | None = None
        self._until, self._stop, self._look = time.monotonic() + seconds, stop, look
        self._callback = _Callback(self._tick)  # kept: wasmtime holds no reference of Python's

    def watch(self, store: wasmtime.Store) -> None:
        """The program in `store` goes on until its time is over, and only until `stop`."""
        store.set_epoch_deadline(1)
        bindings.wasmtime_store_epoch_deadline_callback(store.ptr(), self._callback, None, _Finalizer())

    def _tick(self, context: object, data: object, delta: "ctypes._Pointer", kind: "ctypes._Pointer") -> int:
        is_stopped = self._stop is not None and self._stop.is_set()
        if self._look is not None:
            self._look(is_stopped)
        if is_stopped:
            self.ended = ExitKind.EVICTED
        elif time.monotonic() >= self._until:
            self.ended = ExitKind.TIMEOUT
        if self.ended is not None:
            error = bindings.wasmtime_error_new(self.ended.name.encode())
            return ctypes.cast(error, ctypes.c_void_p).value or 0
        delta[0], kind[0] = 1, _GO_ON
        return 0
