"""Random calls that move money, bonds and rights: accounts, providers' stake, oracles' bonds, governance."""

from eth_abi import encode
from eth_account import Account
from eth_utils import keccak
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.messages import Cancel, Verdict, VerdictBatch
from tests.contracts.batch import compact_words
from tests.contracts.orders import keys_by_address
from tests.contracts.stateful.machine import Machine, amounts, pick, rarely, three
from tests.contracts.world import HOUR, NO_PREDECESSOR, RESULT, TIMELOCK_DELAY, UINT256_MAX, USDC

RECEIVE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,"
    "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)


class MoneyRules(Machine):
    """Deposits and withdrawals, cancelling, agents."""

    @rule(
        who=st.integers(0, 5),
        other=st.integers(0, 6),
        amount=amounts,
        way=st.sampled_from(["deposit", "for", "permit", "authorization"]),
    )
    def rule_deposit(self, who, other, amount, way):
        escrow, payer = self.world.escrow, (self.renters + self.providers)[who]
        if way == "deposit":
            self.both("deposit", (payer, payer, amount), payer, escrow.deposit, amount)
        elif way == "for":
            account = (self.renters + self.providers + [self.stranger])[other]
            self.both("deposit", (payer, account, amount), payer, escrow.depositFor, account, amount)
        elif way == "permit":  # one that does not hold: what counts is the allowance
            call = (amount, UINT256_MAX, 27, bytes(32), bytes(32))
            self.both("deposit", (payer, payer, amount), payer, escrow.depositWithPermit, *call)
        else:
            account = (self.renters + self.providers + [self.stranger])[other]
            salt = self.calls.to_bytes(32)
            signature = self.authorization(payer, account, amount, salt)
            call = (payer, account, amount, 0, UINT256_MAX, salt, signature)
            self.both("deposit", (payer, account, amount), self.stranger, escrow.depositWithAuthorization, *call)

    def authorization(self, payer, account, amount, salt):
        """EIP-3009: the payer lets the escrow take `amount` for `account`."""
        nonce = keccak(encode(["address", "bytes32"], [account, salt]))
        types = ["bytes32", "address", "address", "uint256", "uint256", "uint256", "bytes32"]
        values = [keccak(text=RECEIVE), payer, self.world.escrow.address, amount, 0, UINT256_MAX, nonce]
        digest = keccak(b"\x19\x01" + self.token_domain + keccak(encode(types, values)))
        return Account.unsafe_sign_hash(digest, keys_by_address()[payer]).signature

    @property
    def token_domain(self):
        """EIP-712 domain separator of the token."""
        return bytes(self.world.token.DOMAIN_SEPARATOR())

    @rule(who=st.integers(0, 6), amount=amounts, everything=st.booleans())
    def rule_withdraw(self, who, amount, everything):
        account = (self.renters + self.providers + [self.stranger])[who]
        self.withdraw(account, self.model.free(account) if everything else amount)

    def withdraw(self, account, amount):
        """Take money out of the escrow."""
        self.both("withdraw", (account, amount), account, self.world.escrow.withdraw, amount)

    @rule(who=three, amount=amounts, everything=st.booleans(), step=st.sampled_from(["in", "in", "out", "away"]))
    def rule_move_stake(self, who, amount, everything, step):
        provider, stake = self.providers[who], self.world.stake
        if step == "in":
            self.both("stake", (provider, amount), provider, stake.stake, amount)
        elif step == "out":
            spare = self.model.providers[provider].cover - self.model.covered(provider)
            self.unbond(provider, spare if everything else amount)
        else:
            if everything and amount == USDC:
                self.sleep(self.model.times.unbonding)
            self.withdraw_stake(provider)

    def unbond(self, provider, amount):
        """Start the delay of a part of the stake."""
        self.both("unbond", (provider, amount), provider, self.world.stake.unbond, amount)

    def withdraw_stake(self, provider):
        """Take out what has finished unbonding."""
        self.both("withdraw_stake", (provider,), provider, self.world.stake.withdraw)

    @rule(
        of_provider=st.booleans(),
        order_pick=pick,
        kind=st.sampled_from([CancelKind.BID, CancelKind.BID, CancelKind.BIDS_BEFORE, CancelKind.ASKS_BEFORE]),
        ahead=st.sampled_from([0, 0, 0, 1, 3, 143, 150, 2**32]),
        signed=st.sampled_from([None, None, True, True, False]),
    )
    def rule_cancel(self, of_provider, order_pick, kind, ahead, signed):
        asks = kind == CancelKind.ASKS_BEFORE
        orders = [ask for ask, *_ in self.asks] if asks else [bid for bid, *_ in self.bids]
        order = orders[order_pick % len(orders)]
        signer = order.provider if asks else order.renter
        salt = order.salt + ahead if asks or ahead < 2**32 else order.salt
        cancel = Cancel(signer=signer, kind=int(kind), salt=salt)
        escrow = self.world.escrow
        if signed is None:
            self.both("cancel", (signer, kind, salt), signer, escrow.cancel, int(kind), salt)
            return
        signature = self.world.sign(cancel, signer if signed else self.stranger)
        call = (cancel.as_tuple(), signature)
        self.both("cancel", (signer, kind, salt, signed), self.stranger, escrow.cancelFor, *call)

    @rule(who=three, allowed=st.sampled_from([True, True, False]))
    def rule_set_agent(self, who, allowed):
        provider = self.providers[who]
        call = (self.stranger, allowed)
        self.both("set_agent", (provider, *call), provider, self.world.escrow.setAgent, *call)


class OracleRules(Machine):
    """The committee's bonds and fees, and what governance does."""

    @rule(
        who=st.integers(0, 7),
        other=st.integers(0, 7),
        amount=st.sampled_from([0, 1, 40 * USDC, 100 * USDC, 100 * USDC, 1_000 * USDC]),
        step=st.sampled_from(["in", "in", "in", "out", "out", "away"]),
        everything=st.booleans(),
    )
    def rule_move_bond(self, who, other, amount, step, everything):
        account, member, committee = self.oracles[who], self.oracles[other], self.world.committee
        if step == "in":
            self.both("bond", (account, member, amount), account, committee.bondFor, member, amount)
        elif step == "out":
            self.unbond_oracle(account, self.spare_bond(account) if everything else amount)
        else:
            if everything and amount == 1:
                self.sleep(self.model.times.bond)
            self.withdraw_bond(account)

    def spare_bond(self, account):
        """What an oracle need not keep."""
        kept = self.model.minimum_bond if account in self.model.members else 0
        return max(self.model.oracles[account].active - kept, 0)

    def unbond_oracle(self, account, amount):
        """Start the delay of a part of a bond."""
        self.both("unbond_oracle", (account, amount), account, self.world.committee.unbond, amount)

    def withdraw_bond(self, account):
        """Take out what has finished unbonding."""
        self.both("withdraw_bond", (account,), account, self.world.committee.withdrawBond)

    @rule(
        who=st.integers(0, 7),
        reporter=three,
        lengths=st.tuples(st.integers(1, 5), st.integers(1, 5)),
        places=st.tuples(pick, pick),
        other=st.sampled_from(["outcome", "outcome", "pay", "result", "result", "nothing", "lease"]),
        signed=st.sampled_from([True] * 5 + [False]),
    )
    def rule_report(self, who, reporter, lengths, places, other, signed):
        member, changes = (
            self.oracles[who],
            {
                "outcome": {"outcome": int(Outcome.FAILED)},
                "pay": {"pay": 6},
                "result": {"result_digest": "0x" + "cd" * 32},
                "lease": {"lease_id": "0x" + "ef" * 32},
            },
        )
        verdict = Verdict(lease_id="0x" + "12" * 32, outcome=int(Outcome.PAID), pay=5, result_digest=RESULT)
        again = verdict.model_copy(update=changes.get(other, {}))
        i, j = (place % length for place, length in zip(places, lengths, strict=True))
        signers = (member, member if signed else self.stranger)
        batches = [
            self.signed_batch(about, length, at, signer)
            for about, length, at, signer in zip((verdict, again), lengths, (i, j), signers, strict=True)
        ]
        self.both(
            "report",
            (self.renters[reporter], member, other in ("outcome", "pay", "result"), signed),
            self.renters[reporter],
            self.world.committee.reportContradiction,
            member,
            batches[0],
            i,
            batches[1],
            j,
        )

    @rule(who=st.integers(0, 7), sends=st.booleans())
    def rule_resign_or_send(self, who, sends):
        """A member leaves, if the rest is still a quorum; or the treasury gets what was slashed."""
        member, members = self.oracles[who], self.model.members
        if sends:
            self.send_slashed()
        elif member not in members or len(members) > self.model.threshold:
            self.both("resign", (member,), member, self.world.committee.resign)

    def send_slashed(self):
        """Send what slashed bonds left."""
        self.both("send_slashed", (), self.stranger, self.world.committee.sendSlashed)

    def signed_batch(self, verdict, length, at, signer):
        """`SignedBatch` of so many verdicts with this one at a place."""
        rest = Verdict(lease_id=RESULT, outcome=int(Outcome.FAILED), pay=0, result_digest=RESULT)
        batch = VerdictBatch.of([verdict if place == at else rest for place in range(length)])
        halves = compact_words([self.world.sign(batch, signer)])
        return (batch.lease_ids, batch.outcomes, batch.result_digests, *halves)

    # --- fees ----------------------------------------------------------------------------------------------

    @rule(treasury=st.booleans(), epoch_pick=pick, index_pick=pick, wrong=rarely)
    def rule_fees(self, treasury, epoch_pick, index_pick, wrong):
        if treasury:
            self.withdraw_fees(epoch_pick % (self.model.epoch + 1))
            return
        epoch = epoch_pick % self.model.epoch + 1
        index = index_pick % len(self.model.committees[epoch - 1][1])
        self.credit_oracle(epoch, index, wrong)

    def withdraw_fees(self, epoch):
        """Send the treasury's fees of an epoch to it."""
        self.both("withdraw_fees", (epoch,), self.stranger, self.world.escrow.withdrawFees, epoch)

    def credit_oracle(self, epoch, index, wrong=False):
        """Move a member's fees of an epoch into its free balance."""
        threshold, members = self.model.committees[epoch - 1]
        quorum = (epoch, threshold + wrong, list(members), 0)
        if wrong:
            self.both("refuse", ("WrongCommittee",), self.stranger, self.world.escrow.creditOracle, quorum, index)
        else:
            call = (quorum, index)
            self.both("credit_oracle", (epoch, index), self.stranger, self.world.escrow.creditOracle, *call)

    # --- governance and time -------------------------------------------------------------------------------

    def announce(self, contract, call, effect, *values):
        """Schedule a call and remember it; `rule_execute` may run it."""
        salt = len(self.operations)
        self.operations.append((salt, contract, call))
        arguments = (contract.address, 0, call, NO_PREDECESSOR, salt.to_bytes(32), TIMELOCK_DELAY)
        schedule = self.world.timelock.schedule
        self.both("announce", (salt, effect, values), self.world.governor, schedule, *arguments)

    @rule(
        what=st.sampled_from(["fee", "fee", "pause", "treasury", "committee", "committee", "committee", "committee"]),
        fee_bps=st.sampled_from([0, 1, 250, 1_000, 1_001]),
        members=st.lists(st.integers(0, 7), min_size=1, max_size=6, unique=True),
        threshold=st.sampled_from([1, 2, 2, 3, 4]),
        bonded=st.sampled_from([True, True, False]),
        at_once=st.booleans(),
    )
    def rule_announce(self, what, fee_bps, members, threshold, bonded, at_once):
        escrow, committee = self.world.escrow, self.world.committee
        if what == "fee":
            self.announce(escrow, escrow.setFee.encode_input(fee_bps), "set_fee", fee_bps)
        elif what == "pause" or self.model.paused:
            paused = not self.model.paused
            self.announce(escrow, escrow.setOpeningPaused.encode_input(paused), "set_paused", paused)
        elif what == "treasury":
            there = self.stranger if self.model.treasury != self.stranger else self.world.treasury.address
            self.announce(escrow, escrow.setTreasury.encode_input(there), "set_treasury", there)
        else:
            chosen = {self.oracles[place] for place in members}
            if bonded:
                chosen -= {each for each in chosen if self.model.oracles[each].active < self.model.minimum_bond}
            ascending = sorted(chosen, key=lambda each: int(each, 16))
            call = committee.setCommittee.encode_input(ascending, threshold)
            self.announce(committee, call, "set_committee", tuple(ascending), threshold)
        if at_once:
            self.execute(self.operations[-1], patient=True)

    @precondition(lambda self: self.model.announced)
    @rule(operation_pick=pick, patient=st.booleans())
    def rule_execute(self, operation_pick, patient):
        self.execute(self.operations[operation_pick % len(self.operations)], patient)

    def execute(self, operation, patient):
        """Execute what was announced, when it is time or not."""
        salt, contract, call = operation
        ready, *_ = self.model.announced.get(salt, (self.time,))
        if patient and ready > self.time:
            self.sleep(ready - self.time)
        arguments = (contract.address, 0, call, NO_PREDECESSOR, salt.to_bytes(32))
        self.both("execute", (salt,), self.stranger, self.world.timelock.execute, *arguments)

    @rule(minutes=st.sampled_from([5, 30, 90, 1_500]))
    def rule_time_passes(self, minutes):
        self.sleep(minutes * HOUR // 60)
