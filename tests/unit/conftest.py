"""What all unit tests share."""

import signal

import pytest
import structlog
from hypothesis import settings

from tests.fakes.statements import share_compiled_statements

share_compiled_statements()

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("unit", deadline=None, derandomize=True)
settings.load_profile("unit")

# Tests send SIGINT to processes of their own, which would inherit that it is ignored where this run was started in the
# background of a script (POSIX 2.11).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logging_as_before():
    """Commands set up how lines are written, and to where: a test's standard error, which is closed after it."""
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)
