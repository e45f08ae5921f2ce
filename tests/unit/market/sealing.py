"""What tests of sealed verdicts have in common: time that passes, and all that the market shows."""

from marketplace.protocol.messages import Receipt
from marketplace.services.record_evidence import record_receipt
from marketplace.services.seal_verdicts import advance_judgements, reveals_of
from marketplace.services.settle_batch import batches_of
from marketplace.services.show_job import show_events
from marketplace.services.show_lease import show_lease
from marketplace.services.show_oracles import list_reveals, show_seals
from tests.fakes.world import DOMAIN, ORACLES, RENTER

FIRST, SECOND, THIRD = ORACLES
FRAUD = {"outcome": 3, "pay": 0}


def wait(world, seconds: int) -> None:
    world.chain.mine(seconds=seconds)
    advance_judgements(world.market)


def asked(world, oracle) -> list[str]:
    return [judgement.lease_id for judgement, _ in reveals_of(world.market, oracle.address)]


def kinds(world, lease_id: str) -> dict[str, str]:
    return {one["oracle"]: one["kind"] for one in show_seals(world.market, lease_id)["faults"]}


def everything_shown(world, lease_id: str) -> str:
    """All that the market tells anybody about a lease, as text."""
    market, job = world.market, show_lease(world.market, lease_id)["jobId"]
    of_oracles = [(list_reveals(market, one.address), batches_of(market, one.address)) for one in ORACLES]
    return str([show_lease(market, lease_id), show_seals(market, lease_id), show_events(market, job), of_oracles])


def job_events(world, lease_id: str) -> list[dict]:
    return show_events(world.market, show_lease(world.market, lease_id)["jobId"])["events"]


def close_by_receipt(world, lease_id: str) -> None:
    shown = show_lease(world.market, lease_id)
    receipt = Receipt(lease_id=lease_id, pay=int(shown["price"]), result_digest=shown["resultDigest"])
    record_receipt(world.market, lease_id, receipt, receipt.sign(DOMAIN, RENTER.key))
    world.drain()
