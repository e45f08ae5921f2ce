"""The contracts through web3: what `ports.Chain` and `ports.Sender` promise, for any EVM chain."""

from marketplace.adapters.chain.account import ChainAccount
from marketplace.adapters.chain.contracts import AddressBook, Contracts
from marketplace.adapters.chain.reader import ChainReader
from marketplace.adapters.chain.sender import ChainSender

__all__ = ["AddressBook", "ChainAccount", "ChainReader", "ChainSender", "Contracts"]
