"""Random sequences of every call on several payment channels, against docs/invariants.md (C1 to C5).

Each call goes to the chain and to the reference model (`channels_model.py`); both must do the same, skip the same
vouchers for the same reasons, or refuse with the same error. After every step the chain is compared with the model.
When a sequence ends, every channel is closed and every payee withdraws: the contract must then be empty, and the money
of each channel must have ended once.

HIVE_STATEFUL_EXAMPLES and HIVE_STATEFUL_STEPS make it search longer; the sequences follow from them alone.
"""

import os
from collections import Counter
from functools import cached_property, partial

import brownie
import pytest
from brownie.exceptions import VirtualMachineError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from marketplace.protocol.vouchers import EVERYTHING, Refund, compact_signature, pack_payouts
from tests.contracts.PaymentChannels.channels import NOBODY, Channels
from tests.contracts.stateful.channels_model import Attempt, Books, Channel
from tests.contracts.stateful.refused import Refused
from tests.contracts.world import PENDING_TOKENS, USDC, World, now

EXAMPLES = int(os.environ.get("HIVE_STATEFUL_EXAMPLES", "24"))
STEPS = int(os.environ.get("HIVE_STATEFUL_STEPS", "30"))
DELAY = 3600
REASONS = ("None", "NotPayee", "NoChannel", "NotAboveClaimed", "AboveVoucher", "AboveBalance", "BadSignature")

channel_picks = st.integers(0, 4)
amounts = st.sampled_from([0, 1, 1_000, USDC, 7 * USDC, 7 * USDC, 30 * USDC, PENDING_TOKENS + 1, 2**64])
returns = st.sampled_from([EVERYTHING, 1, 1, USDC, USDC, 0])
parts = st.sampled_from([0, 10, 33, 50, 50, 90, 100, 101])
excess = st.sampled_from([0, 0, 0, 0, 5, 2**70, -1])
seldom = st.integers(0, 9).map(lambda drawn: drawn == 0)
vouchers = st.tuples(channel_picks, parts, excess, st.sampled_from([False] * 3 + [True]), st.booleans())
senders = st.sampled_from(["authorizer"] * 7 + ["payee"] * 4 + ["payer", "stranger"])

called: Counter[str] = Counter()
"""How often each call succeeded and each voucher was skipped, over all sequences."""


def read_all(calls):
    """The answers of many views, as words, in one request: else these reads would be most of what the search does."""
    asked = [("eth_call", [{"to": str(to), "data": data}, "latest"]) for to, data in calls]
    raw = [bytes.fromhex(each["result"][2:]) for each in brownie.web3.provider.make_batch_request(asked)]
    return [[int.from_bytes(word[at : at + 32]) for at in range(0, len(word), 32)] for word in raw]


class ChannelsMachine(RuleBasedStateMachine):
    """The contract beside its model."""

    world: World
    channels: Channels

    def __init__(self):
        super().__init__()
        brownie.chain.revert()
        accounts = [account.address for account in (*self.channels.payers, *self.channels.payees)]
        payees = [account.address for account in self.channels.payees]
        self.books = Books(dict.fromkeys(accounts, PENDING_TOKENS), dict.fromkeys(payees, 0), dict.fromkeys(payees, 0))
        self.stale: list[tuple] = []

    @initialize()
    def start_with_channels(self):
        payers, payees = self.channels.payers, self.channels.payees
        terms = [
            (payers[0], payers[0], payees[0]),
            (payers[0], payers[2], payees[1]),
            (payers[1], NOBODY, payees[0]),
            (payers[2], payers[2], payees[0]),
            (payers[1], payers[0], payees[1]),
        ]
        for payer, signer, payee in terms:
            parties = {"payer": payer, "payer_authorizer": signer, "receiver": payee}
            config = self.channels.config(**parties, withdraw_delay=DELAY)
            self.books.channels.append(Channel(config, self.channels.id(config)))
        for pick in range(5):
            self.rule_deposit(pick, 7 * USDC, False)

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
        if error is None:  # what reverted changed nothing
            self.__dict__.pop("seen", None)
        return done, told

    @cached_property
    def seen(self):
        """What the chain says now: money held, (balance, claimed, amount, since, nonce) and (earned, withdrawn)."""
        contract, token = self.channels.contract, self.channels.token
        views = (contract.channels, contract.pendingWithdrawals, contract.refundNonce)
        calls = [(token, token.balanceOf.encode_input(contract))]
        calls += [(contract, view.encode_input(each.id)) for each in self.books.channels for view in views]
        calls += [(contract, contract.receivers.encode_input(payee, token)) for payee in self.books.earned]
        (held,), *rest = read_all(calls)
        count = 3 * len(self.books.channels)
        channels = [[*rest[at], *rest[at + 1], *rest[at + 2]] for at in range(0, count, 3)]
        return {"held": held, "channels": channels, "payees": rest[count:]}

    def party(self, name: str, channel: Channel) -> str:
        """The address that plays `name` for a channel."""
        config = channel.config
        return {
            "authorizer": config.receiver_authorizer,
            "payee": config.receiver,
            "payer": config.payer,
            "stranger": self.world.stranger.address,
        }[name]

    # --- calls ---------------------------------------------------------------------------------------------

    @rule(pick=channel_picks, amount=amounts, by_another=seldom)
    def rule_deposit(self, pick, amount, by_another):
        channel = self.books.channels[pick]
        sender = self.channels.payers[0].address if by_another else channel.config.payer
        contract, terms = self.channels.contract, channel.config.as_tuple()
        self.both("deposit", (sender, channel, amount), lambda: contract.deposit(terms, amount, {"from": sender}))

    @rule(pick=channel_picks, part=st.sampled_from([10, 50, 100]))
    def rule_redeem_one(self, pick, part):
        self.rule_redeem([(pick, part, 0, False, True)], "authorizer", False)

    @rule(drawn=st.lists(vouchers, min_size=2, max_size=6), sender=senders, by_signature=seldom)
    def rule_redeem(self, drawn, sender, by_signature):
        attempts, claims = [], []
        drawn = sorted(drawn, key=lambda each: self.books.channels[each[0]].config.receiver)  # one payout a payee
        for pick, part, over, forged, compact in drawn:
            channel = self.books.channels[pick]
            total = channel.claimed + (channel.unclaimed * part + 99) // 100
            maximum = max(total + over, 0)
            claims.append(self.sign(channel, total, maximum, forged, compact))
            attempts.append(Attempt(channel, total, maximum, not forged))
        payouts = pack_payouts(claims)
        contract = self.channels.contract
        if by_signature:
            signature = self.channels.sign_batch(*claims)
            call, account = partial(contract.redeemWithSignature, payouts, signature), ""
        else:
            call, account = partial(contract.redeem, payouts), self.party(sender, attempts[0].channel)
        submit = partial(call, {"from": account or self.world.stranger})
        done, skipped = self.both("redeem", (account, attempts), submit)
        if done is not None:
            assert [REASONS[reason] for _, reason in self.channels.skipped(done)] == skipped
            called.update(skipped)

    def sign(self, channel, total, maximum, forged, compact):
        """A claim, signed by who must sign it or by somebody else; notes the greatest voucher that holds."""
        config = channel.config
        right = config.payer if config.payer_authorizer == NOBODY else config.payer_authorizer
        signer = self.world.stranger.address if forged else right
        signature = self.channels.sign(self.channels.voucher(config, maximum), signer)
        if not forged:
            channel.signed = max(channel.signed, maximum)
        signature = compact_signature(signature) if compact else signature
        return self.channels.claim(config, total, maximum=maximum, signature=signature)

    @rule(at=st.integers(0, 1))
    def rule_withdraw(self, at):
        payee = self.channels.payees[at].address
        self.both("withdraw", (payee,), lambda: self.channels.contract.withdraw(payee, {"from": self.world.stranger}))

    @rule(pick=channel_picks, amount=returns, sender=senders)
    def rule_refund(self, pick, amount, sender):
        channel = self.books.channels[pick]
        account, terms = self.party(sender, channel), channel.config.as_tuple()
        call = self.channels.contract.refund
        self.both("refund", (account, channel, amount), lambda: call(terms, amount, {"from": account}))

    @rule(pick=channel_picks, amount=returns, forged=seldom, again=st.booleans())
    def rule_refund_signed(self, pick, amount, forged, again):
        channel = self.books.channels[pick]
        nonce = channel.nonce
        if again and self.stale:
            channel, amount, nonce, forged, signature = self.stale[-1]
        else:
            message = Refund(channel_id=channel.id, nonce=nonce, amount=amount)
            signer = self.world.stranger if forged else self.channels.authorizer
            signature = self.channels.sign(message, signer)
            self.stale.append((channel, amount, nonce, forged, signature))
        call, terms = self.channels.contract.refundWithSignature, channel.config.as_tuple()
        self.both(
            "refund_signed",
            (channel, amount, nonce, not forged),
            lambda: call(terms, amount, nonce, signature, {"from": self.world.stranger}),
        )

    @rule(pick=channel_picks, stranger=seldom)
    def rule_start_close(self, pick, stranger):
        self.close("start", self.channels.contract.startClose, pick, stranger)

    @rule(pick=channel_picks, stranger=seldom)
    def rule_finish_close(self, pick, stranger):
        self.close("finish", self.channels.contract.finishClose, pick, stranger)

    def close(self, name, call, pick, stranger):
        channel = self.books.channels[pick]
        account, terms = self.party("stranger" if stranger else "payer", channel), channel.config.as_tuple()
        self.both(name, (account, channel), lambda: call(terms, {"from": account}))

    @rule(seconds=st.sampled_from([DELAY // 4, DELAY]))
    def rule_wait(self, seconds):
        brownie.chain.sleep(seconds)

    # --- what must hold after every step -------------------------------------------------------------------

    @invariant()
    def invariant_c1_the_contract_holds_what_it_owes(self):
        assert self.seen["held"] == self.books.held()

    @invariant()
    def invariant_c2_no_claim_exceeds_the_balance_or_the_greatest_signed_voucher(self):
        for channel, (balance, claimed, *_) in zip(self.books.channels, self.seen["channels"], strict=True):
            assert claimed <= min(balance, channel.signed)

    @invariant()
    def invariant_c3_every_channels_money_is_in_one_place(self):
        earned = Counter()
        for channel in self.books.channels:
            assert channel.deposited == channel.returned + channel.claimed + channel.unclaimed
            earned[channel.config.receiver] += channel.claimed
        assert all(earned[payee] == total for payee, total in self.books.earned.items())

    @invariant()
    def invariant_c4_channels_and_payees_are_what_the_model_says(self):
        assert self.seen["channels"] == [
            [each.balance, each.claimed, each.unclaimed if each.since else 0, each.since, each.nonce]
            for each in self.books.channels
        ]
        assert self.seen["payees"] == [
            [earned, self.books.withdrawn[payee]] for payee, earned in self.books.earned.items()
        ]

    # --- what must hold at the end -------------------------------------------------------------------------

    def teardown(self):
        if not self.books.channels:
            return
        for pick, channel in enumerate(self.books.channels):
            if channel.unclaimed and not channel.since:
                self.rule_start_close(pick, False)
        brownie.chain.sleep(DELAY)
        for pick, channel in enumerate(self.books.channels):
            if channel.since:
                self.rule_finish_close(pick, False)
        for at in range(2):
            self.rule_withdraw(at)
        self.invariant_c5_everything_can_be_taken_out_and_ends_once()

    def invariant_c5_everything_can_be_taken_out_and_ends_once(self):
        assert self.channels.token.balanceOf(self.channels.contract) == 0 == self.books.held()
        for account, tokens in self.books.tokens.items():
            assert self.channels.token.balanceOf(account) == tokens
        assert all(channel.deposited == channel.returned + channel.claimed for channel in self.books.channels)


@pytest.fixture
def whole_and_new_sequences(monkeypatch):
    """Every sequence is new and has its full length: Hypothesis 6.27.3 else spends most of its time on variations."""
    monkeypatch.setattr(engine, "clamp", lambda low, value, high: -1)
    monkeypatch.setattr(engine.ConjectureRunner, "generate_mutations_from", lambda runner, data: None)


def test_no_sequence_of_calls_breaks_a_law_of_the_channels(world, whole_and_new_sequences):
    called.clear()
    ChannelsMachine.world, ChannelsMachine.channels = world, Channels(world)
    brownie.chain.snapshot()
    run_state_machine_as_test(
        ChannelsMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate, Phase.shrink],
            print_blob=True,
        ),
    )
    print(dict(called))
    wanted = {"deposit", "redeem", "withdraw", "refund", "refund_signed", "start", "finish", *REASONS[1:]}
    assert not {name for name in wanted if not called[name]}, f"the sequences never reached all of {wanted}"
