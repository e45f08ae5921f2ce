"""Each party's own account of the leases, held against the chain as far as that party has followed it.

An agent's journal, the market's bills and listings: whatever any of them says, the events say as well. Nothing is asked
of who has followed a block that is no longer the chain's: it will find out by itself.
"""

from collections.abc import Callable, Mapping, Sequence

from marketplace.domain.chain import ChainEvent
from marketplace.domain.ledger import Entry, Ledger
from marketplace.services.market import Market
from marketplace.services.show_job import list_jobs, show_cost, show_job
from marketplace.services.show_lease import list_leases, show_lease
from marketplace.services.show_market import list_asks
from tests.simulation.oracles import OracleProcess
from tests.simulation.processes import ProviderProcess
from tests.simulation.renters import Renter
from tests.simulation.world import World, require

PAGE, MANY = 3, 200
"""So few on a page that listings have several; and so many that they seldom do."""
_FACTS = ("bid_hash", "renter", "provider")


class Ledgers:
    """What was compared already is not compared again until it changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._followed: dict[str, tuple[object, ...]] = {}
        self._billed: dict[str, tuple[object, ...]] = {}

    def ledger_at(self, number: int) -> Ledger:
        """What the chain's events up to this block say."""
        ledger = Ledger(self._world.operator.address)
        ledger.read(event for block in self._world.chain.blocks[: number + 1] for event in block.events)
        return ledger

    # --- agents ---------------------------------------------------------------------------------------------------

    def check_journals(self) -> None:
        """Of all agents that have followed a block of the chain as it is now."""
        for agent in (*self._world.providers, *self._world.oracles):
            assert agent.journal is not None
            followed = agent.journal.followed()
            seen = (followed, agent.starts)
            if followed is None or self._followed.get(agent.name) == seen:
                continue
            block = self._world.chain.block(followed[0])
            if block is not None and block.hash == followed[1]:
                self._check_journal(agent, self.ledger_at(followed[0]))
                self._followed[agent.name] = seen

    def _check_journal(self, agent: ProviderProcess | OracleProcess, ledger: Ledger) -> None:
        assert agent.journal is not None
        provider = agent.account.address if isinstance(agent, ProviderProcess) else None
        mine = {key: one for key, one in ledger.entries.items() if provider in (None, _fact(one, "provider"))}
        is_open = {lease_id for lease_id, entry in mine.items() if entry.closing is None}
        believed = {event.lease_id for event in agent.journal.open_leases()}
        missing, stale = sorted(is_open - believed), sorted((believed & mine.keys()) - is_open)
        require(not missing, f"the journal of {agent.name} lacks open leases: {', '.join(missing)}")
        require(not stale, f"the journal of {agent.name} has leases open that are closed: {', '.join(stale)}")
        claims = {key: (one.pay, one.result_digest, one.until) for key, one in agent.journal.claims().items()}
        due = {key: mine[key].claim[:3] for key in is_open if mine[key].claim is not None}  # type: ignore[index]
        require(claims == due, f"the journal of {agent.name} has the claims {claims}, the chain {due}")

    # --- the market -----------------------------------------------------------------------------------------------

    def check_bills(self, market: Market, ledger: Ledger) -> None:
        """Of every lease that has ended, whose end is another than when its bill was looked at last."""
        ended = {key: entry.closing for key, entry in ledger.entries.items() if entry.closing is not None}
        changed = {key for key, closing in ended.items() if self._billed.get(key) != closing}
        for bid_hash in sorted({str(_fact(ledger.entries[key], "bid_hash")) for key in changed}):
            if self._can_be_billed(market, bid_hash):
                self._check_bill(market, bid_hash, ended)
        self._billed = ended

    def _can_be_billed(self, market: Market, bid_hash: str) -> bool:
        """A restored market may lack an order; then there is no bill, and its leases are told of all the same."""
        with market.store.read() as tx:
            leases = tx.leases.of_bid(bid_hash)
            return tx.bids.get(bid_hash) is not None and all(tx.asks.get(one.ask_hash) for one in leases)

    def _check_bill(self, market: Market, bid_hash: str, ended: Mapping[str, tuple[object, ...]]) -> None:
        bills = [bill for bill in show_cost(market, bid_hash)["bills"] if bill["leaseId"] in ended]
        for bill in bills:
            told, due = tuple(int(bill[name]) for name in ("paid", "fee", "refund")), ended[bill["leaseId"]][1:4]
            require(told == due, f"the bill of {bill['leaseId']} says {told}, the chain {due}")

    def check_listings(self, market: Market) -> None:
        """Every order and lease is found by its id and in every listing where it belongs, whatever became of it."""
        world = self._world
        for renter in world.renters:
            self._check_jobs(market, renter)
        for provider in world.providers:
            placed = world.standing_ask(provider)
            asks = _all_pages(lambda cursor, who=provider.account.address: list_asks(
                market, provider=who, live_only=False, cursor=cursor, limit=PAGE), "asks")  # fmt: skip
            known = [str(one["askHash"]) for one in asks]
            require(placed is None or placed in known, f"the ask {placed} of {provider.name} is in no listing")
            _require_once(known, f"asks of {provider.name}")
        self._check_leases(market)

    def _check_jobs(self, market: Market, renter: Renter) -> None:
        who = renter.account.address
        jobs = _all_pages(lambda cursor: list_jobs(market, renter=who, cursor=cursor, limit=PAGE), "jobs")
        listed = [str(job["jobId"]) for job in jobs]
        _require_once(listed, f"jobs of {who}")
        lost = sorted(renter.accepted.keys() - self._world.lost_orders - set(listed))
        require(not lost, f"accepted orders are not among their renter's: {', '.join(lost)}")
        for state in sorted({job["state"] for job in jobs}):
            due = {job["jobId"] for job in jobs if job["state"] == state}
            found = _all_pages(lambda cursor, state=state: list_jobs(
                market, renter=who, states=[state], cursor=cursor, limit=MANY), "jobs")  # fmt: skip
            require({job["jobId"] for job in found} == due, f"not all that is {state} of {who} is in that listing")

    def _check_leases(self, market: Market) -> None:
        with market.store.read() as tx:
            last = tx.blocks.last()
        leases = _all_pages(lambda cursor: list_leases(market, cursor=cursor, limit=PAGE), "leases")
        listed = [str(one["leaseId"]) for one in leases]
        _require_once(listed, "leases")
        block = self._world.chain.block(last.number) if last else None
        if last is not None and block is not None and block.hash == last.hash:
            due = self.ledger_at(last.number).entries.keys()
            require(set(listed) == due, f"the leases {sorted(set(listed) ^ due)} are listed or on chain, not both")
        for role in ("provider", "renter"):
            for party in sorted({one[role] for one in leases}):
                due = {one["leaseId"] for one in leases if one[role] == party}
                mine = list_leases(market, **{role: party}, limit=MANY)["leases"]
                found = {one["leaseId"] for one in mine}
                require(
                    found == due, f"the leases {sorted(found ^ due)} are not among those of their {role}, or too many"
                )

    def check_ids(self, market: Market) -> None:
        """What listings and pages by id say is the same."""
        for job in _all_pages(lambda cursor: list_jobs(market, cursor=cursor, limit=MANY), "jobs"):
            shown = show_job(market, job["jobId"])
            require(shown["state"] == job["state"], f"job {job['jobId']} has two states")
            for lease in shown["leases"]:
                alone = show_lease(market, lease["leaseId"])
                require(alone == lease, f"lease {lease['leaseId']} is told of in two ways")


def _fact(entry: Entry, name: str) -> object:
    return entry.facts[_FACTS.index(name)]


def _all_pages(page: Callable[[str | None], dict], name: str) -> Sequence[dict]:
    found, cursor = [], None
    while True:
        one = page(cursor)
        found += one[name]
        cursor = one["nextCursor"]
        if cursor is None:
            return found


def _require_once(ids: Sequence[str], what: str) -> None:
    require(len(ids) == len(set(ids)), f"{what} are listed twice")


def events_of(world: World) -> list[ChainEvent]:
    """All of the chain as it is now."""
    return [event for block in world.chain.blocks for event in block.events]
