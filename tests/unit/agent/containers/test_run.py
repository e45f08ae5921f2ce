"""Waiting for an engine that may never answer."""

import threading

import pytest

from agent.containers.aside import call_aside


def test_what_a_call_aside_raises_is_raised_where_somebody_waits_for_it():
    with pytest.raises(OSError, match="gone"):
        call_aside(lambda: (_ for _ in ()).throw(OSError("gone"))).result(10)


def test_a_call_that_never_comes_back_holds_up_no_exit():
    release = threading.Event()
    waiting = call_aside(lambda: (release.wait(), None)[1])
    (thread,) = (one for one in threading.enumerate() if one.name == "container-wait")
    assert thread.daemon and not waiting.done()
    release.set()
    assert waiting.result(10) is None
