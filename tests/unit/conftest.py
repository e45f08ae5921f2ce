"""What all unit tests share."""

import signal

# Tests send SIGINT to processes of their own, which would inherit that it is ignored where this run was started in the
# background of a script (POSIX 2.11).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
