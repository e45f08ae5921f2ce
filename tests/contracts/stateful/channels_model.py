"""Payment channels again, in plain Python: what every call must do to every channel, or which error must stop it.

Written from the interface's manual, not from the contract's code. A call either changes the model or raises `Refused`
and leaves it as it was; `now` is the timestamp of the block in which the chain ran the same call.
"""

from dataclasses import dataclass, field

from marketplace.protocol.vouchers import ChannelConfig
from tests.contracts.stateful.refused import refuse_if

LARGEST_BALANCE = 2**64 - 1


@dataclass
class Channel:
    """One channel's state and, to check it by, where its money came from and went."""

    config: ChannelConfig
    id: str
    balance: int = 0
    claimed: int = 0
    since: int = 0
    nonce: int = 0
    deposited: int = 0
    returned: int = 0
    signed: int = 0
    """The greatest amount of a voucher that its payer signed."""

    @property
    def unclaimed(self) -> int:
        """What can still be claimed or go back."""
        return self.balance - self.claimed


@dataclass
class Attempt:
    """A voucher as it is redeemed: what of it, and whether its signature holds."""

    channel: Channel
    total: int
    maximum: int
    is_signed: bool


@dataclass
class Books:
    """Everything the contract knows, and the tokens outside it."""

    tokens: dict[str, int]
    earned: dict[str, int]
    withdrawn: dict[str, int]
    channels: list[Channel] = field(default_factory=list)

    def held(self) -> int:
        """What the contract must hold."""
        return sum(channel.unclaimed for channel in self.channels) + sum(map(self.credit, self.earned))

    def credit(self, payee: str) -> int:
        """What a payee can withdraw."""
        return self.earned[payee] - self.withdrawn[payee]

    def deposit(self, now: int, sender: str, channel: Channel, amount: int) -> None:
        refuse_if(amount == 0, "ChannelZeroAmount")
        refuse_if(channel.balance + amount > LARGEST_BALANCE, "BalanceTooLarge")
        refuse_if(amount > self.tokens[sender], "ERC20InsufficientBalance")
        self.tokens[sender] -= amount
        channel.balance += amount
        channel.deposited += amount

    def redeem(self, now: int, sender: str, attempts: list[Attempt]) -> list[str]:
        """The reasons of those that are skipped. `sender` is empty where the authorizer signed the batch."""
        reasons = []
        before = [(attempt.channel, attempt.channel.claimed) for attempt in attempts]
        for attempt in attempts:
            reason = self._refusal(sender, attempt)
            reasons.append(reason)
            if reason == "None":
                config, gain = attempt.channel.config, attempt.total - attempt.channel.claimed
                attempt.channel.claimed = attempt.total
                self.earned[config.receiver] += gain
        if "None" not in reasons:
            assert all(channel.claimed == claimed for channel, claimed in before)
            refuse_if(True, "NothingRedeemed")
        return [reason for reason in reasons if reason != "None"]

    def _refusal(self, sender: str, attempt: Attempt) -> str:
        channel = attempt.channel
        if sender and sender not in (channel.config.receiver, channel.config.receiver_authorizer):
            return "NotPayee"
        if channel.balance == 0:
            return "NoChannel"
        if attempt.total <= channel.claimed:
            return "NotAboveClaimed"
        if attempt.total > attempt.maximum:
            return "AboveVoucher"
        if attempt.total > channel.balance:
            return "AboveBalance"
        return "None" if attempt.is_signed else "BadSignature"

    def withdraw(self, now: int, payee: str) -> None:
        refuse_if(self.credit(payee) == 0, "NothingEarned")
        self.tokens[payee] += self.credit(payee)
        self.withdrawn[payee] = self.earned[payee]

    def refund(self, now: int, sender: str, channel: Channel, amount: int) -> None:
        config = channel.config
        refuse_if(sender not in (config.receiver, config.receiver_authorizer), "NotReceiver")
        self._refund(channel, amount)

    def refund_signed(self, now: int, channel: Channel, amount: int, nonce: int, is_signed: bool) -> None:
        refuse_if(nonce != channel.nonce, "WrongRefundNonce")
        refuse_if(not is_signed, "NotSignedBy")
        self._refund(channel, amount)

    def _refund(self, channel: Channel, amount: int) -> None:
        refuse_if(amount == 0, "ChannelZeroAmount")
        refuse_if(channel.unclaimed == 0, "NothingUnclaimed")
        if amount >= channel.unclaimed:
            channel.since = 0
        channel.nonce += 1
        self._return(channel, min(amount, channel.unclaimed))

    def start(self, now: int, sender: str, channel: Channel) -> None:
        self._require_payer(sender, channel)
        refuse_if(channel.unclaimed == 0, "NothingUnclaimed")
        refuse_if(channel.since != 0, "AlreadyClosing")
        channel.since = now

    def finish(self, now: int, sender: str, channel: Channel) -> None:
        self._require_payer(sender, channel)
        refuse_if(channel.since == 0, "NotClosing")
        refuse_if(now < channel.since + channel.config.withdraw_delay, "WindowStillOpen")
        channel.since = 0
        self._return(channel, channel.unclaimed)

    def _require_payer(self, sender: str, channel: Channel) -> None:
        refuse_if(sender not in (channel.config.payer, channel.config.payer_authorizer), "NotPayer")

    def _return(self, channel: Channel, amount: int) -> None:
        channel.balance -= amount
        channel.returned += amount
        self.tokens[channel.config.payer] += amount
