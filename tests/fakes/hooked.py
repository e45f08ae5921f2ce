"""A market that calls webhooks, an endpoint on this machine, and a process that only delivers.

python -m tests.fakes.hooked FOLDER CA_FILE
"""

import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

from marketplace.adapters.courier import HttpCourier
from marketplace.ports import Courier
from marketplace.services.deliver_webhooks import deliver_webhooks
from tests.fakes.endpoint import LOOPBACK, WAIT_SECONDS, resolve
from tests.fakes.world import World

SECRET = b"the same in every process"


def hook_up(world: World, courier: Courier) -> None:
    """The world's market calls webhooks by this courier from now on."""
    world.market = replace(world.market, courier=courier, secret=SECRET)


def courier_for(ca_file: Path, seconds: float = 15.0) -> HttpCourier:
    """One that believes this authority, and may call the loopback."""
    tls = ssl.create_default_context(cafile=ca_file)
    return HttpCourier(LOOPBACK, resolve=resolve, tls=tls, seconds=seconds)


def deliver_until(world: World, is_done, seconds: float = WAIT_SECONDS) -> None:
    """What the worker does, until something is so."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "nothing came of it"
        deliver_webhooks(world.market)
        time.sleep(0.02)


if __name__ == "__main__":
    alone = World(Path(sys.argv[1]))
    hook_up(alone, courier_for(Path(sys.argv[2])))
    print("ready", flush=True)
    while True:
        deliver_webhooks(alone.market)
        time.sleep(0.05)
