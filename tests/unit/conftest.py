"""What all unit tests share."""

import signal

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
