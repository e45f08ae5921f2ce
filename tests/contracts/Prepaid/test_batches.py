"""Long batches: as many jobs as a block takes, none blocked by what is bad among them."""

from eth_account import Account
from eth_utils import keccak

from marketplace.protocol.prepaid import WorkRefusal, pack_sum
from tests.contracts.Prepaid.paid import DATA, PAY, PAY_FEE
from tests.contracts.world import MOST_GAS, UINT256_MAX, USDC, event_of, events_of

LONG = 1_000


def keys(role, count):
    """The same accounts in every run."""
    return [Account.from_key(keccak(text=f"{role} {number}")) for number in range(count)]


def test_a_thousand_jobs_in_one_transaction(paid, world):
    asks = [world.ask(provider) for provider in world.providers]
    jobs = [
        paid.job(
            paid.bid(world.renters[place % 3], settlement=0 if place % 100 == 7 else 1),
            asks[place * 3 // LONG],
            pay=place,
        )
        for place in range(LONG)
    ]
    tx = paid.settle(*jobs)
    bad = [place for place in range(LONG) if place % 100 == 7]
    assert [(event["index"], event["reason"]) for event in events_of(tx, "WorkSkipped")] == [
        (place, int(WorkRefusal.SETTLEMENT)) for place in bad
    ]
    assert sum(paid.provider(each)["settled"] for each in world.providers) == LONG - len(bad)
    assert paid.is_sound()


def test_a_thousand_jobs_of_a_thousand_accounts_are_netted_in_one_transaction(paid, world):
    paid.allow(paid.allowance(cap=UINT256_MAX >> 192))
    providers = [key.address for key in keys("provider", LONG)]
    batch = paid.netted(*(paid.netted_job(provider=provider, pay=1_000) for provider in providers))
    quorum = paid.signed(batch)
    tx = paid.contract.settleNetted(batch.as_tuple(), *quorum, {"from": world.stranger, "gas_limit": MOST_GAS})
    assert len(event_of(tx, "NettedSettled")["credits"]) == LONG
    assert paid.provider(providers[-1])["balance"] == 950
    assert paid.balance() == 10 * USDC - LONG * 1_000


def test_a_thousand_jobs_of_few_accounts_are_three_words(paid, world):
    paid.allow()
    jobs = [paid.netted_job(provider=world.providers[place % 2], pay=PAY // LONG) for place in range(LONG)]
    batch = paid.netted(*jobs)
    assert batch.debits == (pack_sum(world.renter.address, PAY, LONG),)
    fee = PAY // LONG // 20 * LONG // 2
    assert [credit >> 160 for credit in batch.credits] == [PAY // 2 - fee | LONG // 2 << 64] * 2
    paid.settle_netted(batch)
    assert sum(paid.provider(each)["balance"] for each in world.providers) == PAY - PAY_FEE
    assert batch.data_digest == DATA and paid.is_sound()
