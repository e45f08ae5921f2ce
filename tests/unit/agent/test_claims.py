"""How a provider gets its pay where nobody sends it: receipts for less than the lock, claims, releases."""

from dataclasses import replace

import pytest

from agent.claims import MARKET_FIRST_SECONDS
from marketplace.client.groups import group_json
from marketplace.domain.chain import LeaseClaimed
from marketplace.errors import Reverted
from marketplace.protocol.enums import ClaimState, ExitKind
from marketplace.protocol.messages import Receipt
from marketplace.protocol.packing import ClaimedLease
from tests.unit.agent.played_market import AGENT
from tests.unit.agent.played_provider import attested, make_provider
from tests.unit.agent.test_work import ended
from tests.unit.clearing.market import NOW


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize(("pay", "sent"), [(0, False), (149_999, True)])
def test_receipt_is_sent_only_if_it_pays_what_was_attested(market, terms, tmp_path, pay, sent, shown):
    provider, event = attested(market, terms, tmp_path)
    receipt = Receipt(lease_id=event.lease_id, pay=pay, result_digest=ended().result_digest)
    market.receipt = {"receipt": receipt.to_json(), "signature": "0x"}
    market.group = group_json(provider.chain.group, 0) if shown else None
    provider.send_receipts()
    assert (provider.chain.accepted == [(provider.chain.group, 0, receipt)]) is sent


# --- claims ---


def shortly_before(terms) -> int:
    return terms.bid.deadline - 300


def test_what_is_still_not_settled_shortly_before_the_deadline_is_claimed_once(market, terms, tmp_path):
    provider, event = attested(market, terms, tmp_path)
    provider.claim_unsettled()
    assert provider.chain.claimed == [], "the oracles have time left"
    market.away = True
    for _ in range(2):
        provider = make_provider(market, tmp_path, chain=provider.chain, now=shortly_before(terms))
        provider.claim_unsettled()
        provider.claim_unsettled()
    ((group, place, pay, attestation, agent),) = provider.chain.claimed
    assert (group, place, agent) == (provider.chain.group, 0, AGENT.address)
    assert 0 < pay < event.price and attestation.fuel == 10**9


@pytest.mark.parametrize(
    "change",
    [
        {"now": lambda at: at - 1},
        {"now": lambda at: at + 300},
        {"margin": 0},
        {"gas": 0},
        {"open_places": ()},
        {"claim_state": ClaimState.CLAIMED},
        {"kind": ExitKind.TRAP},
    ],
    ids=str,
)
def test_nothing_is_claimed_that_is_not_due(market, terms, tmp_path, change):
    first, _ = attested(market, terms, tmp_path, **{key: change[key] for key in change.keys() & {"kind"}})
    for name in change.keys() & {"gas", "open_places", "claim_state"}:
        setattr(first.chain, name, change[name])
    now = change.get("now", lambda at: at)(shortly_before(terms))
    margin = change.get("margin", 300)
    make_provider(market, tmp_path, chain=first.chain, now=now, margin=margin).claim_unsettled()
    assert first.chain.claimed == []


def test_claim_without_gas_goes_out_once_there_is_some(market, terms, tmp_path):
    first, _ = attested(market, terms, tmp_path)
    provider = make_provider(market, tmp_path, chain=first.chain, now=shortly_before(terms))
    provider.chain.gas = 0
    provider.claim_unsettled()
    provider.chain.gas = 1
    provider.claim_unsettled()
    assert len(provider.chain.claimed) == 1


def test_claim_that_the_chain_refuses_is_not_tried_for_ever(market, terms, tmp_path):
    first, _ = attested(market, terms, tmp_path)
    provider = make_provider(market, tmp_path, chain=first.chain, now=shortly_before(terms))
    provider.chain.refusal = Reverted("DeadlinePassed")
    provider.claim_unsettled()
    provider.chain.refusal = None
    provider.claim_unsettled()
    assert provider.chain.claimed == []


def test_a_claim_that_a_reorganisation_lost_is_sent_again(market, terms, tmp_path):
    first, event = attested(market, terms, tmp_path)
    provider = make_provider(market, tmp_path, chain=first.chain, now=shortly_before(terms))
    provider.claim_unsettled()
    claim = LeaseClaimed(event.origin, event.lease_id, event.renter, event.provider, 5, "0xd", NOW, 1, 2)
    provider._journal.record_blocks(2, "0x2", [], [], [claim])
    asked = provider.chain.asked
    provider.claim_unsettled()
    assert (len(provider.chain.claimed), provider.chain.asked) == (1, asked), "what the chain told of is not asked for"
    provider._journal.forget_chain()
    provider._journal.record_blocks(3, "0x3", [event], [])
    provider.claim_unsettled()
    assert len(provider.chain.claimed) == 1, "the chain still has it"
    provider.chain.claim_states.clear()
    provider.claim_unsettled()
    assert len(provider.chain.claimed) == 2


def test_a_claim_that_was_refused_is_tried_again_once_its_lease_has_opened_anew(market, terms, tmp_path):
    first, event = attested(market, terms, tmp_path)
    provider = make_provider(market, tmp_path, chain=first.chain, now=shortly_before(terms))
    provider.chain.refusal = Reverted("WrongGroup")
    provider.claim_unsettled()
    provider.chain.refusal = None
    provider._journal.forget_chain()
    provider._journal.record_blocks(3, "0x3", [event], [])
    provider._journal.record_blocks(1, "0x1", [event], [])
    provider.claim_unsettled()
    assert provider.chain.claimed == [], "it has opened where it had"
    elsewhere = replace(event, origin=replace(event.origin, block_hash="0x" + "0b" * 32))
    provider._journal.record_blocks(1, "0x1", [elsewhere], [])
    provider.claim_unsettled()
    assert len(provider.chain.claimed) == 1


def test_a_node_that_lags_behind_does_not_make_a_claim_a_refused_one(market, terms, tmp_path):
    first, _ = attested(market, terms, tmp_path)
    provider = make_provider(market, tmp_path, chain=first.chain, now=shortly_before(terms))
    provider.claim_unsettled()
    provider.chain.claim_states.clear()
    provider.chain.refusal = Reverted("LeaseNotOpen")
    provider.claim_unsettled()  # by a node that does not know of the claim yet
    provider.chain.refusal = None
    provider.claim_unsettled()  # and now it was really lost
    assert len(provider.chain.claimed) == 2


def claimed_provider(market, terms, folder, *, state=ClaimState.CLAIMED):
    """A provider that has claimed a lease, with a window until NOW; and how it stands on chain."""
    first, event = attested(market, terms, folder)
    claim = LeaseClaimed(event.origin, event.lease_id, event.renter, event.provider, 5, "0xd", NOW, 1, 2)
    first._journal.record_blocks(2, "0x2", [], [], [claim])
    first.chain.claim_state = state
    return first, ClaimedLease(event.lease_id, 1, 2)


@pytest.mark.parametrize(
    ("later", "state", "released"),
    [
        (0, ClaimState.CLAIMED, False),
        (MARKET_FIRST_SECONDS, ClaimState.CLAIMED, False),
        (MARKET_FIRST_SECONDS + 1, ClaimState.CLAIMED, True),
        (MARKET_FIRST_SECONDS + 1, ClaimState.DISPUTED, False),
        (MARKET_FIRST_SECONDS + 1, ClaimState.CLOSED, False),
    ],
)
def test_claim_is_released_once_its_window_is_over_and_the_market_silent(
    market, terms, tmp_path, later, state, released
):
    first, lease = claimed_provider(market, terms, tmp_path, state=state)
    first.chain.claim_until = NOW + 1000
    make_provider(market, tmp_path, chain=first.chain, now=NOW + later).release_claims()
    assert (first.chain.released, first.chain.expired) == ([lease] if released else [], [])


@pytest.mark.parametrize(("later", "expired"), [(0, False), (MARKET_FIRST_SECONDS, False), (61, True)])
def test_a_dispute_that_nobody_decides_is_ended_by_the_provider_where_the_market_is_silent(
    market, terms, tmp_path, later, expired
):
    first, lease = claimed_provider(market, terms, tmp_path, state=ClaimState.DISPUTED)
    first.chain.claim_until = until = NOW + 1000
    make_provider(market, tmp_path, chain=first.chain, now=until + later).release_claims()
    assert (first.chain.released, first.chain.expired) == ([], [lease] if expired else [])


def test_a_dispute_is_not_asked_for_again_before_its_time_is_over(market, terms, tmp_path):
    first, lease = claimed_provider(market, terms, tmp_path, state=ClaimState.DISPUTED)
    first.chain.claim_until = NOW + 1000
    times = iter([NOW + 100, NOW + 200, NOW + 1061])
    provider = make_provider(market, tmp_path, chain=first.chain, now=NOW)
    for _ in range(3):
        now = next(times)
        provider._claims._now = lambda now=now: now
        provider.release_claims()
    assert (first.chain.expired, first.chain.asked) == ([lease], 2)
