"""Every call on settlement without a lock, made on the chain and in the model; see `test_prepaid_stateful.py`."""

from collections import Counter
from functools import cached_property, partial

import brownie
from brownie.exceptions import VirtualMachineError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from marketplace.protocol.prepaid import net, pack_sum
from tests.contracts.Prepaid.paid import DATA, DELAY, PAID_IN, Job, PaidWorld
from tests.contracts.stateful.prepaid_draws import MAX_PRICE, amounts, picks, rarely, seldom, sums, works
from tests.contracts.stateful.prepaid_model import Allowance, Books, Provider, Renter, Work
from tests.contracts.stateful.prepaid_rebuilt import Told
from tests.contracts.stateful.refused import Refused
from tests.contracts.stateful.test_channels_stateful import read_all
from tests.contracts.world import DAY, USDC, events_of, now

called: Counter[str] = Counter()
"""How often each call succeeded, was refused, and each job was left out, over all sequences."""


class PrepaidMachine(RuleBasedStateMachine):
    """The contract beside its model and what its events tell."""

    paid: PaidWorld
    snapshot: int
    """Before every sequence. (Brownie's public one is taken: by the isolation of each test.)"""

    def __init__(self):
        super().__init__()
        type(self).snapshot = brownie.chain._revert(self.snapshot)
        world = self.world = self.paid.world
        world.forget()
        self.start = now()
        self.renters, self.providers = self.paid.renters, world.providers
        self.everybody = [*self.renters, *self.providers, *world.oracles, world.treasury]
        addresses = [each.address for each in self.everybody]
        self.books = Books(
            {each: self.paid.token.balanceOf(each) for each in addresses},
            {each.address: Renter() for each in self.renters},
            {each: Provider() for each in addresses},
            {each.address: Allowance() for each in self.renters},
            DELAY,
        )
        for renter in self.renters:
            self.books.renters[renter.address].balance = PAID_IN
        self.books.paid_in = 3 * PAID_IN
        self.told = Told([each.address for each in world.oracles])
        for renter in self.renters:
            self.told.renter(renter.address).balance = PAID_IN
        self.last = dict.fromkeys(self.books.renters, 0)
        self.asks: dict[tuple, Job] = {}
        self.stale: list[tuple] = []

    @initialize()
    def start_with_allowances_and_old_asks(self):
        for at in range(2):
            self.rule_allow(at, 30 * USDC, 9, False)
            self.rule_cancel_asks(at, 1, True)

    # --- both at once --------------------------------------------------------------------------------------

    def both(self, call, arguments, transact):
        """Make a call on the chain and in the model; they must agree on whether and why it is refused."""
        try:
            done, error = transact(), None
        except VirtualMachineError as reverted:
            done, error = None, (reverted.revert_msg or "").split(":")[0]
        try:
            told, expected = getattr(self.books, call)(now(), *arguments), None
        except Refused as refused:
            told, expected = None, refused.args[0]
        assert error == expected, f"{call}: the chain says {error}, the model {expected}"
        called[call if error is None else f"{call}: {error}"] += 1
        if done is not None:
            self.__dict__.pop("seen", None)
            self.told.take(done.events)
        return done, told

    @cached_property
    def seen(self):
        """What the chain says now: money held, and every account."""
        contract, token = self.paid.contract, self.paid.token
        calls = [(token, token.balanceOf.encode_input(contract)), (contract, contract.fees.encode_input(1))]
        calls += [(contract, contract.oracleCredit.encode_input(1, index)) for index in range(5)]
        calls += [(contract, contract.nettedBatches.encode_input(self.world.operator))]
        calls += [(contract, contract.renterAccount.encode_input(each)) for each in self.books.renters]
        calls += [(contract, contract.allowanceOf.encode_input(each)) for each in self.books.allowances]
        calls += [(contract, contract.providerAccount.encode_input(each)) for each in self.books.providers]
        return [tuple(words) for words in read_all(calls)]

    # --- money ---------------------------------------------------------------------------------------------

    @rule(at=picks, to=picks, amount=amounts)
    def rule_deposit(self, at, to, amount):
        sender, account = self.renters[at], self.renters[to].address
        call = partial(self.paid.contract.depositFor, account, amount, {"from": sender})
        self.both("deposit", (sender.address, account, amount), call)

    @rule(at=picks, amount=st.sampled_from([0, 1, USDC, 20 * USDC, 2**64 - 1]))
    def rule_request(self, at, amount):
        renter = self.renters[at]
        call = partial(self.paid.contract.requestWithdrawal, amount, {"from": renter})
        self.both("request", (renter.address, amount), call)

    @rule(at=picks)
    def rule_withdraw(self, at):
        renter = self.renters[at]
        self.both("withdraw", (renter.address,), partial(self.paid.contract.withdraw, {"from": renter}))

    @rule(at=picks, part=st.sampled_from([0, 50, 100, 101]))
    def rule_withdraw_earned(self, at, part):
        provider = self.providers[at]
        amount = (self.books.providers[provider.address].balance * part + 99) // 100
        call = partial(self.paid.contract.withdrawEarned, amount, {"from": provider})
        self.both("withdraw_earned", (provider.address, amount), call)

    @rule()
    def rule_withdraw_fees(self):
        call = partial(self.paid.contract.withdrawFees, 1, {"from": self.world.stranger})
        self.both("withdraw_fees", (self.world.treasury.address,), call)

    @rule(index=st.integers(0, 4))
    def rule_credit_oracle(self, index):
        quorum = self.world.current_committee().quorum([])
        call = partial(self.paid.contract.creditOracle, quorum, index, {"from": self.world.stranger})
        self.both("credit_oracle", (self.world.oracles[index].address, index), call)

    @rule(at=picks, salt=st.integers(0, 4), wanted=seldom)
    def rule_cancel_asks(self, at, salt, wanted):
        if wanted:  # else few jobs would be left to pay
            provider = self.providers[at]
            call = partial(self.paid.contract.cancelAsks, salt, {"from": provider})
            self.both("cancel_asks", (provider.address, salt), call)

    @rule(fee_bps=st.sampled_from([0, 1, 500, 1_000]), wanted=seldom)
    def rule_set_fee(self, fee_bps, wanted):
        if wanted:  # it takes two days, in which orders expire
            contract = self.paid.contract
            self.both(
                "set_fee", (fee_bps,), partial(self.world.govern, contract, contract.setFee.encode_input(fee_bps))
            )

    @rule(seconds=st.sampled_from([DELAY // 4, DELAY]))
    def rule_wait(self, seconds):
        brownie.chain.sleep(seconds)

    # --- finished work -------------------------------------------------------------------------------------

    @rule(renter=picks, provider=picks, pay=st.sampled_from([1_000, 333_333]))
    def rule_settle_one(self, renter, provider, pay):
        self.rule_settle([(renter, provider, 1, pay, 1, "", 1)], False)

    @rule(drawn=st.lists(works, min_size=2, max_size=5), few=rarely)
    def rule_settle(self, drawn, few):
        pairs = [pair for each in drawn for pair in self.jobs_of(*each)]
        self.submit([job for job, _ in pairs], [work for _, work in pairs], 2 if few else 3)

    @rule(part=st.booleans())
    def rule_settle_again(self, part):
        if self.stale:
            jobs, works_ = self.stale[-1]
            count = 1 if part else len(jobs)
            self.submit(jobs[-count:], works_[-count:], 3)

    def submit(self, jobs, works_, oracles):
        signers = self.world.oracles[:oracles]
        arguments = (works_, list(range(oracles)))
        done, reasons = self.both("settle_work", arguments, partial(self.paid.settle, *jobs, oracles=signers))
        if done is None:
            return
        told = {event["index"]: event["reason"] for event in events_of(done, "WorkSkipped")}
        assert told == {index: reason for index, reason in enumerate(reasons) if reason}
        called.update(reason.name for reason in reasons)
        self.stale.append((jobs, works_))

    def jobs_of(self, renter, provider, step, pay, outcome, flaw, replicas):
        """A bid's jobs, one for each replica, as they are submitted and as the model takes them."""
        renter = self.renters[renter].address
        self.last[renter] = salt = max(self.last[renter] + step, 0)
        bid = self.paid.bid(
            renter,
            salt=salt,
            max_price=1 if flaw == "quote" else MAX_PRICE,
            replicas=replicas,
            settlement=0 if flaw == "settlement" else 1,
            deadline=self.start + (0 if flaw == "deadline" else 3650 * DAY),
        )
        if outcome != 1 and pay % 2:
            pay = 0
        count = max(replicas, 1) + (flaw == "twice")
        providers = [(provider + each) % 3 for each in range(count)]
        if flaw != "twice":
            providers.sort(key=lambda at: int(self.providers[at].address, 16))
        found = []
        for at in providers:
            ask = self.ask_of(at, flaw)
            signer = self.world.stranger if flaw == "bid signature" else renter
            signature = "0x" + self.world.sign(bid, signer, self.paid.domain).hex()
            job = Job(bid, ask.ask, signature, ask.ask_signature, self.paid.domain, pay=pay, outcome=outcome)
            found.append((job, Work(bid, ask.ask, pay, outcome, signer == renter, flaw != "ask signature")))
        return found

    def ask_of(self, at, flaw):
        """The provider's ask, made once for all jobs that do not differ in it."""
        salt = 0 if flaw == "old ask" else self.books.providers[self.providers[at].address].ask_salt + 1
        seconds, forged = 0 if flaw == "ask time" else 3650 * DAY, flaw == "ask signature"
        key = (at, seconds, forged, salt)
        if key not in self.asks:
            ask = self.world.ask(self.providers[at], salt=salt, valid_until=self.start + seconds)
            signer = self.world.operator if forged else self.providers[at]
            self.asks[key] = self.paid.job(ask=ask, signers=(self.renters[0], signer))
        return self.asks[key]

    # --- netted batches ------------------------------------------------------------------------------------

    @rule(at=picks, cap=st.sampled_from([USDC, 30 * USDC, 30 * USDC]), days=st.sampled_from([0, 9, 9]), forged=seldom)
    def rule_allow(self, at, cap, days, forged):
        renter = self.renters[at].address
        own = self.books.allowances[renter]
        salt = own.salt + (1 if days else 2)
        allowance = self.paid.allowance(renter, cap=cap, valid_until=now() + days * DAY + 60, salt=salt)
        signer = self.world.stranger if forged else renter
        self.both("allow", (allowance, not forged), partial(self.paid.allow, allowance, signer))

    @rule(at=picks, salt=st.sampled_from([0, 1, 3]))
    def rule_revoke(self, at, salt):
        renter = self.renters[at]
        call = partial(self.paid.contract.revokeAllowance, salt, {"from": renter})
        self.both("revoke", (renter.address, salt), call)

    @rule(drawn=st.lists(sums, max_size=5), ahead=st.sampled_from([1] * 9 + [0, 2]), over=rarely, few=rarely)
    def rule_settle_netted(self, drawn, ahead, over, few):
        bps = self.books.fee_bps + (100 if over else 0)
        jobs = [
            self.paid.netted_job(self.renters[renter], self.providers[provider], pay, pay * bps // 10_000)
            for renter, provider, pay in drawn
        ]
        number = self.books.batches + ahead
        batch = net(self.world.operator.address, number, jobs, DATA)
        debits, credits = ([_unpacked(word) for word in words] for words in (batch.debits, batch.credits))
        oracles = 2 if few else 3
        call = partial(self.paid.settle_netted, batch, self.world.oracles[:oracles])
        self.both("settle_netted", (number, debits, credits, list(range(oracles))), call)

    # --- what must hold after every step -------------------------------------------------------------------

    @invariant()
    def invariant_p1_the_contract_holds_what_it_owes(self):
        held = self.books.held()
        assert self.seen[0] == (held,)
        assert held == self.books.paid_in - self.books.paid_out

    @invariant()
    def invariant_p2_every_account_is_what_the_model_says(self):
        books = self.books
        rest = [(books.treasury,), *((purse,) for purse in books.purses), (books.batches,)]
        accounts = [*books.renters.values(), *books.allowances.values(), *books.providers.values()]
        assert self.seen[1:] == rest + [each.view() for each in accounts]

    @invariant()
    def invariant_p3_events_alone_tell_everything(self):
        assert self.told.is_what_is(self.books)

    # --- what must hold at the end -------------------------------------------------------------------------

    def teardown(self):
        for at in range(3):
            self.rule_request(at, 2**64 - 1)
        brownie.chain.sleep(DELAY + 1)
        for index in range(5):
            self.rule_credit_oracle(index)
        self.rule_withdraw_fees()
        contract = self.paid.contract
        for at, renter in enumerate(self.renters):
            self.rule_withdraw(at)
            assert contract.renterAccount(renter)["balance"] == 0
        for account in self.everybody:
            amount = self.books.providers[account.address].balance
            call = partial(contract.withdrawEarned, amount, {"from": account})
            self.both("withdraw_earned", (account.address, amount), call)
        self.invariant_p4_everything_can_be_taken_out_and_ends_once()

    def invariant_p4_everything_can_be_taken_out_and_ends_once(self):
        assert self.paid.token.balanceOf(self.paid.contract) == 0 == self.books.held()
        assert all(self.paid.token.balanceOf(each) == held for each, held in self.books.tokens.items())


def _unpacked(word):
    account = next(each for each in brownie.accounts if int(each.address, 16) == word & 2**160 - 1)
    assert pack_sum(account.address, word >> 160 & 2**64 - 1, word >> 224) == word
    return account.address, word >> 160 & 2**64 - 1, word >> 224
