"""What every view of every contract must say, added up from nothing but events, as docs/reference/events.md has it."""

from typing import Any

from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from tests.contracts.ModuleRegistry.model import Index
from tests.contracts.ModuleRegistry.words import plain
from tests.contracts.stateful.accounts import quorum_hash
from tests.contracts.stateful.chain import Log, RawChain
from tests.contracts.stateful.parties import Provider, Renter
from tests.contracts.stateful.rebuilt import Rebuilt

NOBODY = "0x" + "00" * 20
TELL_NOTHING = {"MatchSkipped", "PenaltiesSent", "RedemptionSkipped", "CallSalt"}
"""Events after which every view says what it said before."""
NEVER = {"EIP712DomainChanged", "RoleAdminChanged"}
"""Inherited events that nothing emits."""
CONTRACTS = ("Escrow", "ProviderStake", "OracleCommittee", "PaymentChannels", "ModuleRegistry", "Timelock")


class WholeChain(RawChain):
    """Events of every contract, not of the three alone that the random sequences call."""

    def __init__(self, world):
        super().__init__(world)
        for name in CONTRACTS:
            contract = world.contracts[name]
            self.names[contract.address.lower()] = name
            events = [spelt_out(entry) for entry in contract.abi if entry["type"] == "event"]
            self.events |= {(name, topic_of(entry)): entry for entry in events}


def spelt_out(entry: dict) -> dict:
    """An event's ABI with tuples as their members, `(address,…)`, as signatures and decoders want them."""
    return entry | {"inputs": [each | {"type": collapse_if_tuple(each)} for each in entry["inputs"]]}


def topic_of(entry: dict) -> str:
    """Topic 0."""
    return "0x" + keccak(text=f"{entry['name']}({','.join(each['type'] for each in entry['inputs'])})").hex()


class Everything(Rebuilt):
    """The sum of all events of all contracts."""

    def __init__(self):
        super().__init__()
        self.agents: set[tuple[str, str]] = set()
        self.owners: dict[str, str] = {}
        self.offered: dict[str, str] = {}
        self.terms: dict[str, dict] = {}
        self.channels: dict[str, dict[str, int]] = {}
        self.payees: dict[str, list[int]] = {}
        self.modules = Index()
        self.operations: dict[str, int] = {}
        self.roles: set[tuple[str, str]] = set()
        self.delay = 0

    def take(self, log: Log) -> None:
        """Add an event. Raises AttributeError for one that nobody knows what to do with."""
        if log.name in TELL_NOTHING:
            return
        if log.name.startswith("Ownership"):
            self._owner(log)
        elif log.contract == "ModuleRegistry":
            self.modules.apply(log.name, log.timestamp, {name: plain(value) for name, value in log.values.items()})
        else:
            getattr(self, f"_{log.name}")(log.values, log.timestamp)

    @classmethod
    def knows(cls, contract: str, event: str) -> bool:
        """Whether `take` does something with an event of a contract."""
        if event.startswith("Ownership"):
            return True
        return hasattr(Index, f"on_{event}") if contract == "ModuleRegistry" else hasattr(cls, f"_{event}")

    def answer(self, contract: str, view: str, *given: Any) -> Any:
        """What a view must say."""
        return getattr(self, f"{contract}_{view}")(*given)

    def _owner(self, log: Log) -> None:
        if log.name == "OwnershipTransferStarted":
            self.offered[log.contract] = log.values["newOwner"]
        else:
            self.owners[log.contract], self.offered[log.contract] = log.values["newOwner"], NOBODY

    # --- escrow, stake, reputation --------------------------------------------------------------------------

    def _AgentSet(self, values: dict, _: int) -> None:
        change = self.agents.add if values["allowed"] else self.agents.discard
        change((values["provider"], values["agent"]))

    def Escrow_renterAccount(self, account: str) -> tuple:
        return self.renters.get(account, Renter()).view()

    def Escrow_providerAccount(self, account: str) -> tuple:
        leases = self.covered.get(account, 0), self.open_leases.get(account, 0)
        return self.providers.get(account, Provider()).view(*leases)

    def Escrow_free(self, account: str) -> int:
        provider = self.providers.get(account, Provider())
        return self.renters.get(account, Renter()).free + provider.earned - provider.withdrawn

    def Escrow_isVoid(self, account: str, salt: int) -> bool:
        return self.renters.get(account, Renter()).is_void(salt)

    def Escrow_isAgent(self, provider: str, agent: str) -> bool:
        return (provider, agent) in self.agents

    def Escrow_groupWord(self, market: str, number: int) -> int:
        return self.words[number]

    def Escrow_claimOf(self, lease_id: str) -> tuple:
        *rest, digest = self.claims[lease_id]
        return (*rest, f"0x{digest:064x}")

    def Escrow_fees(self, epoch: int) -> int:
        return self.credits.get(("fees", epoch), 0)

    def Escrow_oracleCredit(self, epoch: int, index: int) -> int:
        return self.credits.get(("credit", epoch, index), 0)

    def Escrow_feeBps(self) -> int:
        return self.fee_bps

    def Escrow_openingPaused(self) -> bool:
        return self.paused

    def Escrow_treasury(self) -> str:
        return self.treasury

    def Escrow_owner(self) -> str:
        return self.owners["Escrow"]

    def Escrow_pendingOwner(self) -> str:
        return self.offered["Escrow"]

    def ProviderStake_bond(self, provider: str) -> tuple:
        return self.providers.get(provider, Provider()).bond_view(self.covered.get(provider, 0))

    def Reputation_recordOf(self, account: str) -> tuple:
        one = self.providers.get(account, Provider())
        return (one.settled, one.failed, one.expired, one.frauds, one.earned, one.since)

    # --- committee ------------------------------------------------------------------------------------------

    def OracleCommittee_slashed(self) -> int:
        return self.slashed

    def OracleCommittee_bondOf(self, account: str) -> tuple:
        return self.oracle(account).view()

    def OracleCommittee_epoch(self) -> int:
        return len(self.committees)

    def OracleCommittee_members(self) -> tuple:
        return self.committees[-1][1]

    def OracleCommittee_threshold(self) -> int:
        return self.committees[-1][0]

    def OracleCommittee_isMember(self, account: str) -> bool:
        return account in self.committees[-1][1]

    def OracleCommittee_quorumHashOf(self, epoch: int) -> str:
        return f"0x{quorum_hash(epoch, *self.committees[epoch - 1]):064x}"

    def OracleCommittee_quorumHash(self) -> str:
        return self.OracleCommittee_quorumHashOf(len(self.committees))

    def OracleCommittee_owner(self) -> str:
        return self.owners["OracleCommittee"]

    def OracleCommittee_pendingOwner(self) -> str:
        return self.offered["OracleCommittee"]

    # --- channels -------------------------------------------------------------------------------------------

    def _ChannelOpened(self, values: dict, _: int) -> None:
        fields = ("payer", "payerAuthorizer", "receiver", "receiverAuthorizer", "token", "withdrawDelay", "salt")
        self.terms[plain(values["channelId"])] = dict(zip(fields, values["config"], strict=True))

    def _channel(self, values: dict) -> dict[str, int]:
        empty = {"balance": 0, "claimed": 0, "since": 0, "nonce": 0}
        return self.channels.setdefault(plain(values["channelId"]), empty)

    def _payee(self, account: str) -> list[int]:
        return self.payees.setdefault(account.lower(), [0, 0])

    def _ChannelFunded(self, values: dict, _: int) -> None:
        self._channel(values)["balance"] = values["balance"]

    def _Redeemed(self, values: dict, _: int) -> None:
        self._channel(values)["claimed"] = values["totalClaimed"]
        self._payee(self.terms[plain(values["channelId"])]["receiver"])[0] += values["amount"]

    def _Refunded(self, values: dict, _: int) -> None:
        channel = self._channel(values)
        channel["balance"] -= values["amount"]
        channel["nonce"] = values["nonce"] + 1
        channel["since"] *= channel["balance"] > channel["claimed"]

    def _CloseStarted(self, values: dict, _: int) -> None:
        delay = self.terms[plain(values["channelId"])]["withdrawDelay"]
        self._channel(values)["since"] = values["until"] - delay

    def _CloseFinished(self, values: dict, _: int) -> None:
        channel = self._channel(values)
        channel["balance"] -= values["amount"]
        channel["since"] = 0

    def _EarningsWithdrawn(self, values: dict, _: int) -> None:
        self._payee(values["receiver"])[1] += values["amount"]

    def PaymentChannels_channels(self, channel_id: str) -> tuple:
        return self.channels[channel_id]["balance"], self.channels[channel_id]["claimed"]

    def PaymentChannels_pendingWithdrawals(self, channel_id: str) -> tuple:
        channel = self.channels[channel_id]
        return ((channel["balance"] - channel["claimed"]) * bool(channel["since"]), channel["since"])

    def PaymentChannels_refundNonce(self, channel_id: str) -> int:
        return self.channels[channel_id]["nonce"]

    def PaymentChannels_receivers(self, payee: str, token: str) -> tuple:
        return tuple(self._payee(payee))

    def PaymentChannels_earnings(self, payee: str) -> int:
        earned, withdrawn = self._payee(payee)
        return earned - withdrawn

    # --- timelock -------------------------------------------------------------------------------------------

    def _CallScheduled(self, values: dict, timestamp: int) -> None:
        self.operations[plain(values["id"])] = timestamp + values["delay"]

    def _CallExecuted(self, values: dict, _: int) -> None:
        self.operations[plain(values["id"])] = 1

    def _Cancelled(self, values: dict, _: int) -> None:
        self.operations[plain(values["id"])] = 0

    def _MinDelayChange(self, values: dict, _: int) -> None:
        self.delay = values["newDuration"]

    def _RoleGranted(self, values: dict, _: int) -> None:
        self.roles.add((plain(values["role"]), values["account"]))

    def _RoleRevoked(self, values: dict, _: int) -> None:
        self.roles.discard((plain(values["role"]), values["account"]))

    def Timelock_getTimestamp(self, operation: str) -> int:
        return self.operations[operation]

    def Timelock_getMinDelay(self) -> int:
        return self.delay

    def Timelock_hasRole(self, role: str, account: str) -> bool:
        return (role, account) in self.roles
