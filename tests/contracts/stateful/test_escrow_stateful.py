"""Random sequences of every call by several renters, providers and oracles, against docs/invariants.md.

Each call goes to the chain and to the reference model (`model.py`); both must do the same or refuse with the same
error. After every step the chain is compared with the model account by account. When a sequence ends, every overdue
lease is refunded and everybody withdraws everything: both contracts must then be empty.

HIVE_STATEFUL_EXAMPLES and HIVE_STATEFUL_STEPS make it search longer; the sequences follow from them alone.
"""

import os
from collections import Counter
from functools import cached_property, partial

import brownie
import pytest
import requests
from brownie.exceptions import VirtualMachineError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Receipt, Verdict
from marketplace.protocol.metering import compute_quote
from tests.contracts.stateful.model import Bond, Market, Offer, Refused
from tests.contracts.world import (
    FREE,
    HOUR,
    NO_PREDECESSOR,
    PENDING_TOKENS,
    QUOTE,
    RESULT,
    ROUND,
    STAKED,
    TIMELOCK_DELAY,
    UNBONDING_DELAY,
    USDC,
    World,
    now,
)

EXAMPLES = int(os.environ.get("HIVE_STATEFUL_EXAMPLES", "24"))
STEPS = int(os.environ.get("HIVE_STATEFUL_STEPS", "30"))
LEASE_FIELDS = ("renter", "locked", "feeBps", "state", "provider", "deadline", "askHash")
COUNTERS = ("settled", "failed", "expired", "slashed", "volume")

party = st.integers(0, 2)
pick = st.integers(0, 10_000)
amounts = st.sampled_from([0, 1, USDC, 7 * USDC, 30 * USDC, STAKED, FREE, PENDING_TOKENS + 1])
prices = st.sampled_from(["quote"] * 6 + ["middle"] * 6 + ["maximum"] * 6 + ["below", "above"])
maxima = st.sampled_from([QUOTE, 10**6, 10**6, 2 * 10**6, 30 * USDC, QUOTE - 1])
lifetimes = st.sampled_from([HOUR, 3 * HOUR, 60 * HOUR, 400 * HOUR, 400 * HOUR])
rarely = st.integers(0, 19).map(lambda drawn: drawn == 0)
outcomes = st.sampled_from([Outcome.PAID] * 6 + [Outcome.FAILED] * 3 + [Outcome.FRAUD] * 4 + [Outcome.NONE])
shares = st.sampled_from([0, 1, 10, 33, 50, 77, 90, 99, 100, 100, 100, 101])
quorums = st.sampled_from([[0, 1], [0, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2], [1, 2], [2, 3], [0], [1, 0]])
"""Places in the committee in office; 3 is somebody outside it."""

called: Counter[str] = Counter()
"""How often each call succeeded, over all sequences: a search that never succeeds proves nothing."""


def read_all(reads):
    """Answers of many views, as words, in one request: these reads are most of what the search does."""
    requests_ = [
        {
            "jsonrpc": "2.0",
            "id": index,
            "method": "eth_call",
            "params": [{"to": contract.address, "data": view.encode_input(*arguments)}, "latest"],
        }
        for index, (contract, view, *arguments) in enumerate(reads)
    ]
    answers = requests.post(brownie.web3.provider.endpoint_uri, json=requests_, timeout=30).json()
    raw = [bytes.fromhex(each["result"][2:]) for each in sorted(answers, key=lambda each: each["id"])]
    return [[int.from_bytes(word[at : at + 32]) for at in range(0, len(word), 32)] for word in raw]


class EscrowMachine(RuleBasedStateMachine):
    """The contracts beside their model."""

    world: World

    def __init__(self):
        super().__init__()
        brownie.chain.revert()
        world = self.world
        accounts = [account.address for account in world.renters + world.providers]
        providers = [account.address for account in world.providers]
        self.accounts, self.providers = accounts, providers
        self.model = Market(
            market=world.operator.address,
            tokens=dict.fromkeys(accounts, PENDING_TOKENS),
            free={account: 0 if account in providers else FREE for account in accounts},
            bonds={provider: Bond(active=STAKED) for provider in providers},
            counters={provider: dict.fromkeys(COUNTERS, 0) for provider in providers},
            members=[oracle.address for oracle in world.oracles[:3]],
            threshold=2,
            unbonding_delay=UNBONDING_DELAY,
        )
        self.bids, self.asks, self.operations, self.closed = [], [], [], set()
        self.calls = 0

    # --- both at once --------------------------------------------------------------------------------------

    def both(self, call, arguments, transact):
        """Make a call on the chain and in the model; they must agree on whether and why it is refused."""
        try:
            transact()
            error = None
        except VirtualMachineError as reverted:
            error = (reverted.revert_msg or "").split(":")[0]
        try:
            self.model = self.model.attempt(call, now(), *arguments)
            expected = None
        except Refused as refused:
            expected = refused.args[0]
        assert error == expected, f"{call}: the chain says {error}, the model {expected}"
        self.calls += 1
        called[call if error is None else f"{call}: {error}"] += 1
        if error is None:  # what reverted changed nothing
            self.__dict__.pop("seen", None)

    @cached_property
    def seen(self):
        """What the chain says now, read in one request after each call that changed something."""
        world, opened = self.world, list(self.model.open_leases())
        reads = [(world.token, world.token.balanceOf, account) for account in self.accounts]
        reads += [(world.escrow, world.escrow.free, account) for account in self.accounts]
        reads += [(world.token, world.token.balanceOf, holder.address) for holder in (world.escrow, world.stake)]
        reads += [(world.stake, world.stake.bond, provider) for provider in self.providers]
        reads += [(world.escrow, world.escrow.lease, lease_id) for lease_id in opened]
        answers = iter(read_all([(world.escrow, world.escrow.fees), *reads]))
        (fees,) = next(answers)
        return {
            "fees": fees,
            "tokens": {account: next(answers)[0] for account in self.accounts},
            "free": {account: next(answers)[0] for account in self.accounts},
            "escrow": next(answers)[0],
            "stake": next(answers)[0],
            "bonds": {provider: Bond(*next(answers)) for provider in self.providers},
            "locked": {lease_id: dict(zip(LEASE_FIELDS, next(answers), strict=True)) for lease_id in opened},
        }

    # --- orders, which cost nothing ------------------------------------------------------------------------

    @initialize()
    def start_with_orders(self):
        for index in range(3):
            self.bids.append((self.world.bid(self.world.renters[index], deadline=now() + 500 * HOUR, replicas=2), True))
            self.asks.append((self.world.ask(self.world.providers[index], valid_until=now() + 500 * HOUR), True))
        self.open_all([self.offer(index, index, "middle") for index in range(3)])

    @rule(
        renter=party,
        replicas=st.sampled_from([1, 1, 2, 3, 0]),
        maximum=maxima,
        due=lifetimes,
        valid=lifetimes,
        foreign=rarely,
        forged=rarely,
        odd=rarely,
    )
    def rule_place_bid(self, renter, replicas, maximum, due, valid, foreign, forged, odd):
        market = self.world.stranger if foreign else self.world.operator
        bid = self.world.bid(
            self.world.renters[renter],
            market=market.address,
            replicas=replicas,
            max_price=maximum,
            deadline=now() + due,
            valid_until=now() + valid,
            verification=4 if odd else 2,
        )
        self.bids.append((bid, not forged))

    @rule(provider=party, units=st.sampled_from([1, 2, 3, 0]), rate=maxima, valid=lifetimes, forged=rarely)
    def rule_place_ask(self, provider, units, rate, valid, forged):
        ask = self.world.ask(
            self.world.providers[provider], units=units, minimum_charge=min(rate, 10**6), valid_until=now() + valid
        )
        self.asks.append((ask, not forged))

    # --- money ---------------------------------------------------------------------------------------------

    @rule(who=st.integers(0, 5), amount=amounts, everything=st.booleans(), inward=st.booleans())
    def rule_move_money(self, who, amount, everything, inward):
        account, escrow = self.accounts[who], self.world.escrow
        if inward:
            self.both("deposit", (account, amount), partial(escrow.deposit, amount, {"from": account}))
        else:
            self.withdraw(account, self.model.free[account] if everything else amount)

    def withdraw(self, account, amount):
        """Take money out of the escrow."""
        self.both("withdraw", (account, amount), partial(self.world.escrow.withdraw, amount, {"from": account}))

    @rule(who=party, amount=amounts, everything=st.booleans(), step=st.sampled_from(["in", "out", "away", "fees"]))
    def rule_move_stake(self, who, amount, everything, step):
        provider, stake = self.providers[who], self.world.stake
        if step == "in":
            self.both("stake", (provider, amount), partial(stake.stake, amount, {"from": provider}))
        if step == "out":
            bond = self.model.bonds[provider]
            self.unbond(provider, bond.active - bond.locked if everything else amount)
        if step == "away":
            self.withdraw_stake(provider)
        if step == "fees":
            self.withdraw_fees()

    def unbond(self, provider, amount):
        """Start the delay of a part of the stake."""
        self.both("unbond", (provider, amount), partial(self.world.stake.unbond, amount, {"from": provider}))

    def withdraw_stake(self, provider):
        """Take out what has finished unbonding."""
        self.both("withdraw_stake", (provider,), partial(self.world.stake.withdraw, {"from": provider}))

    def withdraw_fees(self):
        """Send the fees to the treasury."""
        self.both("withdraw_fees", (), partial(self.world.escrow.withdrawFees, {"from": self.world.stranger}))

    # --- leases --------------------------------------------------------------------------------------------

    def offer(self, bid_pick, ask_pick, price):
        """A match of two orders that were placed."""
        bid, bid_signed = self.bids[bid_pick % len(self.bids)]
        ask, ask_signed = self.asks[ask_pick % len(self.asks)]
        quote = compute_quote(ask.rates, bid.resources).total
        chosen = {
            "quote": quote,
            "below": quote - 1,
            "middle": (quote + bid.max_price) // 2,
            "maximum": bid.max_price,
            "above": bid.max_price + 1,
        }[price]
        return Offer(bid, ask, chosen, bid_signed, ask_signed)

    def signed(self, offer):
        """The same as the contract takes it; where a signature must not hold, a stranger gave it."""
        renter = offer.bid.renter if offer.bid_signed else self.world.stranger
        provider = offer.ask.provider if offer.ask_signed else self.world.stranger
        return self.world.match(offer.bid, offer.ask, offer.price, signers=(renter, provider))

    def open_all(self, offers):
        """Open offers on the chain and in the model."""
        matches = [self.signed(offer) for offer in offers]
        operator = self.world.operator
        self.both("open", (offers,), lambda: self.world.escrow.open(matches, ROUND, {"from": operator}))

    @rule(
        renter=party,
        replicas=st.integers(1, 3),
        shift=party,
        chosen=st.lists(prices, min_size=3, max_size=3),
        maximum=maxima,
        due=lifetimes,
    )
    def rule_open_new_orders(self, renter, replicas, shift, chosen, maximum, due):
        """A fresh bid, all its replicas at once with fresh asks: most of these succeed, whatever came before."""
        renter = self.world.renters[renter]
        bid = self.world.bid(renter, deadline=now() + due, replicas=replicas, max_price=maximum)
        self.bids.append((bid, True))
        offers = []
        for index in range(replicas):
            self.asks.append((self.world.ask(self.world.providers[(index + shift) % 3]), True))
            offers.append(self.offer(len(self.bids) - 1, len(self.asks) - 1, chosen[index]))
        self.open_all(offers)

    @rule(choices=st.lists(st.tuples(pick, pick, prices), min_size=1, max_size=3))
    def rule_open(self, choices):
        self.open_all([self.offer(*choice) for choice in choices])

    def some_leases(self, picks):
        """Ids of leases; of open ones, and none of them twice, seven times of eight."""
        everything, opened = list(self.model.leases), list(self.model.open_leases())
        pools = [(opened or everything) if each % 8 else everything for each in picks]
        chosen = [pool[each // 8 % len(pool)] for pool, each in zip(pools, picks, strict=True)]
        return chosen if picks[0] % 8 == 0 else list(dict.fromkeys(chosen))

    @precondition(lambda self: self.model.open_leases())
    @rule(decisions=st.lists(st.tuples(pick, outcomes, shares, rarely), min_size=1, max_size=3), quorum=quorums)
    def rule_settle(self, decisions, quorum):
        verdicts = []
        leases = self.some_leases([each[0] for each in decisions])
        for lease_id, (_, outcome, share, odd) in zip(leases, decisions, strict=False):
            pay = self.model.leases[lease_id].locked * share // 100 if outcome == Outcome.PAID or odd else 0
            verdicts.append(Verdict(lease_id=lease_id, outcome=int(outcome), pay=pay, result_digest=RESULT))
        outsiders = [oracle for oracle in self.world.oracles if oracle.address not in self.model.members]
        members = [oracle for oracle in self.world.oracles if oracle.address in self.model.members]
        signers = [(members + outsiders)[index] for index in quorum]
        self.both(
            "settle",
            (verdicts, [signer.address for signer in signers]),
            lambda: self.world.settle(*verdicts, oracles=signers),
        )

    @precondition(lambda self: self.model.open_leases())
    @rule(lease_pick=pick, share=shares, forged=rarely, by_provider=st.sampled_from([True, True, False]))
    def rule_accept(self, lease_pick, share, forged, by_provider):
        (lease_id,) = self.some_leases([lease_pick])
        lease = self.model.leases[lease_id]
        receipt = Receipt(lease_id=lease_id, pay=lease.locked * share // 100, result_digest=RESULT)
        signer = self.world.stranger.address if forged else lease.bid.renter
        signature = self.world.sign(receipt, signer)
        sender = lease.ask.provider if by_provider else lease.bid.renter
        self.both(
            "accept",
            (sender, lease_id, receipt.pay, signer),
            lambda: self.world.escrow.accept(receipt.as_tuple(), signature, {"from": sender}),
        )

    @precondition(lambda self: self.model.leases)
    @rule(picks=st.lists(pick, min_size=1, max_size=3), overdue=st.booleans())
    def rule_refund(self, picks, overdue):
        self.refund(self.overdue() if overdue and self.overdue() else self.some_leases(picks))

    def overdue(self):
        """Ids of the open leases whose deadline has passed."""
        return [key for key, lease in self.model.open_leases().items() if lease.bid.deadline < now()]

    def refund(self, ids):
        """Refund leases as a stranger."""
        self.both("refund", (ids,), partial(self.world.escrow.refund, ids, {"from": self.world.stranger}))

    # --- cancelling ----------------------------------------------------------------------------------------

    def some_order(self, order_pick):
        """Signer and salt of an order that was placed."""
        orders = [(bid.renter, bid.salt) for bid, _ in self.bids] + [(ask.provider, ask.salt) for ask, _ in self.asks]
        return orders[order_pick % len(orders)]

    @rule(order_pick=pick, before=rarely, by_signature=st.booleans())
    def rule_cancel(self, order_pick, before, by_signature):
        signer, salt = self.some_order(order_pick)
        escrow, message = self.world.escrow, self.world.cancel_message(signer, salt, before)
        call = "cancel_before" if before else "cancel"
        if by_signature:
            signature = self.world.sign(message, signer)
            transact = partial(escrow.cancelFor, message.as_tuple(), signature, {"from": self.world.stranger})
        else:
            transact = partial(escrow.cancelBefore if before else escrow.cancel, salt, {"from": signer})
        self.both(call, (signer, salt), transact)

    # --- governance and time -------------------------------------------------------------------------------

    def announce(self, contract, call, effect, values):
        """Schedule a call and remember it; `rule_execute` may run it."""
        salt = next(self.world.salts)
        self.operations.append((salt, contract, call))
        schedule, governor = self.world.timelock.schedule, self.world.governor
        self.both(
            "announce",
            (salt, TIMELOCK_DELAY, effect, values),
            lambda: schedule(contract, 0, call, NO_PREDECESSOR, salt.to_bytes(32), TIMELOCK_DELAY, {"from": governor}),
        )

    @rule(
        fee_bps=st.sampled_from([None, None, 0, 1, 250, 1_000, 1_001]),
        pausing=rarely,
        first=st.integers(0, 2),
        threshold=st.sampled_from([2, 2, 1, 3, 4]),
    )
    def rule_announce(self, fee_bps, pausing, first, threshold):
        escrow, committee = self.world.escrow, self.world.committee
        if pausing or self.model.paused:
            paused = not self.model.paused
            self.announce(escrow, escrow.setOpeningPaused.encode_input(paused), "set_paused", (paused,))
        elif fee_bps is not None:
            self.announce(escrow, escrow.setFee.encode_input(fee_bps), "set_fee", (fee_bps,))
        else:
            members = [oracle.address for oracle in self.world.oracles[first : first + 3]]
            call = committee.setCommittee.encode_input(members, threshold)
            self.announce(committee, call, "set_committee", (members, threshold))

    @precondition(lambda self: self.operations)
    @rule(operation_pick=pick, patient=st.booleans())
    def rule_execute(self, operation_pick, patient):
        salt, contract, call = self.operations[operation_pick % len(self.operations)]
        if patient:
            brownie.chain.sleep(TIMELOCK_DELAY)
        execute = self.world.timelock.execute
        self.both(
            "execute",
            (salt,),
            lambda: execute(contract, 0, call, NO_PREDECESSOR, salt.to_bytes(32), {"from": self.world.stranger}),
        )

    @rule(hours=st.sampled_from([1, 2, 5, 50]))
    def rule_time_passes(self, hours):
        brownie.chain.sleep(hours * HOUR)
        brownie.chain.mine()

    # --- what must hold after every step -------------------------------------------------------------------

    @invariant()
    def invariant_1_the_escrow_holds_what_it_owes(self):
        locked = sum(lease["locked"] for lease in self.seen["locked"].values() if lease["state"] == 1)
        assert self.seen["escrow"] == sum(self.seen["free"].values()) + locked + self.seen["fees"]

    @invariant()
    def invariant_1_the_stake_holds_what_it_owes(self):
        assert self.seen["stake"] == sum(bond.active + bond.unbonding for bond in self.seen["bonds"].values())

    @invariant()
    def invariant_2_closed_leases_split_what_they_locked(self):
        for lease_id, lease in self.model.leases.items():
            if lease.is_open or lease_id in self.closed:
                continue
            assert sum(lease.parts) == lease.locked
            stored = self.world.escrow.lease(lease_id)
            assert (stored["state"], stored["locked"]) == (2, lease.locked)
            self.closed.add(lease_id)

    @invariant()
    def invariant_3_no_order_is_overfilled(self):
        for lease_id, stored in self.seen["locked"].items():
            lease = self.model.leases[lease_id]
            assert stored["state"] == 1
            assert self.model.filled(lease.bid) <= lease.bid.replicas
            assert self.model.open_units(lease.ask) <= lease.ask.units
            assert stored["askHash"] == int(lease.ask.struct_hash(), 16)
            assert stored["renter"] == int(lease.bid.renter, 16)
            assert stored["provider"] == int(lease.ask.provider, 16)

    @invariant()
    def invariant_4_accounts_are_what_the_model_says(self):
        assert self.seen["free"] == self.model.free
        assert self.seen["tokens"] == self.model.tokens
        assert self.seen["bonds"] == self.model.bonds
        assert self.seen["fees"] == self.model.fees

    @invariant()
    def invariant_6_bonds_cover_open_leases(self):
        penalties = Counter()
        for lease in self.seen["locked"].values():
            penalties[lease["provider"]] += lease["locked"]
        for provider, bond in self.seen["bonds"].items():
            assert bond.active >= bond.locked == penalties[int(provider, 16)]

    @invariant()
    def invariant_7_prices_stay_between_quote_and_maximum(self):
        for lease_id, stored in self.seen["locked"].items():
            lease = self.model.leases[lease_id]
            assert compute_quote(lease.ask.rates, lease.bid.resources).total <= stored["locked"] <= lease.bid.max_price

    @invariant()
    def invariant_8_the_fee_is_capped(self):
        assert self.model.fee_bps <= 1_000
        for lease_id, stored in self.seen["locked"].items():
            assert stored["feeBps"] == self.model.leases[lease_id].fee_bps

    # --- what must hold at the end -------------------------------------------------------------------------

    def teardown(self):
        if self.calls < 3:  # Hypothesis begins with many sequences of one step
            return
        self.counts_per_order_are_what_the_model_says()
        brownie.chain.sleep(1_000 * HOUR)
        brownie.chain.mine()
        if self.overdue():
            self.refund(self.overdue())
        assert not self.model.open_leases()
        self.invariant_9_reputation_counts_every_closed_lease()
        self.invariant_5_every_free_balance_can_be_withdrawn()
        for provider in self.providers:
            self.unbond(provider, self.model.bonds[provider].active)
        brownie.chain.sleep(UNBONDING_DELAY)
        for provider in self.providers:
            self.withdraw_stake(provider)
        self.withdraw_fees()
        assert self.seen["escrow"] == self.seen["stake"] == 0
        assert self.seen["tokens"] == self.model.tokens

    def invariant_5_every_free_balance_can_be_withdrawn(self):
        for account in self.accounts:
            self.withdraw(account, self.model.free[account])
            assert self.model.free[account] == 0

    def invariant_9_reputation_counts_every_closed_lease(self):
        for provider in self.providers:
            record = self.world.reputation.recordOf(provider).dict()
            assert {name: record[name] for name in COUNTERS} == self.model.counters[provider]
            called.update({name: record[name] for name in COUNTERS[:4]})
            ended = [lease for lease in self.model.leases.values() if lease.ask.provider == provider and lease.parts]
            assert sum(record[name] for name in COUNTERS[:4]) == len(ended)
            assert record["volume"] == sum(paid + fee for paid, fee, _ in (lease.parts for lease in ended))

    def counts_per_order_are_what_the_model_says(self):
        for bid, _ in self.bids:
            assert self.world.escrow.filled(bid.struct_hash()) == self.model.filled(bid)
            assert self.world.escrow.isCancelled(bid.renter, bid.salt) == self.model.is_cancelled(bid.renter, bid.salt)
        for ask, _ in self.asks:
            assert self.world.escrow.openUnits(ask.struct_hash()) == self.model.open_units(ask)


@pytest.fixture
def whole_and_new_sequences(monkeypatch):
    """Every sequence is new and has its full length.

    Hypothesis (6.27.3, which Brownie pins) begins with dozens of sequences cut off after a step or two, and then spends
    five of six on variations of the one before. That is for tests of a millisecond; here a sequence takes seconds.
    """
    monkeypatch.setattr(engine, "clamp", lambda low, value, high: -1)
    monkeypatch.setattr(engine.ConjectureRunner, "generate_mutations_from", lambda runner, data: None)


def test_no_sequence_of_calls_breaks_an_invariant(world, whole_and_new_sequences):
    called.clear()
    EscrowMachine.world = world
    run_state_machine_as_test(
        EscrowMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate, Phase.shrink],  # Phase.target would shrink sequences that pass, too
            print_blob=True,
        ),
    )
    print(dict(called))
    never = {
        name for name in ("open", "settle", "accept", "refund", "settled", "expired", "slashed") if not called[name]
    }
    assert not never, f"the sequences never reached {never}"
