"""Python and Solidity agree: every digest, every quote, every error name; and the adapter tells what the chain says."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.adapters.chain import AddressBook, ChainReader, Contracts
from marketplace.adapters.chain.contracts import load_abi
from marketplace.adapters.chain.errors import custom_errors, decode_revert
from marketplace.domain.chain import Deposited
from marketplace.errors import ChainUnavailable, InsufficientFunds
from marketplace.protocol.messages import Ask, Attestation, Bid, Cancel, Receipt, Verdict, VerdictBatch
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.packing import pack_ask, pack_bid
from tests.unit.protocol.test_messages import messages_of

HASHED = {Attestation: "hashAttestation", Receipt: "hashReceipt", Cancel: "hashCancel"}
SIGNATURE = "0x" + "11" * 64 + "1b"
many = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def packed_ask(ask: Ask) -> tuple:
    return pack_ask(ask, SIGNATURE, by_key=True, contract_signatures=[])


def packed_bid(bid: Bid) -> tuple:
    return pack_bid(bid, SIGNATURE, price=7, renter=8, ask=9, by_key=True, contract_signatures=[])


def in_range(cancel: Cancel) -> Cancel:
    """Solidity knows three kinds."""
    return cancel.model_copy(update={"kind": cancel.kind % 3})


@pytest.fixture(scope="module")
def hashing(chain):
    """The functions of Messages.sol."""
    return chain.contracts().at("Messages").functions


@given(messages_of(Ask))
@many
def test_python_and_solidity_hash_an_ask_alike(hashing, ask):
    assert "0x" + hashing.hashAsk(packed_ask(ask), ask.market).call().hex() == ask.struct_hash()


@given(messages_of(Bid))
@many
def test_python_and_solidity_hash_a_bid_alike(hashing, bid):
    assert "0x" + hashing.hashBid(packed_bid(bid), bid.renter, bid.market).call().hex() == bid.struct_hash()


@given(st.lists(messages_of(Verdict), max_size=7))
@many
def test_python_and_solidity_hash_a_batch_of_verdicts_alike(hashing, verdicts):
    batch = VerdictBatch.of(verdicts)
    assert "0x" + hashing.hashVerdictBatch(*batch.as_tuple()).call().hex() == batch.struct_hash()


@given(st.sampled_from(list(HASHED)).flatmap(messages_of))
@many
def test_python_and_solidity_hash_every_other_message_alike(hashing, message):
    if isinstance(message, Cancel):
        message = in_range(message)
    struct_hash = getattr(hashing, HASHED[type(message)])(message.as_tuple()).call()
    assert "0x" + struct_hash.hex() == message.struct_hash()


@given(st.sampled_from([Ask, Bid, VerdictBatch, *HASHED]).flatmap(messages_of))
@many
def test_python_and_solidity_sign_the_same_digest(chain, message):
    functions = chain.contracts().escrow.functions
    assert "0x" + functions.digestOf(message.struct_hash()).call().hex() == message.digest(chain.book.domain)


def test_python_and_solidity_have_the_same_domain(chain):
    functions = chain.contracts().escrow.functions
    assert functions.domainSeparator().call() == chain.book.domain.separator()
    _, name, version, chain_id, address, _, _ = functions.eip712Domain().call()
    assert {"name": name, "version": version, "chainId": chain_id, "verifyingContract": address} == (
        chain.book.domain.as_json()
    )


@given(messages_of(Ask), messages_of(Bid))
@many
def test_python_and_solidity_quote_alike(hashing, ask, bid):
    quoted = hashing.quote(packed_ask(ask), packed_bid(bid)).call()
    assert quoted == compute_quote(ask.rates, bid.resources).total


def test_every_custom_error_arrives_by_name_with_its_values():
    from eth_abi import encode

    for selector, item in custom_errors().items():
        kinds = [argument["type"] for argument in item["inputs"]]
        samples = {
            "address": "0x" + "11" * 20,
            "bytes32": b"\x22" * 32,
            "string": "x",
            "bytes": b"x",
            "bytes1": b"a",
            "bytes4": b"abcd",
        }
        values = [samples.get(kind, 1) for kind in kinds]
        caught = decode_revert("0x" + selector + encode(kinds, values).hex())
        assert caught.name == item["name"]
        assert list(caught.args_) == [argument["name"] for argument in item["inputs"]]
        json.dumps(caught.args_)


MAGIC = "631626ba7e60e01b60005260206000f3"
"""PUSH4 0x1626ba7e, PUSH1 0xe0, SHL, PUSH1 0, MSTORE, PUSH1 0x20, PUSH1 0, RETURN: accepts every signature."""
BURN = "6201ffff5b6001900380600457"
"""Counts down from 131,071 first, which takes about 3,400,000 gas."""


def deploy_runtime(chain, runtime: str) -> str:
    """A contract with just this code."""
    web3 = chain.contracts().web3
    code = bytes.fromhex(runtime)
    init = bytes.fromhex(f"60{len(code):02x}600c60003960{len(code):02x}6000f3") + code
    key = chain.keys["stranger"]
    transaction = {
        "from": key.address, "data": init, "gas": 500_000, "gasPrice": web3.eth.gas_price, "chainId": web3.eth.chain_id,
        "nonce": web3.eth.get_transaction_count(key.address), "value": 0,
    }  # fmt: skip
    sent = web3.eth.send_raw_transaction(key.sign_transaction(transaction).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]


@pytest.mark.parametrize(
    "runtime, accepted",
    [
        (MAGIC, True),
        (BURN + MAGIC, False),
        ("60006000fd", False),
        ("6308c379a060e01b60005260056000fd", False),
        ("00", False),
        ("60ff60005260206000f3", False),
        ("fe", False),
    ],
    ids=["accepts", "takes too much gas", "reverts", "reverts with garbage", "no answer", "another answer", "invalid"],
)
def test_contract_signs_only_by_a_cheap_and_clear_yes(chain, runtime, accepted):
    account = deploy_runtime(chain, runtime)
    assert chain.reader().has_code(account)
    assert chain.reader().is_valid_contract_signature(account, "0x" + "11" * 32, "0x1234") is accepted


def test_wallet_without_the_money_is_told_so_before_anything_is_sent(chain):
    with pytest.raises(InsufficientFunds, match="holds 0"):
        chain.account("stranger").deposit(1)


def test_node_that_does_not_answer_is_an_unavailable_chain(chain):
    dead = ChainReader(Contracts("http://127.0.0.1:9", chain.book))
    with pytest.raises(ChainUnavailable):
        dead.head()


def test_address_book_survives_being_written_and_read(chain, tmp_path):
    path = tmp_path / "book.json"
    path.write_text(json.dumps(chain.book.to_json()))
    assert AddressBook.load(path) == chain.book


def test_deposits_are_seen_as_events(chain):
    reader = chain.reader()
    seen = [
        event for event in reader.events(reader.deployed_at_block, reader.head().number) if isinstance(event, Deposited)
    ]
    assert (seen[0].account, seen[0].amount) == (chain.address("renter"), 10_000_000)
    assert load_abi("Escrow")
