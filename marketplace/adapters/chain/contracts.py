"""Where the contracts are, and web3 handles to them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from eth_utils import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from marketplace.errors import SettingsError
from marketplace.protocol.eip712 import Domain

RPC_TIMEOUT_SECONDS = 20
_ABI_FOLDER = Path(__file__).with_name("abi")


@cache
def load_abi(name: str) -> list[dict[str, Any]]:
    """The ABI of the contract that the address book calls `name`."""
    return json.loads((_ABI_FOLDER / f"{name}.json").read_text())


@dataclass(frozen=True, slots=True)
class AddressBook:
    """One deployment: written by scripts/deploy.py, read by everybody."""

    network: str
    chain_id: int
    deployed_at_block: int
    contracts: dict[str, str]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises SettingsError where the file is missing or not an address book."""
        try:
            return cls.parse(json.loads(path.read_text()))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"Cannot read the address book {path}: {error}", hint="Deploy first, or name another file."
            ) from error

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Self:
        """The address book in a JSON document. Raises SettingsError naming what is missing."""
        try:
            return cls(
                network=document["network"],
                chain_id=int(document["chainId"]),
                deployed_at_block=int(document["deployedAtBlock"]),
                contracts={name: to_checksum_address(address) for name, address in document["contracts"].items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"The address book lacks or garbles {error}.") from error

    def to_json(self) -> dict[str, Any]:
        """The form in which it is stored and served."""
        return {
            "network": self.network,
            "chainId": self.chain_id,
            "deployedAtBlock": self.deployed_at_block,
            "contracts": self.contracts,
        }

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of messages for this deployment."""
        return Domain(self.chain_id, self.contracts["Escrow"])


class Contracts:
    """web3 handles to one deployment through one node."""

    def __init__(self, rpc_url: str, book: AddressBook) -> None:
        self.book = book
        self.rpc_url = rpc_url
        provider = HTTPProvider(
            rpc_url, request_kwargs={"timeout": RPC_TIMEOUT_SECONDS}, exception_retry_configuration=None
        )
        self.web3 = Web3(provider)
        # It asks the node which chain it is before each call, so that a transaction which names a chain goes to no
        # other: ours are signed for theirs.
        self.web3.middleware_onion.remove("validation")
        self.escrow = self.at("Escrow")
        self.stake = self.at("ProviderStake")
        self.reputation = self.at("Reputation")
        self.committee = self.at("OracleCommittee")
        self.token = self.at("USDC")

    def at(self, name: str) -> Contract:
        """The contract that the address book calls `name`."""
        return self.web3.eth.contract(address=self.book.contracts[name], abi=load_abi(name))
