"""`python -m tests.fakes.worker DATABASE`: a process that does the outbox's items one by one while it has the role.

It stands for any worker: it reads, does something slow outside, and writes what it did. What it did is in the timeline.
"""

import sys
import time

from marketplace.adapters.store import Database
from marketplace.domain.outbox import OutboxState
from marketplace.errors import MarketError

ROLE, JOB = "outbox", "0xjob"


def do_one(database: Database, name: str) -> bool:
    """Whether there was one to do."""
    with database.read() as tx:
        items = [item for item in tx.outbox.unfinished() if item.state is OutboxState.INTENT]
    if not items:
        return False
    time.sleep(0.02)
    with database.on_duty(ROLE), database.write() as tx:
        tx.timeline.add(JOB, items[0].id, "done", {"item": items[0].id, "by": name})
        tx.outbox.update(items[0].id, state=OutboxState.DONE)
    return True


def main(address: str, name: str) -> None:
    """Until it is killed."""
    database = Database(address, duty_seconds=2.0)
    print("ready", flush=True)
    while True:
        try:
            if not (database.take_duty(ROLE) and do_one(database, name)):
                time.sleep(0.05)
        except MarketError as error:
            print(error, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
