"""The chain in memory, on which the services are tested, does what the contracts do: the same calls, the same ends."""

from dataclasses import replace

import pytest

from marketplace.adapters.chain import ChainSender
from marketplace.domain.chain import Deposited, EventOrigin
from marketplace.errors import Reverted
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel, Receipt
from marketplace.protocol.packing import ClaimedLease
from tests.fakes.chain import FakeChain, FakeSender
from tests.integration.conftest import USDC
from tests.integration.matches import (
    RESULT,
    ROUND,
    attested,
    make_ask,
    make_bid,
    matched,
    signed,
    verdict,
)

NOWHERE = EventOrigin(0, "", "", 0)
PEOPLE = ("renter", "provider", "stranger", "oracle1")


class Twins:
    """The same call on both chains; their events, or their refusals, must be the same."""

    def __init__(self, chain) -> None:
        self.chain, self.reader = chain, chain.reader()
        self.fake = FakeChain(
            chain.book.domain, self.reader.committee().members, 2, now=self.reader.head().timestamp + 1
        )
        self.fake.state.free[chain.address("renter")] = 10 * USDC
        self.fake.state.active[chain.address("provider")] = 10 * USDC

    def send(self, who: str, prepare) -> list:
        """`prepare(sender)` by `who`; the events of both, or the name of the error of both."""
        real, fake = self._real(who, prepare), self._fake(who, prepare)
        assert fake == real
        self._compare_accounts()
        return real

    def act(self, who: str, function, name: str, *args) -> list:
        """A call that is nobody's port: `function` of ChainAccount, `name` of EscrowState."""
        try:
            real = self._told(self.reader.events(*[function(self.chain.account(who)).block_number] * 2))
        except Reverted as error:
            real = error.name, error.args_.get("first")
        fake = self._fake(who, lambda sender: sender.prepare(name, *args))
        assert fake == real
        self._compare_accounts()
        return real

    def advance(self, seconds: int) -> None:
        self.chain.devnet.advance_time(seconds)
        self.fake.mine(seconds)

    def _real(self, who: str, prepare):
        sender = ChainSender(self.chain.contracts(), self.chain.keys[who].key)
        try:
            sent = prepare(sender)
        except Reverted as error:
            return error.name, error.args_.get("first")
        sender.broadcast(sent)
        return self._told(self.reader.events(*[sender.result(sent.tx_hash).block_number] * 2))

    def _fake(self, who: str, prepare):
        sender = FakeSender(self.fake, self.chain.address(who))
        try:
            sender.broadcast(prepare(sender))
        except Reverted as error:
            return error.name, error.args_.get("first")
        return self._told(self.fake.blocks[-1].events)

    @staticmethod
    def _told(events: list) -> list:
        """Without where and when: blocks are each chain's own."""
        told = [replace(event, origin=NOWHERE) for event in events if not isinstance(event, Deposited)]
        return [replace(event, until=0) if hasattr(event, "until") else event for event in told]

    def _compare_accounts(self) -> None:
        for account in map(self.chain.address, PEOPLE):
            assert self.fake.renter_account(account) == self.reader.renter_account(account)
            assert self.fake.provider_account(account) == self.reader.provider_account(account)
            assert self.fake.balance(account) == self.reader.balance(account)
        assert self.fake.fees() == self.reader.fees()
        held = self.reader.token_balance(self.chain.book.contracts["Escrow"])
        assert self.fake.state.total() == held, "what people have, what is locked, and fees"


@pytest.fixture(scope="module")
def twins(chain):
    return Twins(chain)


def test_opening_and_settling_end_alike_on_both_chains(twins, chain):
    ask = make_ask(chain)
    matches = [matched(chain, make_bid(chain, salt), ask, 100_000 + 200_000 + salt) for salt in range(3)]
    bad = [
        matched(chain, make_bid(chain, 3), ask, renter="stranger"),
        matched(chain, make_bid(chain, 4), ask, provider="stranger"),
        matched(chain, make_bid(chain, 5), ask, 500_001),
        matched(chain, make_bid(chain, 5), ask, 199_999),
        matched(chain, make_bid(chain, 0), ask),
        matched(chain, make_bid(chain, 6, valid_until=1), ask),
        matched(chain, make_bid(chain, 6, deadline=1), ask),
        matched(chain, make_bid(chain, 6), make_ask(chain, valid_until=1)),
        matched(chain, make_bid(chain, 6), make_ask(chain, units=1)),
        matched(chain, make_bid(chain, 6, market=chain.address("stranger")), ask),
        matched(chain, make_bid(chain, 6), make_ask(chain, market=chain.address("stranger"))),
        matched(chain, make_bid(chain, 6, replicas=0), ask),
        matched(chain, make_bid(chain, 6, settlement=1), ask),
        matched(chain, make_bid(chain, 6, max_price=60 * USDC), ask, 11 * USDC),
        matched(chain, make_bid(chain, 6, renter=chain.address("oracle1")), ask, renter="oracle1"),
    ]
    two = make_bid(chain, 7, replicas=2)
    bad += [matched(chain, two, ask), matched(chain, two, ask)]
    told = twins.send("market", lambda sender: sender.prepare_open([*matches, *bad, matches[0]], ROUND))
    opened = [one for one in told if hasattr(one, "lease_id")]
    assert len(opened) == 4 and len(told) == 4 + len(bad)
    for match in bad[:-2]:
        assert twins.send("market", lambda sender, one=match: sender.prepare_open([one], ROUND))[0] == "NothingOpened"

    group, _ = twins.reader.find_group(opened[0].lease_id)
    assert twins.fake.find_group(opened[0].lease_id) == (group, 0)
    committee = twins.reader.committee()
    assert twins.fake.committee() == committee
    market = chain.address("market")
    ends = [(1, 100_000), (3, 0), (2, 0), (1, 10**12)]
    verdicts = [verdict(one.lease_id, *end) for one, end in zip(opened, ends, strict=True)]
    for places, batch, names in (
        ((0, 1), verdicts[:2], ("oracle1",)),
        ((0, 1), verdicts[:2], ("oracle1", "stranger")),
        ((1, 2), verdicts[:2], ("oracle1", "oracle2")),
        ((3,), verdicts[3:], ("oracle1", "oracle2")),
        ((0, 1, 2, 3), verdicts, ("oracle1", "oracle2", "oracle3")),
        ((0,), verdicts[:1], ("oracle1", "oracle2")),
    ):
        signatures = signed(chain, batch, names)
        twins.send(
            "market",
            lambda sender, places=places, batch=batch, signatures=signatures: sender.prepare_settle(
                market, [(group, places)], batch, committee, signatures
            ),
        )
    receipt = Receipt(lease_id=opened[3].lease_id, pay=200_000, result_digest=RESULT)
    signature = receipt.sign(chain.book.domain, chain.keys["renter"].key)
    for who in ("market", "provider", "provider"):
        twins.send(who, lambda sender: sender.prepare_accept(group, 3, receipt, signature))


def test_claims_disputes_refunds_and_cancels_end_alike_on_both_chains(twins, chain):
    ask, committee = make_ask(chain, salt=2**31), twins.reader.committee()
    matches = [matched(chain, make_bid(chain, salt), ask) for salt in (20, 21, 22, 200)]
    opened = twins.send("market", lambda sender: sender.prepare_open(matches, ROUND))
    group, _ = twins.reader.find_group(opened[0].lease_id)
    claimed = [ClaimedLease(one.lease_id, *group.leases[one.place].words()) for one in opened[:3]]
    for one in opened[:3]:
        evidence, signature = attested(chain, one.lease_id)
        arguments = (group, one.place, 150_001, evidence, one.provider, signature)
        twins.act("provider", lambda account, given=arguments: account.claim(*given), "claim", *arguments)
    for who, name, lease in (
        ("stranger", "release", 0),
        ("renter", "release", 0),
        ("stranger", "dispute", 1),
        ("renter", "dispute", 1),
        ("renter", "dispute", 2),
        ("renter", "expire_dispute", 2),
    ):
        given = claimed[lease]
        twins.act(who, lambda account, name=name, given=given: getattr(account, name)(given), name, given)
    batch = [verdict(claimed[1].lease_id, 1, 150_000)]
    signatures = signed(chain, batch)
    twins.send("market", lambda sender: sender.prepare_settle_claims(claimed[1:2], batch, committee, signatures))

    last = [(group, (0, 3))]
    twins.send("stranger", lambda sender: sender.prepare_refund(last))
    twins.advance(300_000)
    twins.send("stranger", lambda sender: sender.prepare_refund(last))
    twins.act("stranger", lambda account: account.expire_dispute(claimed[2]), "expire_dispute", claimed[2])

    for who, kind, salt in (
        ("renter", CancelKind.BID, 203),
        ("renter", CancelKind.BID, 400),
        ("renter", CancelKind.BIDS_BEFORE, 402),
        ("renter", CancelKind.BIDS_BEFORE, 5),
        ("provider", CancelKind.ASKS_BEFORE, 2**31 + 5),
        ("provider", CancelKind.ASKS_BEFORE, 7),
        ("provider", CancelKind.ASKS_BEFORE, 2**32),
    ):
        cancel = Cancel(signer=chain.address(who), kind=kind, salt=salt)
        signature = cancel.sign(chain.book.domain, chain.keys[who].key)
        twins.send(
            "market", lambda sender, cancel=cancel, signature=signature: sender.prepare_cancel_for(cancel, signature)
        )
