"""Gas of redeeming vouchers, on the chain of the other figures: what `channels.py` measures, driven by plain web3."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from web3.logs import DISCARD

from scripts.bench.channels import measure_channels
from scripts.bench.leases import GAS, Market, key_of

TARGETS = {"voucher_redeem": 45_000, "voucher_redeem_each_of_100": 15_000}


@dataclass(frozen=True, slots=True)
class Unlocked:
    """An account that the local chain signs for: the deployer, who can mint."""

    address: str


class Receipt:
    """What a call took, and its events by name."""

    def __init__(self, contract: Any, raw: Any) -> None:
        self.gas_used = raw["gasUsed"]
        self.events = {event.event_name: event().process_receipt(raw, errors=DISCARD) for event in contract.events}


class Called:
    """A contract whose functions are called by name and take `{"from": …}` last, as in the contracts' tests."""

    def __init__(self, market: Market, name: str) -> None:
        self.market = market
        self.contract = market.contracts.at(name)
        self.address = self.contract.address

    def __getattr__(self, name: str) -> Callable[..., Receipt]:
        def call(*arguments: Any, **_: Any) -> Receipt:
            *values, options = arguments
            function = self.contract.get_function_by_name(name)(*(getattr(each, "address", each) for each in values))
            return Receipt(self.contract, self._send(function, options["from"]))

        return call

    def _send(self, function: Any, sender: Any) -> Any:
        if not isinstance(sender, Unlocked):
            return self.market.send(function, sender)
        eth = self.market.web3.eth
        sent = function.transact({"from": sender.address, "gas": GAS, "gasPrice": eth.gas_price})
        return eth.wait_for_transaction_receipt(sent, timeout=120, poll_latency=0.02)


class World:
    """As much of a market as `measure_channels` needs."""

    def __init__(self, market: Market) -> None:
        self.contracts = {name: Called(market, name) for name in ("PaymentChannels", "USDC")}
        self.deployer = Unlocked(market.web3.eth.accounts[0])
        self.provider, self.operator = key_of("payee", 0), market.operator
        self.domain = market.domain


def measure(market: Market) -> dict[str, int]:
    """The figures."""
    return measure_channels(World(market))
