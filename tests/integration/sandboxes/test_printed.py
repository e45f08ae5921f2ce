"""What a container prints is read while it runs."""

import threading

from agent.containers.order import Order
from agent.containers.run import run_container
from agent.sandbox import Limits
from agent.sandbox.printed import Printed
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.livelog import STDERR, STDOUT
from tests.integration.sandboxes.conftest import AGENT
from tests.integration.sandboxes.waiting import wait_until

LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=60, egress_bytes=1_000_000)


def test_a_container_is_read_before_it_has_ended_and_leaves_the_same_log(engine, shell):
    printed, stop, ended = Printed(), threading.Event(), []
    order = Order(shell, ["echo out; echo err >&2; while true; do sleep 1; done"], {}, {}, ())
    run = threading.Thread(
        target=lambda: ended.append(run_container(engine, AGENT, order, LIMITS, stop, printed=printed))
    )
    run.start()
    try:
        assert wait_until(lambda: printed.read(STDOUT, 0, 9) == b"out\n" and printed.read(STDERR, 0, 9) == b"err\n", 40)
        assert not ended
    finally:
        stop.set()
        run.join(40)
    assert [(one.exit_kind, one.stdout, one.stderr) for one in ended] == [(ExitKind.EVICTED, b"out\n", b"err\n")]
