"""A market's real service on a chain that is nothing but a few tables in its own memory: our part without ganache's.

    python -m scripts.bench.service.memory FOLDER PORT RENTERS PROVIDERS ROLES [DATABASE [REPLICA]]

Database, blobs, HTTP and workers are the real ones. What the chain in memory does not do: sign transactions, execute
contracts, answer over a connection. It mines each transaction as it comes, and is gone with the process. ROLES are
those of `hive market up --role`: `api` takes orders and heartbeats, and does nothing else.
"""

import sys
import time
from pathlib import Path

import uvicorn

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.bootstrap import MarketServer, SystemClock
from marketplace.domain.roles import parse_roles
from marketplace.domain.rules import Rules
from marketplace.services.market import Market
from marketplace.telemetry.lines import configure_logging
from scripts.bench.leases import DEPOSIT, MEMBERS, STAKE, THRESHOLD, key_of
from scripts.bench.service.fakes import DOMAIN, FakeChain, FakeSender

RULES = {
    "round_seconds": 0.5, "seal_seconds": 1, "batch_seconds": 1, "requests_per_minute": 0, "orders_per_minute": 0,
    "max_feeds": 5_000,
}  # fmt: skip


class TimedChain(FakeChain):
    """Blocks have this machine's time, and only the newest ones keep what the contracts store."""

    def mine(self, seconds: int = 0) -> None:
        super().mine(max(0, int(time.time()) - self.time))
        if len(self.blocks) > 2:
            self.blocks[-3].state = self.blocks[-1].state


def build_chain(renters: int, providers: int) -> FakeChain:
    """The chain, with accounts that have deposited and staked what those on ganache have."""
    chain = TimedChain(
        DOMAIN, tuple(key_of("oracle", at).address for at in range(MEMBERS)), THRESHOLD, int(time.time())
    )
    for at in range(renters):
        chain.state.free[key_of("renter", at).address] = DEPOSIT
    for at in range(providers):
        chain.state.active[key_of("provider", at).address] = STAKE
    return chain


def main(folder: Path, port: int, renters: int, providers: int, roles: str, database: str = "", *replicas: str) -> None:
    """Serve until SIGTERM."""
    configure_logging("warning")
    chain = build_chain(renters, providers)
    store = Database(database or folder / "market.db", replicas=replicas)
    market = Market(
        store=store,
        chain=chain,
        sender=FakeSender(chain, key_of("operator", 0).address),
        blobs=FolderBlobs(folder / "blobs", 1_000_000),
        clock=SystemClock(),
        rules=Rules(**RULES, max_feeds_per_client=RULES["max_feeds"]),
        clearing=store.clearing,
    )
    app = build_app(market, roles=parse_roles(roles))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    MarketServer(config, app.state.streams.stop).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), *sys.argv[5:])
