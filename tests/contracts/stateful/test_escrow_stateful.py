"""Random sequences of every call by several renters, providers and oracles, against docs/invariants.md.

Each call goes to the chain and to the reference model (`model.py`); both must do the same or refuse with the same
error. After every step the chain is compared with the model view by view. When a sequence ends, everything is rebuilt
from events alone (`rebuilt.py`); then every lease comes to its end, everybody withdraws everything, and the contracts
must hold nothing but the bonds of the committee in office.

HIVE_STATEFUL_EXAMPLES and HIVE_STATEFUL_STEPS make it search longer; the sequences follow from them alone.
"""

import os

import brownie
import pytest
from hypothesis import Phase, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import invariant, run_state_machine_as_test

from marketplace.protocol.metering import compute_quote
from tests.contracts.stateful.chain import RawChain
from tests.contracts.stateful.claims import ClaimRules
from tests.contracts.stateful.machine import called
from tests.contracts.stateful.money import MoneyRules, OracleRules
from tests.contracts.stateful.opening import OpeningRules
from tests.contracts.stateful.rebuilt import Rebuilt
from tests.contracts.world import HOUR

EXAMPLES = int(os.environ.get("HIVE_STATEFUL_EXAMPLES", "24"))
STEPS = int(os.environ.get("HIVE_STATEFUL_STEPS", "30"))
REACHED = {
    "open", "settle", "accept", "refund", "claim", "release", "dispute", "expire_dispute", "settle_claims", "withdraw",
    "cancel", "set_agent", "stake", "unbond", "withdraw_stake", "bond", "unbond_oracle", "withdraw_bond", "report",
    "withdraw_fees", "credit_oracle", "execute", "settled", "failed", "expired", "frauds", "rotations", "groups again",
}  # fmt: skip


class EscrowMachine(OpeningRules, ClaimRules, MoneyRules, OracleRules):
    """What must hold after every step."""

    @invariant()
    def invariant_1_the_contracts_hold_what_they_owe(self):
        seen, world = self.seen, self.world
        free = sum(self.seen["renter", account][0] for account in self.model.renters)
        earned = sum(seen["provider", each][0] - seen["provider", each][9] for each in self.providers)
        leases = [lease for lease in self.model.leases.values() if lease.live]
        locked = sum(lease.price for lease in leases)
        bonds = sum(seen["claim", lease.id][3] for lease in leases if lease.state == "disputed")
        fees = sum(sum(view) for key, view in seen.items() if key[0] in ("fees", "credit"))
        assert seen["token", world.escrow.address] == (free + earned + locked + bonds + fees,)
        staked = sum(seen["bond", each][0] + seen["bond", each][2] for each in self.providers)
        assert seen["token", world.stake.address] == (staked,)
        bonded = sum(sum(seen["oracle", each][:2]) for each in self.oracles)
        assert seen["token", world.committee.address] == (bonded + seen["slashed",][0],)

    @invariant()
    def invariant_2_closed_leases_split_what_they_locked(self):
        for lease in self.model.leases.values():
            assert lease.live == (lease.parts is None)
            assert lease.live or sum(lease.parts) == lease.price

    @invariant()
    def invariant_3_no_order_is_overfilled(self):
        providers: dict[str, list[str]] = {}
        for lease in self.model.leases.values():
            providers.setdefault(lease.terms.bid_hash, []).append(lease.ask.provider)
            assert len(providers[lease.terms.bid_hash]) <= lease.bid.replicas
        assert all(len(set(each)) == len(each) for each in providers.values())

    @invariant()
    def invariant_4_the_chain_says_what_the_model_says(self):
        expected = self.model.views()
        expected |= {("token", account): (amount,) for account, amount in self.model.tokens.items()}
        differ = {key: (self.seen[key], view) for key, view in expected.items() if self.seen[key] != view}
        assert not differ, f"chain, model: {differ}"

    @invariant()
    def invariant_6_cover_is_never_below_what_open_leases_need(self):
        for provider in self.providers:
            _, cover, covered, count, *_ = self.seen["provider", provider]
            live = self.model.live_leases(provider)
            assert cover >= covered == sum(lease.price for lease in live)
            assert count == len(live)

    @invariant()
    def invariant_7_prices_stay_between_quote_and_maximum(self):
        for lease in self.model.leases.values():
            quote = compute_quote(lease.ask.rates, lease.bid.resources).total
            assert quote <= lease.price <= lease.bid.max_price
            assert lease.parts is None or lease.parts[0] + lease.parts[1] <= lease.price

    @invariant()
    def invariant_8_the_fee_is_capped(self):
        assert self.seen["fee_bps",] <= (1_000,)

    @invariant()
    def invariant_11_a_member_has_its_bond(self):
        slashed = self.model.slashed
        for member in self.model.members:
            assert member in slashed or self.seen["oracle", member][0] >= self.model.minimum_bond

    # --- what must hold at the end -------------------------------------------------------------------------

    def teardown(self):
        if self.calls < 3:  # Hypothesis begins with many sequences of one step
            return
        self.invariant_12_events_alone_tell_everything()
        self.end_every_lease()
        self.invariant_9_reputation_counts_every_closed_lease()
        self.invariant_5_every_free_balance_can_be_withdrawn()
        self.withdraw_bonds()
        assert self.seen["token", self.world.escrow.address] == self.seen["token", self.world.stake.address] == (0,)
        self.invariant_1_the_contracts_hold_what_they_owe()
        self.invariant_4_the_chain_says_what_the_model_says()
        self.invariant_12_events_alone_tell_everything()
        called.update({name: sum(getattr(each, name) for each in self.model.providers.values())
                       for name in ("settled", "failed", "expired", "frauds")})  # fmt: skip
        called["rotations"] += self.model.epoch - 1
        called["groups again"] += len({lease.group for lease in self.model.leases.values()}) - len(self.model.groups)

    def end_every_lease(self):
        """Time ends what nobody else did."""
        for lease in self.leases_in("claimed"):
            self.end_claim(lease, "release", lease.bid.renter)
        self.sleep(1_000 * HOUR)
        for lease in self.leases_in("disputed"):
            self.end_claim(lease, "expire", self.stranger)
        if self.overdue():
            self.refund(self.overdue())
        assert not [lease for lease in self.model.leases.values() if lease.live]

    def invariant_5_every_free_balance_can_be_withdrawn(self):
        for epoch in range(self.model.epoch + 1):
            if self.model.treasury_fees.get(epoch):
                self.withdraw_fees(epoch)
        for (epoch, index), amount in list(self.model.oracle_fees.items()):
            if amount:
                self.credit_oracle(epoch, index)
        for account in self.model.renters:
            if self.model.free(account):
                self.withdraw(account, self.model.free(account))
        assert not any(self.model.free(account) for account in self.model.renters)

    def withdraw_bonds(self):
        """Everything that need not stay."""
        for provider in self.providers:
            if self.model.providers[provider].cover:
                self.unbond(provider, self.model.providers[provider].cover)
        for oracle in self.oracles:
            if self.spare_bond(oracle):
                self.unbond_oracle(oracle, self.spare_bond(oracle))
        if self.model.slashed_unsent:
            self.send_slashed()
        self.sleep(max(self.model.times.unbonding, self.model.times.bond))
        for provider in self.providers:
            if self.model.providers[provider].unbonding:
                self.withdraw_stake(provider)
        for oracle in self.oracles:
            if self.model.oracles[oracle].unbonding:
                self.withdraw_bond(oracle)

    def invariant_9_reputation_counts_every_closed_lease(self):
        records = self.chain.read([("record", provider) for provider in self.providers])
        for (_, provider), record in records.items():
            ended = [lease for lease in self.model.leases.values() if lease.ask.provider == provider and lease.parts]
            undecided = [lease for lease in ended if lease.undecided]
            assert sum(record[:4]) == len(ended) - len(undecided)
            assert record[4] == sum(lease.parts[0] for lease in ended)

    def invariant_12_events_alone_tell_everything(self):
        rebuilt = Rebuilt()
        for log in self.chain.all_logs(self.first_block):
            rebuilt.take(log)
        views = self.model.views()
        told = rebuilt.views(views)
        differ = {key: (told.get(key), view) for key, view in views.items() if told.get(key) != view}
        assert not differ, f"events, views: {differ}"
        closed = {lease.id: lease.parts for lease in self.model.leases.values() if lease.parts}
        assert rebuilt.parts == closed


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
    EscrowMachine.first_block = 0
    EscrowMachine.chain = RawChain(world)
    brownie.chain.snapshot()  # with the reader of many views deployed
    run_state_machine_as_test(
        EscrowMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate, Phase.shrink],  # Phase.target would shrink sequences that pass, too
            print_blob=True,
        ),
    )
    print(dict(sorted(called.items())))
    never = {name for name in REACHED if not called[name]} if EXAMPLES * STEPS > 500 else set()
    assert not never, f"the sequences never reached {never}"
