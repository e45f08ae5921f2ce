"""Several nodes behind one address: what one says of the head, the next may not have heard of."""

import pytest
from web3.providers.base import JSONBaseProvider

from marketplace.adapters.chain import AddressBook, ChainReader, Contracts
from marketplace.adapters.chain.reader import LOG_RANGE
from marketplace.errors import ChainUnavailable


class Node(JSONBaseProvider):
    """Answers as a node with so many blocks does: with the logs of those it has, whatever it is asked for."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self.head, self.asked = head, []

    def make_batch_request(self, requests):
        self.asked.append([method for method, _ in requests])
        return [self._answer(number, *request) for number, request in enumerate(requests)]

    def _answer(self, number, method, params):
        found = {"eth_blockNumber": hex(self.head), "eth_getLogs": []}[method]
        return {"jsonrpc": "2.0", "id": number, "result": found}


def reader_of(node: Node) -> ChainReader:
    names = ("Escrow", "ProviderStake", "Reputation", "OracleCommittee", "USDC")
    addresses = {name: f"0x{number:040x}" for number, name in enumerate(names, start=1)}
    book = {"network": "none", "chainId": 1337, "deployedAtBlock": 1, "contracts": addresses}
    contracts = Contracts("http://127.0.0.1:9", AddressBook.parse(book))
    contracts.web3.provider = node
    return ChainReader(contracts)


def test_a_node_that_has_not_got_the_last_block_yet_says_so_instead_of_no_events():
    with pytest.raises(ChainUnavailable, match="at block 7, and not at 8"):
        reader_of(Node(7)).events(5, 8)
    assert reader_of(Node(8)).events(5, 8) == []


def test_each_range_of_blocks_is_asked_for_together_with_the_head_of_the_node_that_answers():
    node = Node(3 * LOG_RANGE)
    assert reader_of(node).events(1, 2 * LOG_RANGE) == []
    assert node.asked == [["eth_blockNumber", "eth_getLogs"]] * 2
