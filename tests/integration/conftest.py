"""A real chain for integration tests: ganache with the contracts, one for each module that asks."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from marketplace.adapters.chain import AddressBook, ChainAccount, ChainReader, Contracts
from marketplace.devnet import Deployment, Devnet

NAMES = ("market", "renter", "provider", "stranger", "treasury", "oracle1", "oracle2", "oracle3")
USDC = 1_000_000


@dataclass(frozen=True)
class TestChain:
    """A fresh chain and the keys of those on it. The renter has 10 USDC in the escrow, the provider 10 at stake."""

    __test__ = False

    devnet: Devnet
    book: AddressBook
    keys: dict[str, LocalAccount]

    def account(self, name: str) -> ChainAccount:
        return ChainAccount(self.contracts(), self.keys[name].key)

    def contracts(self) -> Contracts:
        return Contracts(self.devnet.rpc_url, self.book)

    def reader(self) -> ChainReader:
        return ChainReader(self.contracts())

    def address(self, name: str) -> str:
        return self.keys[name].address


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    keys = {name: Account.from_key(f"0x{number:064x}") for number, name in enumerate(NAMES, start=1)}
    with Devnet(Path(tmp_path_factory.mktemp("chain"))) as devnet:
        book = devnet.deploy(
            Deployment(
                oracles=[keys[name].address for name in NAMES if name.startswith("oracle")],
                threshold=2,
                treasury=keys["treasury"].address,
                governor=keys["treasury"].address,
                mint={keys[name].address: 100 * USDC for name in ("renter", "provider")},
            )
        )
        for name in NAMES:
            devnet.fund_gas(keys[name].address)
        made = TestChain(devnet, book, keys)
        made.account("renter").deposit(10 * USDC)
        made.account("provider").stake(10 * USDC)
        yield made
