"""open(…): whose signature opens a lease and whose does not: keys, agents, ERC-1271 accounts."""

import pytest

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import SkipReason
from tests.contracts.batch import open_args
from tests.contracts.world import (
    FREE,
    MOST_GAS,
    PRICE,
    USDC,
    ZERO_ADDRESS,
    events_of,
    project,
    reverts_anyhow,
    reverts_with,
)

ORDER_OF_SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PARITY = 1 << 255


def malleated(r, vs):
    """The other signature of the same key over the same message: s negated, parity flipped."""
    word = int.from_bytes(vs)
    s = ORDER_OF_SECP256K1 - (word & ~PARITY)
    return r, (s | (word & PARITY) ^ PARITY).to_bytes(32)


FORGERIES = {
    "another parity": lambda r, vs: (r, (int.from_bytes(vs) ^ PARITY).to_bytes(32)),
    "a flipped bit of r": lambda r, vs: (bytes([r[0] ^ 1]) + r[1:], vs),
    "a flipped bit of s": lambda r, vs: (r, vs[:-1] + bytes([vs[-1] ^ 1])),
    "no r": lambda r, vs: (bytes(32), vs),
    "r and s of one": lambda r, vs: ((1).to_bytes(32), (1).to_bytes(32)),
    "s of the order": lambda r, vs: (r, ORDER_OF_SECP256K1.to_bytes(32)),
}
PARTIES = {"bid": SkipReason.BID_SIGNATURE, "ask": SkipReason.ASK_SIGNATURE}


def with_signature(world, party, forge):
    """Arguments of `open` for one match in which bid or ask carries a forged signature."""
    digest, group, renters, asks, bids, signatures = open_args([world.match()], 1)
    table = bids if party == "bid" else asks
    r, vs, *rest = table[0]
    table[0] = (*forge(r, vs), *rest)
    return digest, group, renters, asks, bids, signatures


def send(world, args):
    """`open` as the market."""
    return world.escrow.open(*args, {"from": world.operator, "gas_limit": MOST_GAS})


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("party", PARTIES)
def test_a_forged_signature_opens_nothing(world, party, forgery):
    with reverts_with("NothingOpened", PARTIES[party]):
        send(world, with_signature(world, party, FORGERIES[forgery]))


@pytest.mark.parametrize("party", PARTIES)
def test_a_malleated_signature_opens_nothing(world, party):
    """EIP-2098 has no room for a high s: its top bit is the parity's, so the negated s reads as another signature."""
    with reverts_with("NothingOpened", PARTIES[party]):
        send(world, with_signature(world, party, malleated))


def test_invariant_4_the_market_cannot_sign_for_a_renter(world):
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(world.match(signers=(world.operator, world.provider)))


@pytest.mark.parametrize(
    "field, value",
    [
        ("max_price", 900_000),
        ("replicas", 2),
        ("salt", 99),
        ("job_digest", "0x" + "33" * 32),
        ("fuel", 1),
        ("egress_mb", 1),
        ("verification", 1),
        ("valid_until", 2**40 - 1),
        ("deadline", 2**40 - 1),
        ("gpus", 1),
    ],
)
def test_invariant_4_a_bid_cannot_be_altered_after_it_was_signed(world, field, value):
    bid = world.bid()
    match = world.match(bid, world.ask(gpu_hour_rate=0))
    altered = world.match(bid.model_copy(update={field: value}), match.ask, bid_signature=match.bid_signature)
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(altered)


@pytest.mark.parametrize(
    "field, value",
    [("gfuel_rate", 1), ("units", 9), ("valid_until", 2**40 - 1), ("salt", 99), ("minimum_charge", 0)],
)
def test_an_ask_cannot_be_altered_after_it_was_signed(world, field, value):
    ask = world.ask()
    match = world.match(ask=ask)
    altered = world.match(ask=ask.model_copy(update={field: value}), ask_signature=match.ask_signature)
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(altered)


def test_the_signature_of_one_bid_does_not_serve_another_of_the_same_renter(world):
    first, second = world.match(), world.match()
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(world.match(second.bid, second.ask, bid_signature=first.bid_signature))


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("elsewhere", ["another chain", "another contract"])
def test_an_order_signed_for_elsewhere_is_worthless_here(world, elsewhere, party):
    contract = world.escrow if elsewhere == "another chain" else world.stake
    domain = Domain(1 if elsewhere == "another chain" else world.domain.chain_id, contract.address)
    match = world.match()
    order = getattr(match, party)
    signer = match.bid.renter if party == "bid" else match.ask.provider
    signature = "0x" + world.sign(order, signer, domain).hex()
    with reverts_with("NothingOpened", PARTIES[party]):
        world.send_open(world.match(match.bid, match.ask, **{f"{party}_signature": signature}))


@pytest.mark.parametrize("sender", ["renter", "provider", "stranger"])
def test_orders_open_only_by_the_market_that_they_name(world, sender):
    with reverts_with("NothingOpened", SkipReason.ASK_SIGNATURE):
        world.send_open(world.match(), sender=getattr(world, sender))


@pytest.mark.parametrize("party", PARTIES)
def test_nobody_signs_in_the_name_of_the_zero_address(world, party):
    bid = world.bid(ZERO_ADDRESS) if party == "bid" else world.bid()
    ask = world.ask(ZERO_ADDRESS) if party == "ask" else world.ask()
    world.escrow.depositFor(world.stranger, 1, {"from": world.renter})
    forged = world.match(bid, ask, 0 if party == "bid" else PRICE, signers=(world.renter, world.provider))
    reason = SkipReason.QUOTE if party == "bid" else SkipReason.ASK_SIGNATURE
    with reverts_with("NothingOpened", reason):
        world.send_open(forged)


def test_a_free_job_of_the_zero_address_is_not_opened_either(world):
    nothing = {"vcpus": 0, "memory_mb": 0, "duration_seconds": 0, "fuel": 0, "egress_mb": 0, "max_price": 0}
    bid, ask = world.bid(ZERO_ADDRESS, **nothing), world.ask(minimum_charge=0)
    digest, group, renters, asks, bids, _ = open_args(
        [world.match(bid, ask, 0, signers=(world.renter, world.provider))], 1
    )
    nobodys = bytes(32), (1).to_bytes(32)  # recovers no key, for which ecrecover gives the zero address
    for r, vs in [(bytes(32), bytes(32)), ((1).to_bytes(32), (2).to_bytes(32)), nobodys]:
        with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
            send(world, (digest, group, renters, asks, [(r, vs, *bids[0][2:])], [b""]))


# --- ERC-1271 ----------------------------------------------------------------------------------------------------


@pytest.fixture
def account(world):
    """A smart account of the stranger with money in escrow and in stake."""
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    world.token.mint(account, 10 * USDC, {"from": world.deployer})
    world.escrow.depositFor(account, 10 * USDC, {"from": world.renter})
    account.execute(world.token, world.token.approve.encode_input(world.stake, 10 * USDC), {"from": world.stranger})
    account.execute(world.stake, world.stake.stake.encode_input(10 * USDC), {"from": world.stranger})
    return account


def test_an_account_contract_rents_with_its_owners_signature(world, account):
    match = world.match(world.bid(account), signers=(world.stranger, world.provider), bid_by_key=False)
    world.open_all(match)
    assert world.free(account) == 10 * USDC - PRICE


def test_an_account_contract_provides_with_its_owners_signature(world, account):
    match = world.match(ask=world.ask(account), signers=(world.renter, world.stranger), ask_by_key=False)
    world.open_all(match)
    assert world.bond(account)["locked"] == PRICE


def test_account_contracts_and_keys_share_a_batch(world, account):
    ask = world.ask(account, units=9)
    matches = [
        world.match(
            world.bid(account), ask, signers=(world.stranger, world.stranger), bid_by_key=by_key, ask_by_key=False
        )
        for by_key in (False, True, False)
    ]
    matches.insert(1, world.match())
    tx = world.send_open(*matches)
    assert [(e["index"], e["reason"]) for e in events_of(tx, "MatchSkipped")] == [(2, SkipReason.BID_SIGNATURE)]


def test_an_agent_may_be_an_account_contract(world, account):
    world.escrow.setAgent(account, True, {"from": world.provider})
    ask = world.ask(agent=account.address)
    world.open_all(world.match(ask=ask, signers=(world.renter, world.stranger), ask_by_key=False))


def test_an_account_contract_refuses_the_signature_of_another(world, account):
    match = world.match(world.bid(account), signers=(world.renter, world.provider), bid_by_key=False)
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(match)


def test_a_key_is_not_asked_as_an_account_contract(world):
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(world.match(bid_by_key=False))


def test_a_contract_that_knows_no_erc_1271_cannot_be_a_renter(world):
    world.escrow.depositFor(world.token, USDC, {"from": world.renter})
    match = world.match(world.bid(world.token), signers=(world.stranger, world.provider), bid_by_key=False)
    with reverts_with("NothingOpened", SkipReason.BID_SIGNATURE):
        world.send_open(match)


def test_a_signature_that_is_not_in_the_list_reverts(world):
    digest, group, renters, asks, bids, _ = open_args([world.match(bid_by_key=False)], 1)
    with reverts_anyhow():
        send(world, (digest, group, renters, asks, bids, []))


REFUSED = ["BurningGas", "RevertingWithAFlood", "AnsweringShort", "AnsweringWithMore"]
WAYS = ["BurningGas", "AnsweringWithAFlood", *REFUSED[1:]]


def misbehaving(world, way):
    """A match in the name of an account that answers in this way, with money in escrow."""
    account = world.stranger.deploy(project().SignerMisbehaving, WAYS.index(way))
    world.escrow.depositFor(account, 10 * USDC, {"from": world.renter})
    return world.match(world.bid(account), signers=(world.stranger, world.provider), bid_by_key=False)


@pytest.mark.parametrize("way", REFUSED)
def test_an_account_that_misbehaves_harms_only_itself(world, way):
    bad = misbehaving(world, way)
    tx = world.send_open(world.match(), bad, world.match())
    assert [(e["index"], e["reason"]) for e in events_of(tx, "MatchSkipped")] == [(1, SkipReason.BID_SIGNATURE)]
    assert world.free(bad.bid.renter) == 10 * USDC
    assert world.renter_account()["free"] == FREE - 2 * PRICE


def test_an_answer_may_cost_200_000_gas_and_no_more(world):
    bad = misbehaving(world, "BurningGas")
    alone = world.send_open(world.match()).gas_used
    assert 200_000 < world.send_open(world.match(), bad).gas_used - alone < 230_000


def test_only_32_bytes_of_a_long_answer_are_looked_at(world):
    tx = world.send_open(misbehaving(world, "AnsweringWithAFlood"))
    assert tx.gas_used < 300_000
    assert "MatchSkipped" not in tx.events


def test_only_its_owner_moves_a_smart_account(world, account):
    with reverts_with("NotAccountOwner", world.renter):
        account.execute(world.escrow, b"", {"from": world.renter})
    with reverts_with("InsufficientBalance", account, 10 * USDC, FREE):
        account.execute(world.escrow, world.escrow.withdraw.encode_input(FREE), {"from": world.stranger})
