"""Orders, matches and transactions of the market on a real chain."""

from marketplace.adapters.chain import ChainSender
from marketplace.domain.chain import LeaseOpened
from marketplace.ports import Match, TxResult
from marketplace.protocol.messages import Ask, Attestation, Bid, Verdict, VerdictBatch
from marketplace.protocol.packing import LeaseGroup
from tests.integration.conftest import TestChain

ROUND = "0x" + "77" * 32
RESULT = "0x" + "99" * 32
PRICE = 300_000


def make_bid(chain: TestChain, salt: int, **changes) -> Bid:
    """A bid for a vCPU-hour."""
    now = chain.reader().head().timestamp
    fields = {
        "renter": chain.address("renter"), "market": chain.address("market"), "job_digest": "0x" + "ab" * 32, "gpus": 0,
        "vcpus": 1, "memory_mb": 100, "duration_seconds": 3600, "fuel": 0, "egress_mb": 0, "max_price": 500_000,
        "replicas": 1, "verification": 0, "settlement": 0, "deadline": now + 5_000, "valid_until": now + 1_000,
        "salt": salt,
    }  # fmt: skip
    return Bid(**fields | changes)


def make_ask(chain: TestChain, **changes) -> Ask:
    """An ask of 0.20 USDC a vCPU-hour."""
    now = chain.reader().head().timestamp
    fields = {
        "provider": chain.address("provider"), "market": chain.address("market"), "agent": chain.address("stranger"),
        "profile_digest": "0x" + "cd" * 32, "gpu_hour_rate": 0, "vcpu_hour_rate": 200_000, "gb_hour_rate": 0,
        "gfuel_rate": 0, "egress_gb_rate": 0, "minimum_charge": 0, "units": 100, "valid_until": now + 1_000,
        "salt": now,
    }  # fmt: skip
    return Ask(**fields | changes)


def matched(
    chain: TestChain, bid: Bid, ask: Ask, price: int = PRICE, *, renter: str = "renter", provider: str = "provider"
) -> Match:
    """Both orders, signed by these keys."""
    domain = chain.book.domain
    return Match(bid, bid.sign(domain, chain.keys[renter].key), ask, ask.sign(domain, chain.keys[provider].key), price)


def match_of(chain: TestChain, salt: int, price: int = PRICE, **changes) -> Match:
    """A match of a bid with this salt."""
    return matched(chain, make_bid(chain, salt, **changes), make_ask(chain), price)


def send(chain: TestChain, sent_of) -> TxResult:
    """Prepare by the market's sender, send, and look at the result."""
    sender = ChainSender(chain.contracts(), chain.keys["market"].key)
    sent = sent_of(sender)
    sender.broadcast(sent)
    sender.broadcast(sent)  # sending it again is not an error
    result = sender.result(sent.tx_hash)
    assert result is not None and result.succeeded
    assert sender.is_nonce_used(sent.nonce)
    return result


def events_of(chain: TestChain, result: TxResult, *kinds: type) -> list:
    """The events of a transaction's block, of these kinds or all."""
    found = chain.reader().events(result.block_number, result.block_number)
    return [event for event in found if not kinds or isinstance(event, kinds)]


def open_leases(chain: TestChain, *matches: Match) -> list[LeaseOpened]:
    """Open these, and return what the chain tells of it."""
    return events_of(chain, send(chain, lambda sender: sender.prepare_open(matches, ROUND)), LeaseOpened)


def group_of(chain: TestChain, opened: LeaseOpened) -> LeaseGroup:
    """The group that a lease is in."""
    group, place = chain.reader().find_group(opened.lease_id)
    assert (group.number, place) == (opened.group, opened.place)
    return group


def verdict(lease_id: str, outcome: int = 1, pay: int = 100_000) -> Verdict:
    """What the oracles find."""
    return Verdict(lease_id=lease_id, outcome=outcome, pay=pay, result_digest=RESULT)


def signed(chain: TestChain, verdicts: list[Verdict], names=("oracle1", "oracle2")) -> dict[str, str]:
    """Signatures over the batch, by oracle."""
    batch = VerdictBatch.of(verdicts)
    return {chain.address(name): batch.sign(chain.book.domain, chain.keys[name].key) for name in names}


def attested(chain: TestChain, lease_id: str) -> tuple[Attestation, str]:
    """The provider's own evidence, signed."""
    evidence = Attestation(
        lease_id=lease_id, job_digest="0x" + "ab" * 32, result_digest=RESULT, fuel=1, wall_seconds=1, egress_bytes=1,
        exit_kind=0, exit_code=-1, sandbox_digest="0x" + "5a" * 32, started_at=1, finished_at=2,
    )  # fmt: skip
    return evidence, evidence.sign(chain.book.domain, chain.keys["provider"].key)
