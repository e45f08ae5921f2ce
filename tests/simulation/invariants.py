"""What must hold after every step, and when everything has come to rest. Each raises Finding with what does not."""

from collections import Counter
from dataclasses import replace

from marketplace.adapters.store import Database
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.ledger import Entry, Ledger
from marketplace.domain.orders import OrderState
from marketplace.protocol.enums import ClaimState
from marketplace.services.follow_chain import rebuild
from marketplace.services.market import Market
from marketplace.services.verify_ledger import verify_ledger
from tests.fakes.chain import FakeSender
from tests.simulation.balances import Books, find_wrong, held
from tests.simulation.disk import copy_database
from tests.simulation.ledgers import Ledgers, events_of
from tests.simulation.renters import Job
from tests.simulation.verdicts import Verdicts
from tests.simulation.world import World, require

CLAIMED = (ClaimState.CLAIMED, ClaimState.DISPUTED)
LISTED_EVERY = 100
"""Steps after which all listings are read."""


class Invariants:
    """The laws of one world. Chain and database are looked at only where they have changed since the last time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._head, self._followed, self._version = "", "", (0, 0, 0)
        self._ledger = Ledger(world.operator.address)
        self._jobs: dict[str, Job] = {}
        self._verdicts, self._ledgers = Verdicts(world, self._jobs), Ledgers(world)

    def learn(self, job: Job) -> None:
        """A renter has signed this order."""
        self._jobs[job.bid_hash] = job

    def job(self, bid_hash: str) -> Job:
        """The order with this hash."""
        return self._jobs[bid_hash]

    def entries(self) -> list[Entry]:
        """What the chain says of every lease."""
        return list(self._ledger.entries.values())

    def check(self) -> None:
        """Everything that must hold now."""
        head = self._world.chain.blocks[-1].ref.hash
        if head != self._head:
            self._head = head
            self._check_chain()
        self._ledgers.check_journals()
        self._check_refusals()
        accepted = sum(len(renter.accepted) for renter in self._world.renters)
        version = self._world.market.starts, self._world.market.version(), accepted
        if version != self._version:
            self._version = version
            self._check_database()
        if self._world.step % LISTED_EVERY == 0:
            self._ledgers.check_listings(self._outside())

    # --- the chain ------------------------------------------------------------------------------------------------

    def _check_chain(self) -> None:
        world, state = self._world, self._world.chain.state
        cover = sum(account.cover for account in state.providers.values())
        total, funded = state.total(), world.paid_in.total()
        require(total + cover == funded, f"{total} in the escrow and {cover} at stake are not {funded}")
        self._ledger = ledger = Ledger(world.operator.address)
        events = events_of(world)
        ledger.read(events)
        require(not ledger.faults, "; ".join(ledger.faults))
        opened = {event.lease_id: event for event in events if isinstance(event, LeaseOpened)}
        self._check_orders(opened)
        for provider, account in state.providers.items():
            require(account.covered <= account.cover, f"{provider}: its stake does not cover its open leases")
        self._verdicts.check(ledger, events, opened)
        books = Books(Counter(world.paid_in))
        books.read(events)
        has = held(state.renters, state.providers, state.fees.treasury, state.fees.members)
        wrong = find_wrong(books.amounts, has, world.names())
        require(not wrong, "what somebody has is not what is due: " + "; ".join(wrong))

    def _check_orders(self, opened: dict[str, LeaseOpened]) -> None:
        by_bid: dict[str, list[LeaseOpened]] = {}
        for event in opened.values():
            by_bid.setdefault(event.bid_hash, []).append(event)
        for bid_hash, leases in by_bid.items():
            bid = self._jobs[bid_hash].bid
            require(len(leases) <= bid.replicas, f"bid {bid_hash} is filled beyond its replicas")
            providers = {lease.provider for lease in leases}
            require(len(providers) == len(leases), f"bid {bid_hash} has two leases with one provider")
            require(all(lease.price <= bid.max_price for lease in leases), f"bid {bid_hash} is charged above its price")

    # --- the database ---------------------------------------------------------------------------------------------

    def _outside(self, database: Database | None = None) -> Market:
        """The market, looked at without faults; with another database, where given."""
        world = self._world
        chosen = database or world.market.database
        assert chosen is not None
        sender = FakeSender(world.chain, world.operator.address)
        return replace(world.market.market, store=chosen, chain=world.chain, sender=sender)

    def _check_database(self) -> None:
        world, market = self._world, self._outside()
        with market.store.read() as tx:
            last = tx.blocks.last()
        accepted = {one for renter in world.renters for one in renter.accepted}
        missing = sorted(accepted - world.lost_orders - world.market.known("bid_hash", "bids"))
        require(not missing, f"accepted orders are nowhere to be found: {', '.join(missing)}")
        seen = f"{last.hash if last else ''}/{world.market.starts}"
        on_chain = world.chain.block(last.number) if last else None
        if seen == self._followed or last is None or on_chain is None or on_chain.hash != last.hash:
            return
        self._followed = seen
        found = verify_ledger(market)
        require(found.is_equal, "the database is not what the chain says: " + "; ".join(found.differences))
        self._ledgers.check_bills(market, self._ledgers.ledger_at(last.number))

    def _check_refusals(self) -> None:
        """What a renter was just told that the market does not take is not in its book."""
        told = [bid_hash for renter in self._world.renters for bid_hash in renter.take_refused()]
        kept = sorted(set(told) & self._world.market.known("bid_hash", "bids")) if told else []
        require(not kept, f"orders were refused and are in the book: {', '.join(kept)}")

    # --- at rest --------------------------------------------------------------------------------------------------

    def unrest(self) -> list[str]:
        """What is still under way; empty where everything has come to its end."""
        world, market = self._world, self._outside()
        state, found = world.chain.state, []
        for group, bits in state.words.values():
            found += [f"a lease of group {group.number} is open"] if bits else []
        for lease_id, claim in state.claims.items():
            found += [f"lease {lease_id} is {claim.state.name.lower()}"] if claim.state in CLAIMED else []
        with market.store.read() as tx:
            found += [f"transaction {item.id} ({item.kind}) is {item.state}" for item in tx.outbox.unfinished()]
            found += [f"match {match.id} is reserved" for match in tx.matches.reserved()]
            found += [f"bid {record.bid_hash} is live" for record in tx.bids.live()]
            last = tx.blocks.last()
        if last is None or last.hash != world.chain.blocks[-1].ref.hash:
            found.append("the market has not followed the chain to its end")
        return found

    def check_rest(self) -> None:
        """What must hold once nothing is under way: nothing is stuck, bills add up, a rebuilt database is the same."""
        self.check()
        market = self._outside()
        for entry in self._ledger.entries.values():
            require(entry.closing is not None, "a lease is open for ever")
        for provider in self._world.providers:
            assert provider.journal is not None
            left = [event.lease_id for event in provider.journal.open_leases()]
            require(not left, f"the journal of {provider.name} has leases open that are closed: {', '.join(left)}")
        self._ledgers.check_listings(market)
        self._ledgers.check_ids(market)
        self._check_rebuilt(market)

    def _check_rebuilt(self, market: Market) -> None:
        """`hive market rebuild` on a copy changes nothing that follows from the chain."""
        copy = self._world.folder / "rebuilt.db"
        copy_database(self._world.market.path, copy)
        database = Database(copy)
        try:
            rebuilt = self._outside(database)
            rebuild(rebuilt)
            require(verify_ledger(rebuilt).is_equal, "a rebuilt database is not what the chain says")
            before, after = _picture(market), _picture(rebuilt)
            changed = [f"{name}: {before.get(name)} became {after.get(name)}" for name in sorted(before.keys() | after)
                       if before.get(name) != after.get(name)]  # fmt: skip
            require(not changed, "rebuilding changes what was there: " + "; ".join(changed))
        finally:
            database.close()


def _picture(market: Market) -> dict[str, object]:
    """What a rebuilt database must have again: leases and their stages, filled bids, opened matches."""
    found: dict[str, object] = {}
    with market.store.read() as tx:
        page = tx.leases.page(provider=None, agent=None, renter=None, states=(), cursor=None, limit=10_000)
        for lease in page.items:
            found[f"lease {lease.lease_id}"] = lease
            bid = tx.bids.get(lease.bid_hash)
            found[f"bid {lease.bid_hash}"] = (bid.state is OrderState.FILLED, bid.job_state) if bid else None
            for match in tx.matches.of_bid(lease.bid_hash):
                found[f"match {match.id}"] = match
    return found
