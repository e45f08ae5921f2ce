"""A deployed market with funded renters, staked providers and a committee, and the words to write tests about it."""

import ast
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import brownie
from brownie.exceptions import VirtualMachineError
from eth_account import Account
from eth_account.hdaccount import key_from_seed

from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Ask, Bid, Cancel, Receipt, Verdict, VerdictBatch, compute_lease_id
from scripts import deploy as deployment
from scripts.toolchain import MNEMONIC

USDC = 10**6
HOUR = 3600
TIMELOCK_DELAY = 2 * 24 * HOUR
UNBONDING_DELAY = 7 * 24 * HOUR
ACCOUNTS = 20
PENDING_TOKENS = 1_000 * USDC
"""What every renter and provider holds outside the contracts, approved to both."""
FREE = 100 * USDC
"""What every renter has in the escrow."""
STAKED = 50 * USDC
"""What every provider has staked."""
QUOTE = 302_000
"""What `World.ask` charges for `World.bid`: 200,000 vCPU + 50,000 memory + 50,000 fuel + 2,000 egress."""
PRICE = 400_000
RESULT = "0x" + "ab" * 32
ROUND = bytes(range(32))
NO_PREDECESSOR = bytes(32)
UINT64_MAX = 2**64 - 1
UINT256_MAX = 2**256 - 1


@cache
def keys_by_address() -> dict[str, bytes]:
    """Private keys of ganache's accounts (BIP-39, BIP-44; eth-account refuses this mnemonic, it has no checksum)."""
    seed = hashlib.pbkdf2_hmac("sha512", MNEMONIC.encode(), b"mnemonic", 2048)
    keys = [key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(ACCOUNTS)]
    return {Account.from_key(key).address: key for key in keys}


@dataclass(frozen=True)
class OpenLease:
    """A lease that was opened and all that it came from."""

    id: str
    bid: Bid
    ask: Ask
    price: int


@dataclass
class World:
    """Everything deployed, and who plays whom."""

    contracts: dict[str, Any]
    deployer: Any
    operator: Any
    treasury: Any
    governor: Any
    stranger: Any
    renters: list[Any]
    providers: list[Any]
    oracles: list[Any]
    """Ascending by address: as `settle` wants their signatures. The first three are the committee, two of three."""
    domain: Domain
    salts: Any = field(default_factory=lambda: count(1))

    def __post_init__(self):
        self.token = self.contracts["USDC"]
        self.escrow = self.contracts["Escrow"]
        self.stake = self.contracts["ProviderStake"]
        self.reputation = self.contracts["Reputation"]
        self.committee = self.contracts["OracleCommittee"]
        self.timelock = self.contracts["Timelock"]
        self.renter, self.provider = self.renters[0], self.providers[0]

    # --- orders --------------------------------------------------------------------------------------------

    def ask(self, provider: Any = None, **changes: Any) -> Ask:
        """An ask at hand-computable rates, valid for a day."""
        provider = provider or self.provider
        values = {
            "provider": address_of(provider),
            "market": self.operator.address,
            "agent": self.stranger.address,
            "profile_digest": "0x" + "11" * 32,
            "gpu_hour_rate": 1_000_000,
            "vcpu_hour_rate": 100_000,
            "gb_hour_rate": 50_000,
            "gfuel_rate": 5_000,
            "egress_gb_rate": 20_000,
            "minimum_charge": 1_000,
            "units": 4,
            "valid_until": now() + 24 * HOUR,
            "salt": next(self.salts),
        }
        return Ask(**{**values, **changes})

    def bid(self, renter: Any = None, **changes: Any) -> Bid:
        """A bid for 2 vCPUs, 1 GB, one hour, 10 Gfuel and 0.1 GB of egress, due in two hours."""
        renter = renter or self.renter
        values = {
            "renter": address_of(renter),
            "market": self.operator.address,
            "job_digest": "0x" + "22" * 32,
            "gpus": 0,
            "vcpus": 2,
            "memory_mb": 1_000,
            "duration_seconds": HOUR,
            "fuel": 10 * 10**9,
            "egress_mb": 100,
            "max_price": 1_000_000,
            "replicas": 1,
            "verification": 0,
            "deadline": now() + 2 * HOUR,
            "valid_until": now() + HOUR,
            "salt": next(self.salts),
        }
        return Bid(**{**values, **changes})

    def sign(self, message: TypedMessage, signer: Any, domain: Domain | None = None) -> bytes:
        """65 bytes by the key of `signer` over `message`."""
        key = keys_by_address()[address_of(signer)]
        return bytes.fromhex(message.sign(domain or self.domain, key)[2:])

    def match(self, bid: Bid, ask: Ask, price: int = PRICE, *, signers: tuple[Any, Any] | None = None) -> tuple:
        """A `Match` as `open` takes it, signed by renter and provider or by `signers`."""
        renter, provider = signers or (bid.renter, ask.provider)
        return (bid.as_tuple(), self.sign(bid, renter), ask.as_tuple(), self.sign(ask, provider), price)

    def open(self, bid: Bid | None = None, ask: Ask | None = None, price: int = PRICE) -> OpenLease:
        """Open one lease and return it."""
        bid, ask = bid or self.bid(), ask or self.ask()
        self.escrow.open([self.match(bid, ask, price)], ROUND, {"from": self.operator})
        return OpenLease(compute_lease_id(bid.struct_hash(), ask.provider), bid, ask, price)

    # --- ends ----------------------------------------------------------------------------------------------

    def verdict(self, lease: OpenLease | str, outcome: int = Outcome.PAID, pay: int = 0) -> Verdict:
        """A verdict about a lease."""
        lease_id = lease if isinstance(lease, str) else lease.id
        return Verdict(lease_id=lease_id, outcome=int(outcome), pay=pay, result_digest=RESULT)

    def sign_batch(self, verdicts: list[Verdict], oracles: list[Any] | None = None) -> list[bytes]:
        """The signatures of `oracles`, in the given order; by default of a quorum."""
        batch = VerdictBatch(verdicts=tuple(verdicts))
        return [self.sign(batch, oracle) for oracle in (self.oracles[:2] if oracles is None else oracles)]

    def settle(self, *verdicts: Verdict, oracles: list[Any] | None = None) -> Any:
        """Settle verdicts that a quorum signed; returns the transaction."""
        signatures = self.sign_batch(list(verdicts), oracles)
        return self.escrow.settle([each.as_tuple() for each in verdicts], signatures, {"from": self.operator})

    def receipt(self, lease: OpenLease, pay: int) -> Receipt:
        """A receipt for a lease."""
        return Receipt(lease_id=lease.id, pay=pay, result_digest=RESULT)

    def accept(self, lease: OpenLease, pay: int) -> Any:
        """Accept with the renter's receipt, submitted by the provider."""
        receipt = self.receipt(lease, pay)
        signature = self.sign(receipt, lease.bid.renter)
        return self.escrow.accept(receipt.as_tuple(), signature, {"from": lease.ask.provider})

    def cancel_message(self, signer: Any, salt: int, all_before: bool = False) -> Cancel:
        """A cancel of `signer`."""
        return Cancel(signer=address_of(signer), salt=salt, all_before=all_before)

    # --- governance ----------------------------------------------------------------------------------------

    def govern(self, contract: Any, call: str) -> Any:
        """Announce a call, wait for the delay, execute it; returns the executing transaction."""
        salt = next(self.salts).to_bytes(32)
        self.timelock.schedule(contract, 0, call, NO_PREDECESSOR, salt, TIMELOCK_DELAY, {"from": self.governor})
        brownie.chain.sleep(TIMELOCK_DELAY + 1)
        return self.timelock.execute(contract, 0, call, NO_PREDECESSOR, salt, {"from": self.stranger})

    # --- what is -------------------------------------------------------------------------------------------

    def lease(self, lease: OpenLease) -> dict:
        """A lease as stored."""
        return self.escrow.lease(lease.id).dict()

    def bond(self, provider: Any = None) -> dict:
        """A provider's bond as stored."""
        return self.stake.bond(provider or self.provider).dict()

    def record(self, provider: Any = None) -> dict:
        """A provider's counters without the time."""
        counters = self.reputation.recordOf(provider or self.provider).dict()
        return {name: value for name, value in counters.items() if name != "since" and value}


def address_of(party: Any) -> str:
    """The address of an account, a contract or an address."""
    return getattr(party, "address", party)


def now() -> int:
    """Timestamp of the last block, unix seconds."""
    return brownie.chain[-1].timestamp


def create_world() -> World:
    """Deploy everything with scripts/deploy.py, then fund, approve, deposit and stake for everybody."""
    accounts = brownie.accounts
    oracles = sorted(accounts[10:15], key=lambda account: int(account.address, 16))
    renters, providers = list(accounts[4:7]), list(accounts[7:10])
    parameters = deployment_parameters(accounts, oracles[:3])
    parameters["mint"] = {party.address: PENDING_TOKENS + FREE for party in renters} | {
        party.address: PENDING_TOKENS + STAKED for party in providers
    }
    contracts = deployment.deploy(project(), accounts[0], parameters)
    world = World(
        contracts=contracts,
        deployer=accounts[0],
        operator=accounts[1],
        treasury=accounts[2],
        governor=accounts[3],
        stranger=accounts[15],
        renters=renters,
        providers=providers,
        oracles=oracles,
        domain=Domain(brownie.chain.id, contracts["Escrow"].address),
    )
    for party in renters + providers:
        world.token.approve(world.escrow, UINT256_MAX, {"from": party})
        world.token.approve(world.stake, UINT256_MAX, {"from": party})
    for renter in renters:
        world.escrow.deposit(FREE, {"from": renter})
    for provider in providers:
        world.stake.stake(STAKED, {"from": provider})
    return world


def deployment_parameters(accounts: Any, members: list[Any]) -> dict:
    """What scripts/deploy.py needs to know for the tests' market."""
    return {
        "network": "test",
        "oracles": [oracle.address for oracle in members],
        "threshold": 2,
        "treasury": accounts[2].address,
        "governor": accounts[3].address,
        "timelockDelay": TIMELOCK_DELAY,
        "unbondingDelay": UNBONDING_DELAY,
    }


def project() -> Any:
    """The loaded Brownie project: contracts by name."""
    return brownie.project.get_loaded_projects()[0]


def create_hostile_world(world: World, token_name: str) -> World:
    """The same market on a token that misbehaves; renter and provider hold `PENDING_TOKENS` of it, approved."""
    accounts = brownie.accounts
    token = accounts[0].deploy(getattr(project(), token_name))
    parameters = deployment_parameters(accounts, world.oracles[:3])
    contracts = deployment.deploy_on_token(project(), accounts[0], token, parameters)
    hostile = World(
        contracts=contracts,
        deployer=world.deployer,
        operator=world.operator,
        treasury=world.treasury,
        governor=world.governor,
        stranger=world.stranger,
        renters=world.renters,
        providers=world.providers,
        oracles=world.oracles,
        domain=Domain(brownie.chain.id, contracts["Escrow"].address),
    )
    for party in (hostile.renter, hostile.provider):
        token.mint(party, PENDING_TOKENS, {"from": accounts[0]})
        token.approve(hostile.escrow, UINT256_MAX, {"from": party})
        token.approve(hostile.stake, UINT256_MAX, {"from": party})
    return hostile


def _comparable(value: Any) -> Any:
    """As Brownie writes it into a revert's message: addresses as hex literals, 32 bytes as bytes."""
    value = address_of(value)
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16) if len(value) == 42 else bytes.fromhex(value[2:])
    return bytes(value) if isinstance(value, bytes) else value


@contextmanager
def reverts_with(name: str, *values: Any):
    """Expects the custom error `name`; with `values` also exactly those, `...` standing for any."""
    try:
        yield
    except VirtualMachineError as error:
        message = error.revert_msg or ""
    else:
        raise AssertionError(f"expected {name}, but nothing reverted")
    given_name, _, body = message.partition(": ")
    assert given_name == name, f"expected {name}, got {message!r}"
    if not values:
        return
    given = ast.literal_eval(f"({body},)")
    expected = tuple(each if each is ... else _comparable(each) for each in values)
    agree = [want is ... or want == got for want, got in zip(expected, given, strict=False)]
    assert len(given) == len(expected) and all(agree), f"expected {name}{values}, got {message!r}"


def status_at(timestamp: int, contract: Any, call: str, sender: Any) -> int:
    """Sends `call` in a block of exactly this `timestamp`; 1 if it succeeded, 0 if it reverted."""
    web3 = brownie.web3
    web3.provider.make_request("miner_stop", [])
    try:
        sent = web3.eth.send_transaction(
            {
                "from": address_of(sender),
                "to": contract.address,
                "data": call,
                "gas": 3_000_000,
                "gasPrice": web3.to_wei(20, "gwei"),
            }
        )
        web3.provider.make_request("evm_mine", [timestamp])
        return web3.eth.get_transaction_receipt(sent)["status"]
    finally:
        web3.provider.make_request("miner_start", [])
