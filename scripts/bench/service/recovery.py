"""kill -9 in the middle of orders, with many stored: how long until the service takes orders again, and what is lost.

The chain is ganache, which outlives the service. The stored orders have ended, as after years; some hundred are live.
"""

import http.client
import sqlite3
import threading
import time
from pathlib import Path

from scripts.bench.service.load import Line, Refused, Request
from scripts.bench.service.scale import Scale
from scripts.bench.service.stage import Stage, on_ganache, restart
from scripts.bench.service.tables import Report, line

LIVE, BEFORE_KILL_SECONDS, TARGET = 200, 3.0, 60
_COPY = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
INSERT INTO {table} ({names}) SELECT {values} FROM numbers, (SELECT * FROM {table} ORDER BY id LIMIT 1)
"""


def report(scale: Scale) -> Report:
    """Lines and figures."""
    with on_ganache("recovery") as stage:
        bids = stage.signers.bids(LIVE + 2_000, stage.next_salts())
        place = stage.line()
        for bid in bids[:LIVE]:
            place.send(bid)
        stage.service.stop()
        database = stage.folder / "market" / "market.db"
        multiply(database, scale.stored)
        size = database.stat().st_size / 1e6
        stage.service.start()
        stage.prepare()
        acknowledged, killed_at = kill_amid(stage, bids[LIVE:])
        stage.wait_ready()
        ready = time.perf_counter() - killed_at
        stage.line().send(stage.signers.bids(1, stage.next_salts())[0])
        accepted = time.perf_counter() - killed_at
        lost = sum(1 for job in acknowledged if not is_known(stage.line(), job))
    if lost:
        raise RuntimeError(f"{lost} of {len(acknowledged)} orders were acknowledged and are gone.")
    lines = [
        f"Recovery after kill -9 ({scale.stored:,} ended orders stored, {size:,.0f} MB, SQLite, ganache)",
        line("until ready", ready, "s", f"target {TARGET}"),
        line("until the next order is accepted", accepted, "s"),
        line("orders acknowledged just before the kill", len(acknowledged), ""),
        line("of these lost", lost, ""),
    ]
    return Report(lines, {"recovery_seconds": accepted, "recovery_ready_seconds": ready, "recovery_lost_orders": lost})


def multiply(database: Path, count: int) -> None:
    """Copies of the first bid and of its timeline, each with a hash of its own, that were paid long ago."""
    connection = sqlite3.connect(database)
    for table, other in (("bids", {"state": "'filled'", "job_state": "'paid'", "salt": "-n"}), ("timeline", {})):
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
        changed = other | {"bid_hash": "printf('0x%064x', n)"}
        values = ", ".join(changed.get(name, name) for name in names)
        connection.execute(_COPY.format(table=table, names=", ".join(names), values=values, count=count))
    connection.commit()
    connection.close()


def kill_amid(stage: Stage, bids: list[Request]) -> tuple[list[str], float]:
    """Kill and start the service again while orders come in; those that it had acknowledged, and when it was killed."""
    acknowledged: list[str] = []
    sending = threading.Thread(target=_send_until_gone, args=(stage.line(), bids, acknowledged))
    sending.start()
    time.sleep(BEFORE_KILL_SECONDS)
    killed_at = time.perf_counter()
    restart(stage)
    sending.join()
    return acknowledged, killed_at


def _send_until_gone(market: Line, bids: list[Request], acknowledged: list[str]) -> None:
    try:
        for bid in bids:
            acknowledged.append(market.send(bid)["jobId"])
    except (OSError, http.client.HTTPException):
        return


def is_known(market: Line, job: str) -> bool:
    """Whether the market has the job."""
    try:
        market.get(f"/api/v1/jobs/{job}/status")
    except Refused:
        return False
    return True
