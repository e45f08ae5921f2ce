"""The chain without Brownie's comfort, which costs more than the contracts: calls, many reads at once, decoded logs."""

from dataclasses import dataclass
from typing import Any

import brownie
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

from tests.contracts.deployed import project
from tests.contracts.expect import MOST_GAS, address_of

GAS_PRICE = 20 * 10**9
CONTRACTS = ("Escrow", "ProviderStake", "OracleCommittee")
"""Whose events are read."""


@dataclass(frozen=True)
class Log:
    """A decoded event of one of the contracts."""

    contract: str
    name: str
    values: dict[str, Any]
    timestamp: int


@dataclass(frozen=True)
class Sent:
    """What became of a transaction: the custom error that reverted it, or none."""

    timestamp: int
    error: str | None
    logs: list[dict]


class RawChain:
    """JSON-RPC to the chain that the world is deployed on."""

    def __init__(self, world):
        self.world = world
        self.reader = world.deployer.deploy(project().ManyReads)
        abis = [entry for contract in project() for entry in contract.abi]
        self.errors = {_selector(entry): entry["name"] for entry in abis if entry["type"] == "error"}
        self.errors |= {keccak(text="Panic(uint256)")[:4]: "Panic"}
        self.names = {world.contracts[name].address.lower(): name for name in CONTRACTS}
        self.events = {
            (name, _hash(entry)): entry
            for name in CONTRACTS
            for entry in world.contracts[name].abi
            if entry["type"] == "event"
        }
        self.timestamps: dict[str, int] = {}
        escrow, stake, committee = world.escrow, world.stake, world.committee
        self.views = {
            "token": world.token.balanceOf,
            "renter": escrow.renterAccount,
            "provider": escrow.providerAccount,
            "claim": escrow.claimOf,
            "fees": escrow.fees,
            "credit": escrow.oracleCredit,
            "fee_bps": escrow.feeBps,
            "paused": escrow.openingPaused,
            "treasury": escrow.treasury,
            "agent": escrow.isAgent,
            "group": lambda: None,
            "bond": stake.bond,
            "record": world.reputation.recordOf,
            "oracle": committee.bondOf,
            "slashed": committee.slashed,
            "quorum": committee.quorumHashOf,
            "epoch": committee.epoch,
        }
        self.encoded: dict[tuple, tuple[str, bytes]] = {}

    def rpc(self, method: str, *params: Any) -> Any:
        """One request; its result."""
        return self.batch((method, *params))[0]

    def batch(self, *requests_: tuple) -> list[Any]:
        """Several requests at once; their results."""
        answers = brownie.web3.provider.make_batch_request([(method, params) for method, *params in requests_])
        for answer in answers:
            if "error" in answer:
                raise RpcError(answer["error"])
        return [answer["result"] for answer in answers]

    def send(self, sender: Any, method: Any, *arguments: Any) -> Sent:
        """Send a call of a contract's method."""
        call = {
            "from": address_of(sender),
            "to": method._address,
            "data": method.encode_input(*arguments),
            "gas": hex(MOST_GAS),
            "gasPrice": hex(GAS_PRICE),
        }
        sent = self.rpc("eth_sendTransaction", call)
        receipt, block = self.batch(("eth_getTransactionReceipt", sent), ("eth_getBlockByNumber", "latest", False))
        assert block["hash"] == receipt["blockHash"]
        error = None if receipt["status"] == "0x1" else self._why(call)
        return Sent(int(block["timestamp"], 16), error, receipt["logs"])

    def time(self) -> int:
        """Timestamp of the last block."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def _why(self, call: dict) -> str:
        """The error of a call that has just failed: the latest state and time are still those it failed in."""
        try:
            self.rpc("eth_call", call, "latest")
        except RpcError as error:
            return self.errors.get(error.data[:4], f"unknown error 0x{error.data.hex()}")
        return "nothing when called"

    def read(self, keys: list[tuple]) -> dict[tuple, tuple[int, ...]]:
        """Views by name and arguments, as words."""
        for key in keys:
            if key not in self.encoded:
                self.encoded[key] = self._encode(*key)
        targets, calls = zip(*(self.encoded[key] for key in keys), strict=True)
        data = self.reader.read.signature + encode(["address[]", "bytes[]"], [targets, calls]).hex()
        result = self.rpc("eth_call", {"to": self.reader.address, "data": data}, "latest")
        (answers,) = decode(["bytes[]"], bytes.fromhex(result[2:]))
        return dict(zip(keys, map(_words, answers), strict=True))

    def _encode(self, kind: str, *arguments: Any) -> tuple[str, bytes]:
        if kind == "group":
            view, arguments = self.world.escrow.groupWord, (self.world.operator.address, *arguments)
        else:
            view = self.views[kind]
        return view._address, bytes.fromhex(view.encode_input(*arguments)[2:])

    def logs(self, raw: list[dict]) -> list[Log]:
        """Decoded events of our contracts; others are left out."""
        return [self._decode(each) for each in raw if each["address"].lower() in self.names]

    def all_logs(self, first_block: int) -> list[Log]:
        """Every event of our contracts since a block."""
        wanted = {"fromBlock": hex(first_block), "toBlock": "latest", "address": list(self.names)}
        return self.logs(self.rpc("eth_getLogs", wanted))

    def _decode(self, raw: dict) -> Log:
        contract = self.names[raw["address"].lower()]
        entry = self.events[contract, raw["topics"][0]]
        topics = iter(raw["topics"][1:])
        plain = [each for each in entry["inputs"] if not each["indexed"]]
        values = iter(decode([each["type"] for each in plain], bytes.fromhex(raw["data"][2:])))
        found = {
            each["name"]: _decoded(each["type"], next(topics) if each["indexed"] else next(values))
            for each in entry["inputs"]
        }
        return Log(contract, entry["name"], found, self._timestamp(raw["blockHash"]))

    def _timestamp(self, block: str) -> int:
        if block not in self.timestamps:
            self.timestamps[block] = int(self.rpc("eth_getBlockByHash", block, False)["timestamp"], 16)
        return self.timestamps[block]


class RpcError(Exception):
    """The chain refused a request."""

    def __init__(self, error: dict):
        super().__init__(error)
        data = error.get("data")
        self.data = bytes.fromhex(data[2:]) if isinstance(data, str) else b""


def _decoded(kind: str, value: Any) -> Any:
    """A value of an event; still a word if it comes from a topic."""
    if isinstance(value, str) and len(value) == 66:
        (value,) = decode([kind], bytes.fromhex(value[2:]))
    if kind == "address[]":
        return tuple(map(to_checksum_address, value))
    return to_checksum_address(value) if kind == "address" else value


def _words(answer: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(answer[at : at + 32]) for at in range(0, len(answer), 32))


def _signature(entry: dict) -> str:
    return f"{entry['name']}({','.join(each['type'] for each in entry['inputs'])})"


def _selector(entry: dict) -> bytes:
    return keccak(text=_signature(entry))[:4]


def _hash(entry: dict) -> str:
    return "0x" + keccak(text=_signature(entry)).hex()
