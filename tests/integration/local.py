"""A whole market for integration tests, and what is asked of it again and again."""

from pathlib import Path

from marketplace.adapters.chain import ChainReader
from marketplace.cli.localmarket import LocalMarket, MarketPlan, ProviderPlan, RenterPlan
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.client.waiting import wait_for_job
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.jobspec import Requirements
from marketplace.protocol.metering import Rates, Resources

USDC = 1_000_000
RATES = Rates(gpu_hour=0, vcpu_hour=36_000, gb_hour=4_000, gfuel=1_000, egress_gb=40_000, minimum=500)
RESOURCES = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=60, fuel=30_000_000_000, egress_mb=2)
ORACLES = ("oracle-a", "oracle-b", "oracle-c")
RENTER, PROVIDER, MARKET = "renter", "provider", "market"


def plan(**changes) -> MarketPlan:
    """One provider, three oracles (two must agree), one renter with 50 USDC of 100 in the escrow."""
    values = {
        "providers": [ProviderPlan(PROVIDER, "eu", 2, 50 * USDC, RATES)],
        "oracles": ORACLES,
        "threshold": 2,
        "renters": [RenterPlan(RENTER, 100 * USDC, 50 * USDC)],
        "round_seconds": 0.5,
    } | changes
    return MarketPlan(**values)


def plan_with_one_oracle(**changes) -> MarketPlan:
    """For tests of what does not depend on how many agree: each further oracle loads and runs every job again."""
    return plan(**{"oracles": ORACLES[:1], "threshold": 1} | changes)


def submit(
    market: LocalMarket,
    folder: Path,
    source: str,
    *,
    name="job.py",
    resources=RESOURCES,
    requirements: Requirements | None = None,
    **bid_options,
) -> str:
    """Sign and submit a script; the job's id."""
    program = folder / name
    program.write_text(source)
    with market.client() as client:
        config = client.config()
        job = prepare_job(program, (), runtimes=runtimes_of(config), requirements=requirements)
        upload_job(client, job)
        options = {"max_price": USDC, "salt": client.next_salt(market.addresses[RENTER])} | bid_options
        bid = build_bid(job, renter=market.addresses[RENTER], market=config["market"], resources=resources, **options)
        return client.submit_job(bid, bid.sign(client.domain(), market.keys[RENTER]), job.spec)["jobId"]


def finish(market: LocalMarket, job_id: str, timeout: float = 60) -> dict:
    """The job at its end."""
    with market.client() as client:
        return wait_for_job(client, job_id, timeout=timeout)


def is_open(reader: ChainReader, lease_id: str) -> bool:
    """Whether the escrow has this lease open."""
    found = reader.find_group(lease_id)
    return found is not None and reader.is_open(*found)


def assert_every_micro_usdc_is_accounted_for(market: LocalMarket) -> None:
    """Invariant 1, by the contracts' own views: all that the escrow holds is somebody's; stakes likewise."""
    reader, book = market.reader(), market.book
    opened = [
        event for event in reader.events(book.deployed_at_block, reader.head().number) if isinstance(event, LeaseOpened)
    ]
    locked = sum(event.price for event in opened if is_open(reader, event.lease_id))
    for claim, price in ((reader.claim(event.lease_id), event.price) for event in opened):
        locked += price + claim.bond if claim.state in (ClaimState.CLAIMED, ClaimState.DISPUTED) else 0
    free = sum(reader.balance(address).free for address in market.addresses.values())
    fees = reader.fees() + sum(reader.oracle_credits().values())
    assert reader.token_balance(book.contracts["Escrow"]) == free + locked + fees
    stakes = [reader.stake(address) for address in market.addresses.values()]
    assert reader.token_balance(book.contracts["ProviderStake"]) == sum(one.active + one.unbonding for one in stakes)
    assert all(one.active >= one.locked for one in stakes)
    bonds = sum(market.oracle_bond(name) for name in market.addresses)
    assert reader.token_balance(book.contracts["OracleCommittee"]) == bonds > 0
