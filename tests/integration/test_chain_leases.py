"""Leases on a real chain through the adapter: opened in groups, ended in every way there is, and told by events."""

from dataclasses import replace

import pytest

from marketplace.adapters.chain import ChainSender
from marketplace.domain.chain import (
    AgentSet,
    CloseReason,
    LeaseClaimed,
    LeaseClosed,
    LeaseDisputed,
    LeaseOpened,
    LeasesSettled,
    MatchSkipped,
    OrdersCancelled,
    SettledLease,
    Slashed,
    Withdrawn,
)
from marketplace.errors import Reverted
from marketplace.protocol.enums import CancelKind, ClaimState, Outcome, SkipReason
from marketplace.protocol.messages import Cancel, Receipt
from marketplace.protocol.packing import ClaimedLease
from tests.integration.matches import (
    PRICE,
    RESULT,
    ROUND,
    attested,
    events_of,
    group_of,
    make_ask,
    make_bid,
    match_of,
    matched,
    open_leases,
    send,
    signed,
    verdict,
)


def test_lease_lives_from_open_to_paid_and_its_events_tell_it(chain):
    match, reader = match_of(chain, salt=1), chain.reader()
    (opened,) = open_leases(chain, match)
    bid, ask = match.bid, match.ask
    assert (opened.bid_hash, opened.round_digest, opened.market) == (bid.struct_hash(), ROUND, bid.market)
    assert (opened.renter, opened.provider, opened.price) == (bid.renter, ask.provider, PRICE)
    assert (opened.deadline, opened.salt, opened.fee_bps, opened.place) == (bid.deadline, 1, 500, 0)
    group = group_of(chain, opened)
    assert group.lease_ids() == [opened.lease_id] and reader.is_open(group, 0) and not reader.is_open(group, 1)
    provider = reader.provider_account(ask.provider)
    assert (provider.covered, provider.open_leases, reader.stake(ask.provider).locked) == (PRICE, 1, PRICE)
    assert reader.is_void(bid.renter, 1) and reader.renter_account(bid.renter).is_void(1)
    assert not reader.is_void(bid.renter, 2) and reader.renter_account(bid.renter).next_salt == 2

    verdicts, before = [verdict(opened.lease_id)], reader.balance(ask.provider).free
    committee, signatures = reader.committee(), signed(chain, verdicts)
    result = send(
        chain, lambda sender: sender.prepare_settle(bid.market, [(group, (0,))], verdicts, committee, signatures)
    )
    (settled,) = events_of(chain, result)
    assert isinstance(settled, LeasesSettled)
    assert (settled.market, settled.epoch, settled.signers.bit_count()) == (bid.market, 1, 2)
    assert settled.settled == (SettledLease(group.number, 0, Outcome.PAID, 100_000, RESULT),)
    assert reader.balance(ask.provider).free == before + 95_000
    assert (reader.reputation(ask.provider).settled, reader.reputation(ask.provider).volume) == (1, 95_000)
    assert not reader.is_open(group, 0)
    assert reader.fees_by_epoch() == {0: 0, 1: 4_000}
    assert sorted(reader.oracle_credits().values()) == [0, 500, 500]
    (withdrawn,) = events_of(chain, chain.account("provider").withdraw(95_000))
    assert isinstance(withdrawn, Withdrawn) and (withdrawn.from_free, withdrawn.from_earned) == (
        before,
        95_000 - before,
    )
    chain.account("stranger").withdraw_fees()
    credited = [result for name in ("oracle1", "oracle2") for result in chain.account(name).credit_oracle_fees()]
    assert len(credited) == 2 and reader.fees() == 0 and not any(reader.oracle_credits().values())
    assert reader.balance(chain.address("oracle1")).free == 500


def test_many_matches_stand_in_groups_and_are_settled_together(chain):
    ask = make_ask(chain)
    matches = [matched(chain, make_bid(chain, salt), ask, 200_000 + salt) for salt in range(10, 43)]
    opened, reader = open_leases(chain, *matches), chain.reader()
    assert [one.price for one in opened] == [match.price for match in matches], "in the order given"
    assert [one.place for one in opened] == [*range(32), 0] and opened[32].group == opened[0].group + 1
    groups = [group_of(chain, opened[0]), group_of(chain, opened[32])]
    more = open_leases(chain, match_of(chain, salt=50))
    assert more[0].group == opened[32].group + 1, "the lowest number that is free"

    ends = {0: (1, 200_000), 5: (2, 0), 31: (3, 0), 32: (1, 1)}
    verdicts = [verdict(opened[index].lease_id, *end) for index, end in ends.items()]
    chosen = [(groups[0], (0, 5, 31)), (groups[1], (0,))]
    committee, signatures = reader.committee(), signed(chain, verdicts, ("oracle3", "oracle1", "oracle2"))
    result = send(chain, lambda sender: sender.prepare_settle(ask.market, chosen, verdicts, committee, signatures))
    (slashed,), (settled,) = events_of(chain, result, Slashed), events_of(chain, result, LeasesSettled)
    assert (slashed.lease_id, slashed.amount) == (opened[31].lease_id, opened[31].price)
    assert [(one.group, one.place, int(one.outcome), one.pay) for one in settled.settled] == [
        (opened[index].group, opened[index].place, *end) for index, end in ends.items()
    ]
    assert settled.signers == 0b111
    assert [place for place in range(32) if not reader.is_open(groups[0], place)] == [0, 5, 31]

    (again,) = open_leases(chain, match_of(chain, salt=51))
    assert again.group == groups[1].number, "a group whose leases are all closed is used again"
    assert not reader.is_open(groups[1], 0), "the lease of before is not the one that is open now"
    assert reader.find_group(opened[32].lease_id) == (groups[1], 0)

    verdicts = [verdict(opened[5].lease_id), verdict(opened[6].lease_id), verdict(opened[7].lease_id, 1, 10**9)]
    signatures = signed(chain, verdicts)
    result = send(
        chain,
        lambda sender: sender.prepare_settle(ask.market, [(groups[0], (5, 6, 7))], verdicts, committee, signatures),
    )
    (settled,) = events_of(chain, result, LeasesSettled)
    assert [one.place for one in settled.settled] == [6], "one was closed before, one was more than the lock"


def test_match_that_cannot_be_opened_is_skipped_by_its_index(chain):
    ask = make_ask(chain)
    good = matched(chain, make_bid(chain, 60), ask)
    forged = matched(chain, make_bid(chain, 61), ask, renter="stranger")
    used = matched(chain, make_bid(chain, 1), ask)
    dear = matched(chain, make_bid(chain, 62), ask, 500_001)
    two = make_bid(chain, 63, replicas=2)
    replicas = [matched(chain, two, ask), matched(chain, two, ask)]
    result = send(chain, lambda sender: sender.prepare_open([forged, good, used, dear, *replicas], ROUND))
    assert [(one.index, one.reason) for one in events_of(chain, result, MatchSkipped)] == [
        (0, SkipReason.BID_SIGNATURE), (2, SkipReason.SALT_USED), (3, SkipReason.QUOTE), (5, SkipReason.REPLICAS),
    ]  # fmt: skip
    assert [one.salt for one in events_of(chain, result, LeaseOpened)] == [60, 63]


def test_refused_call_raises_the_contracts_own_error_before_anything_is_sent(chain):
    sender, dear = ChainSender(chain.contracts(), chain.keys["market"].key), match_of(chain, 70, price=500_001)
    with pytest.raises(Reverted) as caught:
        sender.prepare_open([dear], ROUND)
    assert (caught.value.name, caught.value.args_) == ("NothingOpened", {"first": SkipReason.QUOTE})
    with pytest.raises(Reverted) as caught:
        chain.reader().simulate_open([match_of(chain, 70)], ROUND, chain.address("stranger"))
    assert caught.value.args_ == {"first": SkipReason.ASK_SIGNATURE}, "an order names its market"


def test_agent_prices_for_its_provider_once_that_has_delegated(chain):
    reader, ask = chain.reader(), make_ask(chain)
    by_agent = matched(chain, make_bid(chain, 71), ask, provider="stranger")
    with pytest.raises(Reverted):
        reader.simulate_open([by_agent], ROUND, ask.market)
    chain.account("provider").set_agent(ask.agent, True)
    assert reader.is_agent(ask.provider, ask.agent) and not reader.is_agent(ask.agent, ask.provider)
    reader.simulate_open([by_agent], ROUND, ask.market)
    chain.account("provider").set_agent(ask.agent, False)


def test_whether_an_agent_was_delegated_is_told_for_every_moment_of_the_past(chain, monkeypatch):
    reader, account = chain.reader(), chain.account("provider")
    provider, agent = chain.address("provider"), chain.address("treasury")
    first = reader.head().number + 1
    steps = [True, True, False, False, True, False]
    for allowed in steps:
        account.set_agent(agent, allowed)
        account.set_agent(chain.address("oracle1"), not allowed)
    told = [
        one for one in reader.events(first, reader.head().number) if isinstance(one, AgentSet) and one.agent == agent
    ]
    assert [one.allowed for one in told] == steps
    for blocks in (2_000, 3):
        monkeypatch.setattr("marketplace.adapters.chain.reader.LOG_RANGE", blocks)
        after = [
            reader.was_agent(provider, agent, replace(one.origin, log_index=one.origin.log_index + 1)) for one in told
        ]
        before = [reader.was_agent(provider, agent, one.origin) for one in told]
        assert (before, after) == ([False, *steps[:-1]], steps)


def test_call_that_takes_too_much_gas_is_refused_like_any_other_and_not_a_chain_that_is_away(chain, monkeypatch):
    sender, match = ChainSender(chain.contracts(), chain.keys["market"].key), match_of(chain, 72)
    monkeypatch.setattr("marketplace.adapters.chain.sender.OPEN_GAS", 50_000)
    with pytest.raises(Reverted) as caught:
        sender.prepare_open([match], ROUND)
    assert caught.value.name == "TooMuchGas"
    monkeypatch.setattr("marketplace.adapters.chain.reader.OPEN_GAS", 50_000)
    with pytest.raises(Reverted):
        chain.reader().simulate_open([match], ROUND, chain.address("market"))


def test_transaction_whose_fee_no_longer_does_goes_out_again_for_more_with_the_same_nonce(chain, monkeypatch):
    sender, match = ChainSender(chain.contracts(), chain.keys["market"].key), match_of(chain, 73)
    with monkeypatch.context() as patch:
        patch.setattr(sender, "_fees", lambda base: {"maxPriorityFeePerGas": 1, "maxFeePerGas": 2})
        cheap = sender.prepare_open([match], ROUND)
    dear = sender.reprice(cheap)
    assert dear is not None and dear.nonce == cheap.nonce and dear.tx_hash != cheap.tx_hash
    assert sender.reprice(dear) is None
    (opened,) = events_of(chain, send(chain, lambda _: dear), LeaseOpened)
    assert opened.bid_hash == match.bid.struct_hash(), "it is the same call"


def test_receipt_settles_at_once_and_below_the_lock_its_provider_must_send_it(chain):
    (opened,) = open_leases(chain, match_of(chain, 80))
    receipt = Receipt(lease_id=opened.lease_id, pay=PRICE - 1, result_digest=RESULT)
    signature, group = receipt.sign(chain.book.domain, chain.keys["renter"].key), group_of(chain, opened)
    with pytest.raises(Reverted, match="ReceiptNeedsProvider"):
        chain.account("market").accept(group, opened.place, receipt, signature)
    (closed,) = events_of(chain, chain.account("provider").accept(group, opened.place, receipt, signature))
    assert isinstance(closed, LeaseClosed)
    assert (closed.lease_id, closed.paid + closed.fee, closed.refund) == (opened.lease_id, PRICE - 1, 1)
    assert closed.reason is CloseReason.RECEIPT


def claim(chain, salt: int) -> tuple[LeaseClaimed, ClaimedLease]:
    (opened,) = open_leases(chain, match_of(chain, salt))
    evidence, signature = attested(chain, opened.lease_id)
    result = chain.account("provider").claim(
        group_of(chain, opened), opened.place, 150_000, evidence, opened.provider, signature
    )
    (claimed,) = events_of(chain, result)
    assert isinstance(claimed, LeaseClaimed) and claimed.lease_id == opened.lease_id
    lease = ClaimedLease(claimed.lease_id, claimed.first, claimed.second)
    assert (lease.terms.renter, lease.terms.provider, lease.terms.price) == (opened.renter, opened.provider, PRICE)
    return claimed, lease


def test_claim_is_paid_once_its_window_is_over(chain):
    claimed, lease = claim(chain, 81)
    view = chain.reader().claim(lease.lease_id)
    assert (view.state, view.pay, view.until, view.bond) == (ClaimState.CLAIMED, 150_000, claimed.until, 0)
    with pytest.raises(Reverted, match="WindowNotOver"):
        chain.account("stranger").release(lease)
    (closed,) = events_of(chain, chain.account("renter").release(lease))
    assert (closed.reason, closed.paid, closed.refund) == (CloseReason.CLAIM_RELEASED, 142_500, PRICE - 150_000)
    assert chain.reader().claim(lease.lease_id).state is ClaimState.CLOSED


def test_disputed_claim_ends_by_verdict_or_by_time(chain):
    leases = [claim(chain, salt)[1] for salt in (82, 83)]
    reader = chain.reader()
    disputes = [events_of(chain, chain.account("renter").dispute(lease)) for lease in leases]
    assert all(isinstance(one, LeaseDisputed) and one.bond == 15_000 for (one,) in disputes)
    view = reader.claim(leases[0].lease_id)
    assert (view.state, view.bond, view.until) == (ClaimState.DISPUTED, 15_000, disputes[0][0].until)
    verdicts, committee = [verdict(leases[0].lease_id, 1, 150_000)], reader.committee()
    signatures = signed(chain, verdicts)
    result = send(chain, lambda sender: sender.prepare_settle_claims(leases[:1], verdicts, committee, signatures))
    returned, closed, settled = events_of(chain, result)
    assert (returned.lease_id, returned.to, returned.bond) == (leases[0].lease_id, leases[0].terms.provider, 15_000)
    assert (closed.reason, closed.outcome, closed.paid) == (CloseReason.VERDICT, Outcome.PAID, 142_500)
    assert (settled.epoch, settled.signers.bit_count(), settled.fees) == (committee.epoch, len(signatures), 7_500)
    chain.devnet.advance_time(disputes[1][0].until - reader.head().timestamp + 1)
    returned, closed = events_of(chain, chain.account("stranger").expire_dispute(leases[1]))
    assert (returned.to, returned.bond) == (leases[1].terms.renter, 15_000)
    assert (closed.reason, closed.outcome, closed.refund) == (CloseReason.DISPUTE_EXPIRED, Outcome.NONE, PRICE)


def test_refund_waits_for_the_deadline_and_anyone_may_send_it(chain):
    (opened,) = open_leases(chain, match_of(chain, 90))
    chosen = [(group_of(chain, opened), (opened.place,))]
    with pytest.raises(Reverted, match="DeadlineNotPassed"):
        chain.account("stranger").refund(chosen)
    chain.devnet.advance_time(6_000)
    (closed,) = events_of(chain, chain.account("stranger").refund(chosen))
    assert (closed.reason, closed.refund, closed.paid) == (CloseReason.DEADLINE, PRICE, 0)
    assert chain.reader().reputation(opened.provider).expired == 1


def test_orders_are_void_as_they_were_cancelled(chain):
    reader, renter = chain.reader(), chain.address("renter")
    cancel = Cancel(signer=renter, kind=CancelKind.BIDS_BEFORE, salt=1_000)
    signature = cancel.sign(chain.book.domain, chain.keys["renter"].key)
    result = send(chain, lambda sender: sender.prepare_cancel_for(cancel, signature))
    (told,) = events_of(chain, result)
    assert told == OrdersCancelled(told.origin, renter, CancelKind.BIDS_BEFORE, 1_000)
    assert reader.is_void(renter, 999) and not reader.is_void(renter, 1_000)
    chain.account("renter").cancel(CancelKind.BID, 1_000)
    assert reader.is_void(renter, 1_000) and reader.renter_account(renter).next_salt == 1_001
    chain.account("provider").cancel(CancelKind.ASKS_BEFORE, 2**31)
    assert reader.provider_account(chain.address("provider")).ask_salt == 2**31
