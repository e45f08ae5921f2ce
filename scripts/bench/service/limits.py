"""What bounds the service from below: the same steps without it, on this machine, in the same run."""

import json
import sqlite3
import time
from pathlib import Path

from marketplace.protocol.messages import Bid
from scripts.bench.service.load import Request
from scripts.bench.service.people import Signers

SECONDS = 2.0


def recovers_per_second(signers: Signers, request: Request) -> float:
    """How often one processor hashes a bid as typed data and recovers its signer: no order is taken without."""
    body = json.loads(request.body or b"")
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        Bid.parse(body["bid"]).recover(signers.domain, body["signature"])
        count += 1
    return count / (time.perf_counter() - begun)


def inserts_per_second(folder: Path, row: bytes) -> float:
    """Rows of an order's size, each in a transaction of its own that is on the disk before the next: SQLite, FULL."""
    path = folder / "limit.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, data BLOB)")
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO orders (data) VALUES (?)", (row,))
        connection.execute("COMMIT")
        count += 1
    connection.close()
    return count / (time.perf_counter() - begun)
